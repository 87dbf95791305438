"""SR images that any tool made, in a folder, as the outputs of a method: ``files:DIR``. No torch at the top."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from srbench.errors import MethodError, UsageError, several
from srbench.images.picture import has_colour
from srbench.images.read import read_8bit, read_size
from srbench.scoring.fit import GREY_SR, fit
from srbench.scoring.pairing import list_names, pair_files
from srbench.store.assets import local_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

    from srbench.specs import ImagePair


def folder_of(root: Path, dataset: str, scale: int) -> Path:
    """Return the folder below ``root`` that holds SR of a dataset at a scale; the root itself if there is none.

    Of a dataset ``set5`` at x4 it is the first that exists of ``set5/x4``, ``set5_x4``, ``x4/set5``, ``set5``, ``x4``,
    in any case. ``set5+crappify`` comes before ``set5`` where LR is made by that degradation.
    """
    at = f"x{scale}"
    plain = dataset.partition("+")[0]
    of_folder = re.sub(r"(-(hr|gt|gtmod\d+|x\d+))+$", "", plain)  # a folder Set5/HR is called set5-hr
    for name in dict.fromkeys((dataset, plain, of_folder)):
        for parts in ((name, at), (f"{name}_{at}",), (at, name), (name,)):
            if name and (folder := _below(root, parts)):
                return folder
    return _below(root, (at,)) or root


def _below(root: Path, parts: Sequence[str]) -> Path | None:
    folder = root
    for part in parts:
        inside = [path for path in folder.iterdir() if path.name.lower() == part.lower() and path.is_dir()]
        if not inside:
            return None
        folder = inside[0]
    return folder


def sr_files(root: Path, dataset: str, scale: int, pairs: Sequence[ImagePair]) -> dict[str, Path]:
    """Return the SR file of each image of a dataset, paired by name as ``srbench score`` does.

    Args:
        root: the folder of a method ``files:DIR``.
        dataset: name of the dataset in results; empty if unknown.
        scale: the scale factor.
        pairs: the images.

    Raises:
        MethodError: an image has no SR file, or names can be paired in several ways.
    """
    folder = folder_of(root, dataset, scale)
    names = {pair.name: local_path(pair.hr) for pair in pairs}
    aliases = {pair.name: (*getattr(pair, "aliases", ()), local_path(pair.hr).stem) for pair in pairs}
    try:
        paired = {pair.name: pair.sr for pair in pair_files(list_names(folder), names, scale, aliases).pairs}
    except UsageError as error:
        raise MethodError(f"{folder}: {error}") from error
    if missing := [name for name in names if name not in paired]:
        raise MethodError(f"{folder}: {len(missing)} of {len(names)} images have no SR file ({several(missing)})")
    return paired


class SRImage(NamedTuple):
    """SR of an image as it is scored, ``(3, H, W)`` uint8, and what is odd about its file."""

    pixels: torch.Tensor
    remarks: dict[str, str]
    """By topic: ``size`` and ``colour``."""


def read_sr(file: Path, pair: ImagePair, hr: torch.Tensor, scale: int) -> SRImage:
    """Read SR of an image from a file, cropped as its HR is.

    Args:
        file: the SR file.
        pair: the image.
        hr: its HR as it is scored, ``(3, H, W)`` uint8; SR is returned on its device.
        scale: the scale factor.

    Raises:
        ImageError: the file cannot be used, or has another size than HR.
    """
    import torch

    from srbench.images.tensors import planes

    path = local_path(pair.hr)
    fitted = fit(read_8bit(file), read_size(path), scale, str(file), path.name)
    remarks = {"size": fitted.remark} if fitted.remark else {}
    if bool((hr != hr[:1]).any()) and not has_colour(fitted.sr):
        remarks["colour"] = GREY_SR
    return SRImage(torch.from_numpy(planes(fitted.sr)).to(hr.device), remarks)
