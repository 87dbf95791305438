"""Find the HR files that a folder of SR is scored against: a folder, or a dataset by name."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from srbench.data.find import find_dataset, split_name, with_images
from srbench.data.folder import folder_dataset
from srbench.data.image_sets import fetch_dataset
from srbench.errors import UsageError
from srbench.images.read import list_folder
from srbench.scoring.pairing import list_names
from srbench.specs import Asset
from srbench.store.assets import local_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.catalog.catalog import Catalog
    from srbench.specs import ImagePair
    from srbench.system.terminal import UI


class HRFiles(NamedTuple):
    """HR files by name, and the other names of images."""

    files: dict[str, Path]
    aliases: dict[str, tuple[str, ...]]


def find_hr(catalog: Catalog, text: str, scale: int, ui: UI, suffix: str = "") -> HRFiles:
    """Return the HR files of a folder, or of a dataset, which is fetched.

    Args:
        catalog: contains the datasets.
        text: a folder, the name of a dataset, or ``NAME=FOLDER``.
        scale: the scale factor; 1 takes a folder's images alone.
        ui: shows progress.
        suffix: removed from the end of names.

    Raises:
        UsageError: there is no such folder or dataset, or the dataset has no images at this scale.
        AssetError: a file of the dataset is not available.
    """
    folder = Path(text)
    if folder.is_file():
        return HRFiles(list_names(folder), {})
    if folder.is_dir():
        return HRFiles(_in_folder(folder, scale, suffix), {})
    if text.lower() not in catalog.datasets and split_name(text) is None:
        near = difflib.get_close_matches(text.lower(), [*catalog.datasets.specs, *catalog.datasets.aliases], n=1)
        hint = f"; did you mean the dataset {near[0]!r}?" if near else ""
        raise UsageError(f"{text}: cannot be read as a folder (no such folder, and no dataset of this name){hint}")
    spec = with_images(find_dataset(catalog, text), ui)
    pairs = spec.pairs(scale)
    fetch_dataset([pair.hr for pair in pairs if isinstance(pair.hr, Asset)], f"{spec.name} x{scale}", ui)
    aliases = {pair.name: tuple(getattr(pair, "aliases", ())) for pair in pairs}
    return HRFiles(_by_name(pairs, suffix), aliases)


def _in_folder(folder: Path, scale: int, suffix: str) -> dict[str, Path]:
    """Return the HR images in a folder, or in a layout of HR and LR below it."""
    try:
        list_folder(folder)
    except UsageError:
        pairs = folder_dataset(folder).images
        try:
            return _by_name(pairs(scale) if pairs is not None and scale > 1 else [], suffix) or list_names(
                folder, suffix
            )
        except UsageError:
            pass
    return list_names(folder, suffix)


def _by_name(pairs: Iterable[ImagePair], suffix: str) -> dict[str, Path]:
    return {pair.name.removesuffix(suffix): local_path(pair.hr) for pair in pairs}
