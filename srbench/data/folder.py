"""A folder of images as a dataset."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from srbench.data.listing import list_pairs
from srbench.data.match import image_names
from srbench.errors import one_line
from srbench.images.read import list_folder
from srbench.specs import NAME, DatasetSpec, ImagePair, Remark

if TYPE_CHECKING:
    from pathlib import Path


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
    return DatasetSpec(
        name=name or name_of(folder),
        summary=f"the images in {one_line(folder)}",
        scales=FOLDER_SCALES,
        images=partial(_images, folder),
        remarks=partial(_remarks, folder),
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


def _images(folder: Path, scale: int) -> list[ImagePair]:
    return list_pairs(folder, scale).pairs


def _remarks(folder: Path, scale: int) -> list[Remark]:
    return list_pairs(folder, scale).remarks
