"""Write image files in the format of their suffix, whole or in bands. numpy and Pillow, no torch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow

from srbench.errors import ImageError
from srbench.images.bands import STREAMS, Layout, PngStream, PnmStream
from srbench.system.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from srbench.images.picture import Picture

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
"""Suffixes of the files that are written."""
LOSSY = frozenset({".jpg", ".jpeg"})
"""Those that change pixels."""


def write(path: Path, picture: Picture) -> None:
    """Write a picture atomically in the format of the suffix, keeping greyscale, alpha, 16 bits and profile.

    Raises:
        ImageError: the format cannot hold the picture, or the file cannot be written.
    """
    check_writable(path, picture)
    if picture.bits == 16:
        write_bands(path, picture.size, [picture])
        return
    array, suffix = picture.interleaved, path.suffix.lower()
    options: dict[str, Any] = {"icc_profile": picture.icc or None}
    if suffix in LOSSY:
        options["quality"] = 95
    if suffix == ".webp":
        options["lossless"] = True
    with replacing(path, ImageError, causes=(OSError, ValueError)) as temporary:
        Pillow.fromarray(array.squeeze(2) if array.shape[2] == 1 else array).save(temporary, **options)


def unwritable(path: Path) -> str:
    """Return why files with a path's suffix cannot be written; empty if they can."""
    suffix = path.suffix.lower()
    return "" if suffix in SUFFIXES else f"{path}: cannot write {suffix or 'a file without suffix'}; use .png"


def check_writable(path: Path, picture: Picture) -> None:
    """Check that a file's format can hold a picture of this kind.

    Raises:
        ImageError: it cannot; the message names a format that can.
    """
    if reason := unwritable(path):
        raise ImageError(reason)
    suffix = path.suffix.lower()
    if (picture.bits == 16 or picture.alpha is not None) and suffix != ".png":
        feature = "16 bits" if picture.bits == 16 else "transparency"
        raise ImageError(f"{path}: keeping {feature} needs a .png")


def write_bands(path: Path, size: tuple[int, int], bands: Iterable[Picture]) -> None:
    """Write a PNG, PPM or PGM atomically from bands, top to bottom; only one band at a time is in memory.

    Args:
        path: the file, with a suffix in `STREAMS`.
        size: width and height of all bands together.
        bands: pictures of that width and of one kind; the first one's profile is used.

    Raises:
        ImageError: the format cannot hold the picture, or the file cannot be written.
    """
    stream: PngStream | PnmStream | None = None
    with replacing(path, ImageError, causes=(OSError, ValueError)) as temporary, temporary.open("wb") as file:
        for band in bands:
            array = band.interleaved
            if stream is None:
                check_writable(path, band)
                layout = Layout(*size, array.shape[2], band.bits, band.icc)
                stream = STREAMS[path.suffix.lower()](file, layout)
            stream.write(array)
            del array, band  # free it before the next band
        if stream is not None:
            stream.close()


def joined(bands: Iterable[Picture]) -> Picture:
    """Return bands, from top to bottom, as one picture."""
    first, *following = bands
    if not following:
        return first
    pixels = np.concatenate([first.pixels, *(band.pixels for band in following)])
    alphas = [band.alpha for band in (first, *following) if band.alpha is not None]
    return replace(first, pixels=pixels, alpha=np.concatenate(alphas) if alphas else None)
