"""A folder of images as a dataset."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from srbench.errors import UsageError, one_line, reason_of
from srbench.images.read import list_folder
from srbench.specs import NAME, Asset, DatasetSpec, ImagePair

if TYPE_CHECKING:
    from pathlib import Path


FOLDER_SCALES = (2, 3, 4, 8)


def folder_dataset(folder: Path) -> DatasetSpec:
    """Return a dataset of a folder of HR images, or of a folder with ``HR/`` and ``LR/`` (or ``LR/x4/``) in it.

    Raises:
        UsageError: the folder holds no image, or HR and LR do not pair up.
    """
    folder = folder.resolve()
    try:
        subfolders = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read as a folder ({reason_of(error)})") from error
    if "hr" in subfolders and "lr" in subfolders:
        images = partial(_pairs, subfolders["hr"], subfolders["lr"])
    elif "hr" in subfolders:
        images = partial(singles, subfolders["hr"])
    else:
        images = partial(singles, folder)
    name = re.sub(r"[^a-z0-9._-]+", "-", folder.name.lower()).strip("-._")
    return DatasetSpec(
        name=name if NAME.fullmatch(name) else "folder",
        summary=f"the images in {one_line(folder)}",
        scales=FOLDER_SCALES,
        images=images,
        source=str(folder),
    )


def singles(folder: Path, _scale: int) -> list[ImagePair]:
    """Return the images of a folder as pairs without LR, named by file; with the extension if stems repeat."""
    files = list_folder(folder)
    stems = Counter(file.stem for file in files)
    return [ImagePair(file.stem if stems[file.stem] == 1 else file.name, file) for file in files]


def _pairs(hr_folder: Path, lr_folder: Path, scale: int) -> list[ImagePair]:
    subfolders = [path for path in lr_folder.iterdir() if path.is_dir()]
    by_scale = {path.name.lower(): path for path in subfolders if re.fullmatch(r"[xX]\d+", path.name)}
    if by_scale and f"x{scale}" not in by_scale:
        raise UsageError(f"{lr_folder}: has no folder x{scale} beside {', '.join(sorted(by_scale))}")
    hr = {pair.name: pair.hr for pair in singles(hr_folder, scale)}
    lr: dict[str, Path | Asset] = {}
    for pair in singles(by_scale.get(f"x{scale}", lr_folder), scale):
        name = pair.name if pair.name in hr else pair.name.removesuffix(f"x{scale}")
        if name in lr:
            raise UsageError(f"{hr_folder.parent}: {name!r} has two LR images; rename one")
        lr[name] = pair.hr
    if unpaired := sorted(set(hr) ^ set(lr)):
        side = "LR" if unpaired[0] in hr else "HR"
        more = f" (and {len(unpaired) - 1} more)" if len(unpaired) > 1 else ""
        raise UsageError(f"{hr_folder.parent}: {unpaired[0]!r} has no {side} image of the same name{more}")
    return [ImagePair(name, file, lr[name]) for name, file in hr.items()]
