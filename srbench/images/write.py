"""Image files out: encoding in the format of the suffix, whole or in bands. numpy and Pillow, no torch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow

from srbench.errors import ImageError
from srbench.images.bands import STREAMS, Layout, PngStream, PnmStream
from srbench.images.read import SUFFIXES
from srbench.system.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from srbench.images.picture import Picture


def write(path: Path, picture: Picture) -> None:
    """Encode a picture in the format of the suffix: grey as grey; alpha, 16 bits and profile kept; written atomically.

    Raises:
        ImageError: the format cannot hold it, or the disk refuses.
    """
    check_writable(path, picture)
    if picture.bits == 16:
        write_bands(path, picture.size, [picture])
        return
    array, suffix = picture.interleaved, path.suffix.lower()
    options: dict[str, Any] = {"icc_profile": picture.icc or None}
    if suffix in {".jpg", ".jpeg"}:
        options["quality"] = 95
    if suffix == ".webp":
        options["lossless"] = True
    with replacing(path, ImageError, causes=(OSError, ValueError)) as temporary:
        Pillow.fromarray(array.squeeze(2) if array.shape[2] == 1 else array).save(temporary, **options)


def check_writable(path: Path, picture: Picture) -> None:
    """Refuse a file whose format cannot hold a picture of this kind, of any size.

    Raises:
        ImageError: says what can.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES - {".gif"}:
        raise ImageError(f"{path}: cannot write {suffix or 'a file without suffix'}; use .png")
    if (picture.bits == 16 or picture.alpha is not None) and suffix != ".png":
        what = "16 bits" if picture.bits == 16 else "transparency"
        raise ImageError(f"{path}: keeping {what} needs a .png")


def write_bands(path: Path, size: tuple[int, int], bands: Iterable[Picture]) -> None:
    """Write a PNG, PPM or PGM that comes in bands from top to bottom, of which one at a time is in memory; atomically.

    Args:
        path: of a suffix that `STREAMS` has.
        size: width and height of all bands together.
        bands: of that width and of one kind; the profile is the first one's.

    Raises:
        ImageError: the format cannot hold it, or the disk refuses.
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
            del array, band  # not to be in memory with the next one
        if stream is not None:
            stream.close()


def joined(bands: Iterable[Picture]) -> Picture:
    """Return bands, from top to bottom, as one picture."""
    first, *others = bands
    if not others:
        return first
    pixels = np.concatenate([first.pixels, *(band.pixels for band in others)])
    alphas = [band.alpha for band in (first, *others) if band.alpha is not None]
    return replace(first, pixels=pixels, alpha=np.concatenate(alphas) if alphas else None)
