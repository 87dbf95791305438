"""Image sets: a dataset at a scale, fetched, checked and hashed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.data.find import with_images
from srbench.data.given_lr import remark_on
from srbench.data.pairs import pair_hash, usable
from srbench.errors import AssetError, UsageError
from srbench.images.degradations import BICUBIC, Degradation
from srbench.specs import Asset, DatasetSpec, ImagePair
from srbench.store.assets import fetch_all
from srbench.store.hashes import digest

if TYPE_CHECKING:
    from srbench.specs import Remark
    from srbench.system.terminal import UI


@dataclass(frozen=True)
class ImageSet:
    """A dataset at a scale, with the hashes of its images."""

    spec: DatasetSpec
    """The dataset, its archive fetched where it comes as one."""
    reference: str
    """Its name or absolute path, by which workers find it."""
    name: str
    """What results call it; with the degradation where that is not bicubic, such as ``set5+crappify``."""
    scale: int
    pairs: list[ImagePair]
    """Images that can be scored, in the order of the dataset."""
    hashes: dict[str, str]
    """By image; see `srbench.data.pairs.pair_hash`."""
    left_out: list[str]
    """Images that cannot be scored, each with its fault."""
    degradation: Degradation = BICUBIC
    """How LR is made; one other than bicubic is part of the name and of the hashes, so that results never mix."""
    fault: str = ""
    """Why no image can be scored."""
    selected: str = ""
    """Which images were chosen, for people: ``3 of 5 images``; empty for all."""

    def made_by(self, pair: ImagePair) -> str:
        """Return what makes a pair's LR, for results."""
        return "as-given" if pair.lr is not None and self.degradation is BICUBIC else self.degradation.identity

    @property
    def identity(self) -> str:
        """Return a hash of all images, sorted by name."""
        return digest(sorted(self.hashes.items()))


def prepare(
    reference: str,
    spec: DatasetSpec,
    name: str,
    scale: int,
    ui: UI,
    degradation: Degradation = BICUBIC,
    pairs: list[ImagePair] | None = None,
    *,
    remarks: bool = True,
) -> ImageSet:
    """Fetch a dataset's files, and leave out images that cannot be scored, with a warning each.

    What users should know of its images is shown, unless not ``remarks``: it was said before. With a degradation other
    than bicubic, the set is named after it, such as ``set5+crappify``.

    Raises:
        UsageError: no image of the dataset can be scored.
    """
    spec.check_scale(scale)
    name = name if degradation is BICUBIC else f"{name}+{degradation.label}"
    try:
        spec = with_images(spec, ui)
        pairs = spec.pairs(scale) if pairs is None else pairs
        assets = [file for pair in pairs for file in (pair.hr, pair.lr) if isinstance(file, Asset)]
        fetch_dataset(assets, f"{spec.name} x{scale}", ui)
    except AssetError as error:
        return ImageSet(spec, reference, name, scale, [], {}, [], degradation, fault=str(error))
    tell(spec, scale, ui)
    good, faults = usable(pairs, scale)
    for fault in faults:
        ui.warn(f"left out: {fault}")
    if not good:
        reason = faults[0] if faults else "it lists no image"
        reason += f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise UsageError(f"dataset {reference}: no image can be scored at x{scale}: {reason}")
    for remark in remark_on(spec.name, good, scale, degradation) if remarks else ():
        show(remark, ui)
    hashes = {pair.name: pair_hash(pair, degradation) for pair in good}
    return ImageSet(spec, reference, name, scale, good, hashes, faults, degradation)


def tell(spec: DatasetSpec, scale: int, ui: UI) -> None:
    """Show what users should know of a dataset's images."""
    for remark in spec.remarks(scale) if spec.remarks else ():
        show(remark, ui)


def show(remark: Remark, ui: UI) -> None:
    """Show a remark as a note or a warning."""
    (ui.warn if remark.warning else ui.note)(remark.text)


def fetch_dataset(assets: list[Asset], label: str, ui: UI) -> None:
    """Fetch a dataset's files, showing progress.

    Raises:
        AssetError: a file is not available.
    """
    if not assets:
        return
    with ui.track(f"fetching {label}", len(assets)) as advance:
        fetch_all(assets, lambda asset: advance(Path(asset.path).name))
