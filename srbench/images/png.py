"""PNG features that Pillow lacks: 16-bit colours, and finding metadata after the pixels without decoding."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

METADATA = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})
"""Chunks that may hold an orientation."""
BLOCK = 2**20


def check_chunks(path: Path) -> None:
    """Reject a file whose chunks claim more bytes than it has: Pillow would allocate all of them.

    Raises:
        ValueError: a chunk is longer than the file, which may be truncated.
    """
    size = path.stat().st_size
    for _, end in _chunks(path):
        if end > size:
            raise ValueError("a chunk is longer than the file")


def has_late_metadata(path: Path) -> bool:
    """Return whether chunks after the pixels may hold an orientation."""
    kinds = [kind for kind, _ in _chunks(path)]
    return b"IDAT" in kinds and not METADATA.isdisjoint(kinds[kinds.index(b"IDAT") :])


def _chunks(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield each chunk's kind and the end of its data; only chunk headers are read."""
    with path.open("rb", buffering=0) as file:
        at, kind = file.seek(8), b""
        while kind != b"IEND" and len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            yield kind, at + 8 + length
            at = file.seek(at + 12 + length)


def is_16bit(path: Path) -> bool:
    """Return whether the header says 16 bits; Pillow silently opens 16-bit colours as 8 bits."""
    with path.open("rb") as file:
        return file.read(25)[24:25] == b"\x10"


def read_16bit(path: Path) -> tuple[NDArray[Any], bool, NDArray[Any] | None]:
    """Decode a 16-bit PNG.

    Returns:
        Colours ``(H, W, 3)`` uint16, whether they are grey, and alpha ``(H, W)`` uint16 or None.

    Raises:
        png.Error: the file is damaged.
    """
    import png

    _check_length(path)
    with path.open("rb") as file:
        width, height, rows, info = png.Reader(file=file).read()
        values = np.vstack([np.asarray(row, dtype=np.uint16) for row in rows])
    values = values.reshape(height, width, info["planes"])
    grey = bool(info["greyscale"])
    colour = values[..., :1].repeat(3, axis=2) if grey else values[..., :3]
    alpha = values[..., -1] if info["alpha"] else None
    if "transparent" in info:  # one colour stands for transparency
        alpha = np.where((values == info["transparent"]).all(axis=2), 0, 65535).astype(np.uint16)
    return np.ascontiguousarray(colour), grey, alpha


def _check_length(path: Path) -> None:
    """Reject a file that inflates to more than its pixels: pypng would inflate all of it.

    Raises:
        png.Error: the file holds more data than pixels.
    """
    import png

    inflate = zlib.decompressobj()
    with path.open("rb") as file:
        reader = png.Reader(file=file)
        reader.preamble()
        room = reader.height * (reader.row_bytes + 2) + 64  # interlaced rows are more, but fewer than twice as many
        for kind, data in reader.chunks():
            rest = data if kind == b"IDAT" else b""
            while rest and room >= 0:
                room -= len(inflate.decompress(rest, BLOCK))
                rest = inflate.unconsumed_tail
    if room < 0:
        raise png.FormatError("it holds more data than pixels")
