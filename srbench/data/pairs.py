"""Decode, check and hash pairs of image files."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from srbench.errors import ImageError, SRBenchError
from srbench.images.degradations import BICUBIC, Degradation
from srbench.images.picture import Picture, mod_crop
from srbench.images.read import read_8bit
from srbench.specs import Asset, ImagePair
from srbench.store.assets import local_path
from srbench.store.hashes import file_hash

if TYPE_CHECKING:
    from collections.abc import Iterable


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
    if (lr.size[0] * scale, lr.size[1] * scale) != hr.size:
        raise ImageError(
            f"{lr_path}: is {lr.size[0]}x{lr.size[1]}, but x{scale} of it should be {hr.size[0]}x{hr.size[1]} "
            f"as {hr_path.name} is{_hint(hr.size, lr.size, scale)}"
        )
    return hr, lr


def _hint(hr: tuple[int, int], lr: tuple[int, int], scale: int) -> str:
    """Return what sizes that do not match may mean."""
    if all(2 * large < 3 * small for large, small in zip(hr, lr, strict=True)):
        return " (it is as large as HR: LR that was enlarged already, as RealSR's is, cannot be scored)"
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
    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor() as pool:
        faults = list(pool.map(fault, pairs))
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
