"""What is trained on and what is validated on: datasets and folders -> decoded images, with what was left out."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from srbench.assets import digest, file_hash, local_path
from srbench.datasets import fetch_dataset, find_dataset, planes
from srbench.errors import AssetError, ImageError, UsageError
from srbench.images import read_8bit
from srbench.specs import Asset

if TYPE_CHECKING:
    from srbench.catalog import Catalog
    from srbench.specs import ImagePair
    from srbench.terminal import UI


@dataclass(frozen=True)
class TrainingData:
    """Decoded images, ``(3, H, W)`` uint8, and what the card says about each set."""

    images: list[torch.Tensor]
    sets: list[dict[str, Any]]


def load_images(catalog: Catalog, names: tuple[str, ...], scale: int, limit: int, seed: int, ui: UI) -> TrainingData:
    """Fetch and decode the sets that are trained on.

    Args:
        catalog: where datasets come from.
        names: datasets and folders.
        scale: the factor that is trained for.
        limit: a seeded subset of this many images of each set; 0 for all.
        seed: chooses the subset.
        ui: hears of what is left out.

    Raises:
        UsageError: a name is unknown, or nothing can be used.
        AssetError: a file could not be had.
    """
    images: list[torch.Tensor] = []
    sets = []
    for name in names:
        spec = find_dataset(catalog, name)
        pairs = spec.pairs(scale)
        if limit and limit < len(pairs):
            order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))
            pairs = [pairs[i] for i in sorted(order[:limit].tolist())]
        fetch_dataset([pair.hr for pair in pairs if isinstance(pair.hr, Asset)], spec.name, ui)
        with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor() as pool:  # not in threads: it is global
            decoded = list(pool.map(_decode, pairs))
        faults = [image for image in decoded if isinstance(image, str)]
        for fault in faults:
            ui.warn(f"left out: {fault}")
        good = [image for image in decoded if not isinstance(image, str)]
        if not good:
            raise UsageError(f"training set {name}: no image can be used")
        images += good
        hashes = sorted(
            file_hash(pair.hr) for pair, image in zip(pairs, decoded, strict=True) if not isinstance(image, str)
        )
        sets.append({"name": spec.name, "images": len(good), "hash": digest(hashes), "excluded": dict(spec.excluded)})
    return TrainingData(images, sets)


def _decode(pair: ImagePair) -> torch.Tensor | str:
    """Return the HR image, or its fault."""
    try:
        return torch.from_numpy(planes(read_8bit(local_path(pair.hr))))
    except (ImageError, AssetError) as error:
        return str(error)
