"""AVIF and JPEG 2000 files: bit depths that Pillow cuts to 8 without a word, and box lengths that it trusts."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from srbench.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.ImageFile import ImageFile

HEAD = 2**20
"""Bytes from the start of a file in which its header lies, colour profiles included."""


JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"
"""Signature of JPEG 2000 files with boxes (ISO/IEC 15444-1, I.5.1)."""


def check_boxes(path: Path) -> None:
    """Check that no box of a JPEG 2000 file is longer than the file: Pillow would reserve that much memory.

    Raises:
        ImageError: one is.
    """
    with path.open("rb") as file:
        if file.read(len(JP2)) != JP2:
            return
        size = file.seek(0, os.SEEK_END)
        start = len(JP2)
        while start + 8 <= size:
            file.seek(start)
            length, kind = int.from_bytes(file.read(4)), file.read(4)
            if length == 1:
                length = int.from_bytes(file.read(8))
            if kind == b"jp2c":
                return
            if not 8 <= length <= size - start:
                raise ImageError(f"{path}: damaged or truncated (a box of the file has a wrong length)")
            start += length


def loses_bits(path: Path, image: ImageFile) -> bool:
    """Return whether Pillow would open an AVIF or JPEG 2000 file with other bits than it has."""
    if image.format not in {"AVIF", "JPEG2000"}:
        return False
    with path.open("rb") as file:
        head = file.read(HEAD)
    if image.format == "AVIF":
        return any(box[1] & 0x40 for box in _av1_configurations(head))
    depths = _jpeg_2000_depths(head)
    return bool(depths) and depths != {8} and not (image.mode == "I;16" and depths == {16})


def _av1_configurations(head: bytes) -> list[bytes]:
    """Return the bytes of each ``av1C`` box behind its version; bit 6 of the second says more than 8 bits.

    Source: AV1 Codec ISO Media File Format Binding, section 2.3.
    """
    return [match[1] for match in re.finditer(rb"av1C\x81(.{2})", head, re.DOTALL)]


def _jpeg_2000_depths(head: bytes) -> set[int]:
    """Return the bits of the components, negative for signed ones (ISO/IEC 15444-1, A.5.1, marker SIZ)."""
    start = head.find(b"\xff\x4f\xff\x51")
    if start < 0:
        return set()
    count = int.from_bytes(head[start + 40 : start + 42])
    sizes = head[start + 42 : start + 42 + 3 * count : 3]
    return {-(size & 0x7F) - 1 if size & 0x80 else (size & 0x7F) + 1 for size in sizes}
