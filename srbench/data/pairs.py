"""Decode, check and hash pairs of image files."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from srbench.errors import ImageError, SRBenchError
from srbench.images.degradations import BICUBIC, Degradation
from srbench.images.picture import Picture, mod_crop
from srbench.images.read import read_8bit
from srbench.specs import Asset, ImagePair
from srbench.store.assets import local_path
from srbench.store.hashes import file_hash
from srbench.system.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def load_pair(pair: ImagePair, scale: int) -> tuple[Picture, Picture | None]:
    """Decode an image pair: HR cropped to multiples of the scale, and LR if the dataset has it.

    Raises:
        AssetError: a file is not available.
        ImageError: a file cannot be used, or the sizes of LR and HR do not match.
    """
    hr_path = local_path(pair.hr)
    hr = mod_crop(read_8bit(hr_path), scale, str(hr_path))
    if pair.lr is None:
        return hr, None
    lr_path = local_path(pair.lr)
    lr = read_8bit(lr_path)
    check_sizes(hr_path, hr.size, lr_path, lr.size, scale)
    return hr, lr


def check_sizes(hr_path: Path, hr: tuple[int, int], lr_path: Path, lr: tuple[int, int], scale: int) -> None:
    """Check that LR is as large as HR, cropped to multiples of the scale, divided by the scale.

    Raises:
        ImageError: it is not.
    """
    if (lr[0] * scale, lr[1] * scale) != hr:
        raise ImageError(
            f"{lr_path}: is {lr[0]}x{lr[1]}, but x{scale} of it should be {hr[0]}x{hr[1]} as {hr_path.name} is"
            f"{_hint(hr, lr, scale)}"
        )


def _hint(hr: tuple[int, int], lr: tuple[int, int], scale: int) -> str:
    """Return what sizes that do not match may mean."""
    if all(2 * large < 3 * small for large, small in zip(hr, lr, strict=True)):
        return " (it is as large as HR: LR that was enlarged already, as RealSR's is, cannot be scored)"
    if all(0 <= small * scale - large <= scale for large, small in zip(hr, lr, strict=True)):
        return f" (LR was made from HR that was not cropped to a multiple of {scale}; crop HR and make LR again)"
    ratios = {round(large / small) for large, small in zip(hr, lr, strict=True)}
    ratio = ratios.pop()
    return f" (its scale is {ratio})" if not ratios and ratio > 1 and ratio != scale else ""


def usable(pairs: Iterable[ImagePair], scale: int) -> tuple[list[ImagePair], list[str]]:
    """Decode every local file once; return the pairs that can be scored, and the faults of the others.

    Assets are not decoded: their content is pinned by hash.
    """

    def fault(pair: ImagePair) -> str:
        if isinstance(pair.hr, Asset):
            return ""
        try:
            load_pair(pair, scale)
        except SRBenchError as error:
            return str(error)
        return ""

    pairs = list(pairs)
    # warning filters are global to the process: threads would undo each other's
    with warnings.catch_warnings(action="ignore"):
        faults = in_threads(fault, pairs)
    good = [pair for pair, reason in zip(pairs, faults, strict=True) if not reason]
    return good, [reason for reason in faults if reason]


def pair_hash(pair: ImagePair, degradation: Degradation = BICUBIC) -> str:
    """Return an image's identity: the hashes of its files, and its degradation if that is not bicubic.

    Raises:
        OSError: a file cannot be read.
    """
    is_bicubic = degradation is BICUBIC
    parts = [file_hash(pair.hr)]
    parts += [file_hash(pair.lr)] if pair.lr is not None and is_bicubic else []
    return "+".join(parts + ([] if is_bicubic else [degradation.identity]))
