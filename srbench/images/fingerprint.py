"""Fingerprints of pictures by their pixels: the same for every file format, and for crops to multiples of a scale."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srbench.images.picture import Picture

MULTIPLE = 12
"""Pictures are cropped to multiples of this: files for x2, x3 and x4, cropped to multiples of those, then agree."""


def cropped(width: int, height: int) -> tuple[int, int]:
    """Return the size that is fingerprinted of a picture of a size, in pixels."""
    return width - width % MULTIPLE, height - height % MULTIPLE


def fingerprint(picture: Picture) -> str:
    """Return width, height and a hash of the RGB pixels of a picture of 8 bits, such as ``252x252:0f5c...``."""
    width, height = cropped(*picture.size)
    digest = hashlib.sha256(picture.pixels[:height, :width].tobytes()).hexdigest()
    return f"{width}x{height}:{digest[:16]}"
