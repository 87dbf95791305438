"""A folder of images as a dataset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from srbench.data.listing import list_pairs
from srbench.data.match import image_names
from srbench.errors import one_line
from srbench.images.read import list_folder
from srbench.specs import NAME, DatasetSpec, ImagePair, Remark

if TYPE_CHECKING:
    from pathlib import Path

    from srbench.data.listing import Listing


FOLDER_SCALES = (2, 3, 4, 8)


def folder_dataset(folder: Path, name: str = "") -> DatasetSpec:
    """Return a dataset of a folder of HR images, or of HR and LR images in a layout of `srbench.data.layouts`.

    Args:
        folder: the folder.
        name: name of the dataset; by default the folder's.

    Raises:
        UsageError: the folder cannot be read; its listing raises where it has no images, or HR and LR do not pair up.
    """
    folder = folder.resolve()
    listings = _Listings(folder)
    return DatasetSpec(
        name=name or name_of(folder),
        summary=f"the images in {one_line(folder)}",
        scales=FOLDER_SCALES,
        images=listings.images,
        remarks=listings.remarks,
        source=str(folder),
    )


def name_of(folder: Path, parents: int = 0) -> str:
    """Return the name of a dataset from its folder and so many of its parents."""
    parts = [folder.name]
    for parent in list(folder.parents)[:parents]:
        parts.insert(0, parent.name)
    name = re.sub(r"[^a-z0-9._-]+", "-", "-".join(parts).lower()).strip("-._")
    return name if NAME.fullmatch(name) else "folder"


def singles(folder: Path, _scale: int) -> list[ImagePair]:
    """Return the images of a folder as pairs without LR, named by file; with the extension if stems repeat."""
    files = list_folder(folder)
    return [ImagePair(name, file) for name, file in zip(image_names(files), files, strict=True)]


class _Listings:
    """A folder's images and remarks by scale; it is listed once for both, as it may hold very many files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_scale: dict[int, Listing] = {}

    def images(self, scale: int) -> list[ImagePair]:
        return list(self._at(scale).pairs)

    def remarks(self, scale: int) -> list[Remark]:
        return list(self._at(scale).remarks)

    def _at(self, scale: int) -> Listing:
        if scale not in self._by_scale:
            self._by_scale[scale] = list_pairs(self.folder, scale)
        return self._by_scale[scale]
