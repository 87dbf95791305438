"""A name or a path -> a dataset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.data.folder import folder_dataset, singles
from srbench.errors import UsageError, reason_of
from srbench.specs import NAME, DatasetSpec, ImagePair
from srbench.store.archives import fetch_archive, unpacked

if TYPE_CHECKING:
    from srbench.catalog.catalog import Catalog
    from srbench.system.terminal import UI


def find_dataset(catalog: Catalog, text: str) -> DatasetSpec:
    """Return the dataset of this name, or the folder at this path; ``NAME=FOLDER`` is an archive's set unpacked there.

    Raises:
        UsageError: it is none of them.
    """
    if text in catalog.datasets:
        spec = catalog.datasets[text]
        folder = unpacked(spec.archive) if spec.archive and spec.images is None else None
        return _in_folder(spec, folder) if folder else spec
    if named := split_name(text):
        return _named_folder(catalog.datasets[named[0]], Path(named[1]))
    try:
        folder = Path(text).expanduser()
        is_folder, is_path = folder.is_dir(), "/" in text or "\\" in text or folder.exists()
    except (OSError, RuntimeError) as error:  # a name too long; the home of nobody
        raise UsageError(f"dataset {text!r}: {reason_of(error)}") from error
    if is_folder:
        return folder_dataset(folder)
    if is_path:
        raise UsageError(f"dataset {text!r}: no such folder")
    return catalog.datasets[text]


def split_name(text: str) -> tuple[str, str] | None:
    """Return the name and the absolute folder of ``NAME=FOLDER``; None for anything else."""
    name, equals, folder = text.partition("=")
    if not (equals and folder and NAME.fullmatch(name)):
        return None
    try:
        return None if Path(text).exists() else (name, str(Path(folder).expanduser().resolve()))
    except (OSError, RuntimeError) as error:  # a name too long; the home of nobody
        raise UsageError(f"dataset {text!r}: {reason_of(error)}") from error


def _named_folder(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    if spec.archive is None:
        raise UsageError(f"dataset {spec.name} is made of files of known content; give the folder alone: {folder}")
    for inside in (folder / spec.archive.folder, folder / Path(spec.archive.folder).name, folder):
        if inside.is_dir():
            return replace(_in_folder(spec, inside), source=str(inside))
    raise UsageError(f"dataset {spec.name}={folder}: no such folder")


def _in_folder(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Return an archive's set with the images of a folder, less those that it leaves out."""

    def images(scale: int) -> list[ImagePair]:
        return [pair for pair in singles(folder, scale) if pair.name not in spec.excluded]

    return replace(spec, images=images)


def with_images(spec: DatasetSpec, ui: UI) -> DatasetSpec:
    """Return a set that can be listed, its archive fetched and unpacked where it comes as one.

    Raises:
        AssetError: the archive could not be had.
    """
    if spec.images is not None or spec.archive is None:
        return spec
    return _in_folder(spec, fetch_archive(spec.archive, ui))
