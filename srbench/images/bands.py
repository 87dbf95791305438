"""Write PNG, PPM and PGM files row by row, so that the whole picture need not be in memory."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's numbers of grey, grey with alpha, RGB and RGBA, by the count of channels."""
STRIPE = 2**22
"""Bytes filtered at a time."""
CHUNK = 2**20
"""Compressed bytes of a PNG's chunk, at least."""
EFFORT = 4
"""Of zlib: a third of the time that its default 6 takes, for a tenth more bytes."""


@dataclass(frozen=True)
class Layout:
    """The contents of an image file's header."""

    width: int
    height: int
    channels: int
    """1 grey, 2 grey and alpha, 3 RGB, 4 RGBA."""
    bits: int
    icc: bytes = b""


class PngStream:
    """Writes a PNG of 8 or 16 bits, each row with the filter that leaves the smallest differences.

    Args:
        file: open for writing, at its start.
        layout: of the picture.
    """

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self.file, self.layout = file, layout
        self.bytes_per_pixel = layout.channels * layout.bits // 8
        self._above = np.zeros((1, layout.width * self.bytes_per_pixel), np.uint8)
        self._deflate = zlib.compressobj(EFFORT, strategy=zlib.Z_FILTERED)
        self._packed = bytearray()
        file.write(b"\x89PNG\r\n\x1a\n")
        kind = COLOUR_TYPES[layout.channels]
        self._chunk(b"IHDR", struct.pack(">2I5B", layout.width, layout.height, layout.bits, kind, 0, 0, 0))
        if layout.icc:
            self._chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(layout.icc))

    def write(self, rows: NDArray[Any]) -> None:
        """Write the next rows, ``(n, width, channels)``, uint8 or uint16."""
        step = max(1, STRIPE // self._above.size)
        for start in range(0, len(rows), step):
            stripe = rows[start : start + step]
            if self.layout.bits == 16:
                stripe = stripe.astype(">u2")
            raw = np.ascontiguousarray(stripe).view(np.uint8).reshape(len(stripe), -1)
            self._packed += self._deflate.compress(self._filtered(raw))
            self._above = raw[-1:].copy()
            if len(self._packed) >= CHUNK:
                self._flush()

    def close(self) -> None:
        """Write the remaining data and the end chunk."""
        self._packed += self._deflate.flush()
        self._flush()
        self._chunk(b"IEND", b"")

    def _filtered(self, raw: NDArray[np.uint8]) -> bytes:
        """Return rows as PNG packs them, each behind the number of its filter: 1, less the left pixel; 2, the upper."""
        left = np.zeros_like(raw)
        left[:, self.bytes_per_pixel :] = raw[:, : -self.bytes_per_pixel]
        above = np.concatenate([self._above, raw[:-1]])
        candidates = [raw - left, raw - above]
        costs = [np.minimum(values, -values).sum(axis=1, dtype=np.int64) for values in candidates]  # as signed bytes
        best = np.argmin(costs, axis=0)
        packed = np.empty((len(raw), 1 + raw.shape[1]), np.uint8)
        packed[:, 0] = 1 + best
        packed[:, 1:] = np.where(best[:, None] == 0, *candidates)
        return packed.tobytes()

    def _flush(self) -> None:
        self._chunk(b"IDAT", bytes(self._packed))
        self._packed.clear()

    def _chunk(self, kind: bytes, data: bytes) -> None:
        self.file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


class PnmStream:
    """Writes a PPM or, of grey, a PGM of 8 bits."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self.file = file
        file.write(b"P%d\n%d %d\n255\n" % (5 if layout.channels == 1 else 6, layout.width, layout.height))

    def write(self, rows: NDArray[Any]) -> None:
        """Write the next rows, ``(n, width, channels)``, uint8."""
        self.file.write(np.ascontiguousarray(rows).data)

    def close(self) -> None:
        """Do nothing: all rows have been written."""


STREAMS: dict[str, type[PngStream | PnmStream]] = {".png": PngStream, ".ppm": PnmStream, ".pgm": PnmStream}
"""Stream writers by file suffix."""
