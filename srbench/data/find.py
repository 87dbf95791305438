"""Find a dataset by name or path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.data.folder import folder_dataset, singles
from srbench.errors import UsageError, reason_of
from srbench.specs import NAME, DatasetSpec, ImagePair
from srbench.store.archives import fetch_archive, unpacked
from srbench.store.home import users_path
from srbench.system.file_kinds import no_file, read_fault

if TYPE_CHECKING:
    from srbench.catalog.catalog import Catalog
    from srbench.system.terminal import UI


def find_dataset(catalog: Catalog, text: str) -> DatasetSpec:
    """Return a dataset by name or folder.

    ``NAME=FOLDER`` is a folder under another name, or a dataset whose archive is unpacked in the folder.

    Raises:
        UsageError: there is no such dataset or folder.
    """
    if text in catalog.datasets:
        spec = catalog.datasets[text]
        folder = unpacked(spec.archive) if spec.archive and spec.images is None else None
        return _in_folder(spec, folder) if folder else spec
    if named := split_name(text):
        return _named_folder(catalog, named[0], Path(named[1]))
    try:
        folder = Path(text).expanduser()
        is_folder, is_path = folder.is_dir(), "/" in text or "\\" in text or folder.exists()
    except (OSError, RuntimeError) as error:  # a name too long, or ~ of an unknown user
        raise UsageError(f"dataset {text!r}: {reason_of(error)}") from error
    if is_folder:
        return folder_dataset(folder)
    if folder.is_file():
        raise UsageError(f"dataset {text!r}: is a file; a dataset is a folder of images, or a name ('srbench list')")
    if is_path:
        fault = read_fault(folder)
        raise UsageError(f"dataset {text!r}: {fault or f'no such folder{_name_hint(text)}'}")
    return catalog.datasets[text]


def split_name(text: str) -> tuple[str, str] | None:
    """Return the name and the absolute folder of ``NAME=FOLDER``; None for anything else."""
    name, equals, folder = text.partition("=")
    if not (equals and folder and NAME.fullmatch(name)):
        return None
    try:
        return None if Path(text).exists() else (name, str(Path(folder).expanduser().resolve()))
    except (OSError, RuntimeError) as error:  # a name too long, or ~ of an unknown user
        raise UsageError(f"dataset {text!r}: {reason_of(error)}") from error


def check_out(out: Path, spec: DatasetSpec) -> None:
    """Check that what a command writes does not lie among the images of a folder.

    The default folder of a run, below ``runs``, may: such folders are known to hold no data.

    Raises:
        UsageError: ``out`` is the dataset's folder, or in it.
    """
    folder, target = Path(spec.source), out.expanduser().resolve()
    if not (folder.is_absolute() and folder.is_dir() and target.is_relative_to(folder)):
        return
    runs = Path("runs").resolve()
    if target != runs and target.is_relative_to(runs) and runs.is_relative_to(folder) and runs != folder:
        return
    where = "is" if target == folder else "lies in"
    raise UsageError(f"--out {out} {where} the folder of dataset {spec.name}; choose a folder outside of {folder}")


def _name_hint(text: str) -> str:
    """Return what to write where a text looks like ``NAME=FOLDER`` but its name is of another form."""
    name, equals, folder = text.partition("=")
    if not equals or "/" in name or not users_path(folder).is_dir():
        return ""
    return f"; NAME in NAME=FOLDER is lower-case letters, digits, '.', '_' and '-', not {name!r}"


def _named_folder(catalog: Catalog, name: str, folder: Path) -> DatasetSpec:
    """Return a folder as a dataset of a new name, or the dataset of that name with its archive's images in the folder.

    Raises:
        UsageError: there is no such folder, or the name is another dataset's.
    """
    if name not in catalog.datasets:
        if not folder.is_dir():
            raise UsageError(f"dataset {name}={folder}: {no_file(folder, 'folder')}")
        return folder_dataset(folder, name)
    spec = catalog.datasets[name]
    if spec.archive is None:
        raise UsageError(f"dataset {name}={folder}: {name} is a dataset with files of its own; choose another name")
    for inside in (folder / spec.archive.folder, folder / Path(spec.archive.folder).name, folder):
        if inside.is_dir():
            return replace(_in_folder(spec, inside), source=str(inside))
    raise UsageError(f"dataset {spec.name}={folder}: no such folder")


def _in_folder(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Return a dataset with the images of its unpacked archive, without the excluded ones."""

    def images(scale: int) -> list[ImagePair]:
        return [pair for pair in singles(folder, scale) if pair.name not in spec.excluded]

    return replace(spec, images=images)


def with_images(spec: DatasetSpec, ui: UI) -> DatasetSpec:
    """Return a dataset with images; its archive, if it has one, is fetched and unpacked.

    Raises:
        AssetError: the archive is not available.
    """
    if spec.images is not None or spec.archive is None:
        return spec
    return _in_folder(spec, fetch_archive(spec.archive, ui))
