"""Training data: the image files of datasets and folders with their sizes; images left out or held out."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from srbench.data.find import find_dataset, with_images
from srbench.data.given_lr import remark_on
from srbench.data.image_sets import fetch_dataset, show, tell
from srbench.data.pairs import check_sizes, pair_hash
from srbench.errors import AssetError, ImageError, UsageError, reason_of
from srbench.images.degradations import BICUBIC
from srbench.images.read import read_size
from srbench.specs import Asset
from srbench.store.archives import read_record
from srbench.store.assets import local_path
from srbench.store.hashes import digest
from srbench.system.threads import in_threads
from srbench.training.data.test_images import find_test_images

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from srbench.catalog.catalog import Catalog
    from srbench.images.degradations import Degradation
    from srbench.specs import ImagePair
    from srbench.system.terminal import UI

HELD_OUT = "held-out"
"""Name of the part of the training data that is used for validation instead."""
MOST_HELD_OUT = 100


@dataclass(frozen=True)
class TrainingImage:
    """A training image file; height and width, in pixels, come from its header."""

    name: str
    path: Path
    height: int
    width: int
    lr: Path | None = None
    """The LR file of a set that brings LR; None: LR is made from HR."""
    dataset: int = 0
    """Index of its set."""


@dataclass(frozen=True)
class TrainingData:
    """The training images, the card's entry of each set, and the images held out for validation."""

    images: list[TrainingImage]
    sets: list[dict[str, Any]]
    held_out: tuple[TrainingImage, ...] = ()
    test_images: Mapping[str, str] = field(default_factory=dict)
    """Images that a test set has too: names of both."""

    def without(self, left_out: Collection[Path]) -> list[dict[str, Any]]:
        """Return the card's entries with the images counted that are trained on, and those that are not."""
        faulty = Counter(image.dataset for image in self.images if image.path in left_out)
        held = Counter(image.dataset for image in self.held_out)
        return [
            {**entry, "images": entry["images"] - faulty[i] - held[i], "left_out": entry["left_out"] + faulty[i]}
            for i, entry in enumerate(self.sets)
        ]

    def drop(self, faulty: Collection[Path]) -> TrainingData:
        """Return the data without images that cannot be decoded; the card counts them as left out."""
        images = [image for image in self.images if image.path not in faulty]
        return replace(self, images=images, sets=self.without(faulty))

    def made_by(self, degradation: Degradation) -> str:
        """Return what makes the images' LR, for the card: ``as-given``, the degradation, or both."""
        given = sum(image.lr is not None for image in self.images)
        identity = degradation.identity if given < len(self.images) else ""
        return " and ".join(filter(None, (identity, "as-given" if given else "")))

    def hold_out(self, seed: int) -> TrainingData:
        """Return the data with a seeded tenth of the images held out, at most `MOST_HELD_OUT`.

        Raises:
            UsageError: there are fewer than two images.
        """
        if len(self.images) < 2:
            raise UsageError("a single image cannot be held out too; --validate-on names a dataset or folder")
        count = min(MOST_HELD_OUT, max(1, len(self.images) // 10))
        order = np.random.default_rng((seed, len(self.images))).permutation(len(self.images)).tolist()
        held = tuple(self.images[i] for i in sorted(order[:count]))
        return replace(self, images=[self.images[i] for i in sorted(order[count:])], held_out=held)


def find_images(
    catalog: Catalog,
    names: tuple[str, ...],
    limit: int,
    seed: int,
    scale: int,
    ui: UI,
    degradation: Degradation = BICUBIC,
) -> TrainingData:
    """Fetch the training sets and read the headers of their images.

    Args:
        catalog: the datasets.
        names: datasets, folders, and ``NAME=FOLDER``.
        limit: size of the seeded subset of each set; 0 for all images.
        seed: chooses the subset.
        scale: scale of the training.
        ui: is told which images are left out, and what users should know of the others.
        degradation: makes LR; one other than bicubic replaces LR files of the sets.

    Raises:
        UsageError: a name is unknown, or a set has no usable image.
        AssetError: a file is not available.
    """
    images: dict[TrainingImage, str] = {}
    sets = []
    specs = [find_dataset(catalog, name) for name in names]
    for spec in specs:  # before anything is fetched
        spec.check_scale(scale)
    for index, (name, reference) in enumerate(zip(names, specs, strict=True)):
        spec = with_images(reference, ui)
        pairs = spec.pairs(scale)
        if limit and limit < len(pairs):
            order = np.random.default_rng((seed, len(pairs))).permutation(len(pairs))
            pairs = [pairs[i] for i in sorted(order[:limit].tolist())]
        assets = [file for pair in pairs for file in (pair.hr, pair.lr) if isinstance(file, Asset)]
        fetch_dataset(assets, spec.name, ui)
        tell(spec, scale, ui)
        for remark in remark_on(spec.name, pairs, scale, degradation):
            show(remark, ui)
        if degradation is not BICUBIC:
            pairs = [replace(pair, lr=None) for pair in pairs]
        local = next((pair.hr for pair in pairs if not isinstance(pair.hr, Asset)), None)
        record = read_record(local.parent) if spec.archive and local else {}
        inspect = partial(_inspect, spec.name, record.get("sha256", ""), scale)
        with warnings.catch_warnings(action="ignore"):  # not in threads: it is global
            inspected = in_threads(inspect, pairs)
        for fault in (item for item in inspected if isinstance(item, str)):
            ui.warn(f"left out: {fault}")
        good = [item for item in inspected if not isinstance(item, str)]
        if not good:
            raise UsageError(f"training set {name}: no image can be used")
        images |= {replace(image, dataset=index): file.partition("+")[0] for image, file in good}
        hashes = sorted(file for _, file in good)
        entry = {"name": spec.name, "images": len(good), "left_out": len(pairs) - len(good)}
        entry |= {"hash": digest(hashes), "excluded": dict(spec.excluded)}
        if given := sum(image.lr is not None for image, _ in good):
            entry["lr_as_given"] = given
        if record:
            entry["archive"] = {key: record.get(key) for key in ("archive", "source", "sha256", "verified")}
        sets.append(entry)
    test_images = find_test_images(catalog, images)
    _warn(test_images, ui)
    return TrainingData(list(images), sets, test_images=test_images)


def _warn(test_images: Mapping[str, str], ui: UI) -> None:
    """Name the first test images among the training images."""
    if test_images:
        shown = ", ".join(f"{name} ({twin})" for name, twin in list(test_images.items())[:3])
        more = f" and {len(test_images) - 3} more" if len(test_images) > 3 else ""
        ui.warn(f"trained on test images, so figures on those sets are not of unseen images: {shown}{more}")


def _inspect(dataset: str, archive: str, scale: int, pair: ImagePair) -> tuple[TrainingImage, str] | str:
    """Return an image and its files' hash (of archive and name for archived files), or an error message."""
    try:
        path = local_path(pair.hr)
        width, height = read_size(path)
        lr = None if pair.lr is None else local_path(pair.lr)
        if lr is not None:
            check_sizes(path, (width - width % scale, height - height % scale), lr, read_size(lr), scale)
        identity = digest([archive, path.name]) if archive else pair_hash(pair)
        return TrainingImage(f"{dataset}-{pair.name}", path, height, width, lr), identity
    except OSError as error:
        return f"{pair.hr}: cannot be read ({reason_of(error)})"
    except (ImageError, AssetError) as error:
        return str(error)
