"""What Pillow does not say of a TIFF: its bits, its sign, and why it cannot be read."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags
from PIL.TiffImagePlugin import MM, OPEN_INFO, ImageFileDirectory_v2, TiffImageFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


GREY16_MODES = frozenset({"I;16", "I;16B", "I;16L"})
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SAMPLE_FORMAT = 339
UNSIGNED = 1
WHITE_IS_ZERO = 0
OPEN_INFO.setdefault((MM, 1, (UNSIGNED,), 1, (12,), ()), ("I;16", "I;12"))
"""Packed 12 bits are the same bytes in either byte order, but Pillow knows them in little-endian files alone."""


def bits_per_sample(tags: Any) -> int:
    """Return the bits of a channel; the most where channels differ.

    Args:
        tags: a TIFF's tags by number.
    """
    return int(max(tags.get(ExifTags.Base.BitsPerSample, (1,))))


def loses(image: TiffImageFile) -> bool:
    """Return whether Pillow opens a TIFF with fewer bits than it has, inverted, or without its sign."""
    tags = image.tag_v2
    if any(kind != UNSIGNED for kind in tags.get(SAMPLE_FORMAT, (UNSIGNED,))):
        return True
    plain = image.mode in GREY16_MODES and tags.get(ExifTags.Base.PhotometricInterpretation) == 1
    return bits_per_sample(tags) > 8 and not plain


def stretched(pixels: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """Return samples of 9 to 15 bits, which Pillow leaves as they are, stretched to 16: white becomes 65535."""
    top = 2**bits - 1
    full: NDArray[np.uint16] = ((pixels.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)
    return full


def unread_kind(path: Path) -> str:
    """Return what a TIFF that Pillow cannot identify holds, such as "a TIFF of 9 bits per sample"; else nothing."""
    try:
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            header = file.read(8)
            if header[:4] not in MAGIC:
                return ""
            tags = ImageFileDirectory_v2(header)
            file.seek(tags.next)
            tags.load(file)
            kinds = {2: "signed ", 3: "floating-point "}
            kind = kinds.get(max(tags.get(SAMPLE_FORMAT, (UNSIGNED,))), "")
            is_inverted = tags.get(ExifTags.Base.PhotometricInterpretation) == WHITE_IS_ZERO
            inverted = " in which 0 is white" if is_inverted else ""
            return f"a TIFF of {bits_per_sample(tags)} {kind}bits per sample{inverted}"
    except Exception:  # noqa: BLE001  (Pillow raises many types for a damaged directory)
        return ""
