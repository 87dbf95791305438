"""The size of tiles: as requested, or from the memory that a pass over the whole image would need."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch

from srbench.defaults import LEAST_TILE
from srbench.errors import Code, MethodError, UsageError
from srbench.system.memory import available, held_bytes

if TYPE_CHECKING:
    from srbench.inference.enlarger import Enlarger
    from srbench.specs import Tile

PROBE = 32
"""LR height and width of the forward pass by which memory is estimated."""
HEAVY = 2**18
"""Bytes per LR pixel beyond any known network: what needs no more than this fits without being measured."""
BAND = 2**27
"""Bytes of 8-bit SR that a band holds at most, where that leaves it a height that is not mostly overlap."""
SCRATCH = 2.0
"""On a CPU, peak memory of a pass per byte of its live tensors: the kernels' own copies are not counted."""


class Span(NamedTuple):
    """A tile along one axis, in LR pixels: it is given ``first`` to ``last``, and ``start`` to ``stop`` is kept."""

    first: int
    start: int
    stop: int
    last: int

    def inner(self, scale: int) -> slice:
        """Return what is kept of the network's output."""
        return slice((self.start - self.first) * scale, (self.stop - self.first) * scale)


def spans(start: int, stop: int, length: int, side: int, margin: int) -> list[Span]:
    """Cut a part of an axis into tiles.

    Args:
        start: where the part begins, a multiple of what the network needs; so are side and margin.
        stop: where it ends.
        length: of the axis; tiles never reach beyond it.
        side: of a tile, at most.
        margin: overlap with the neighbours on either side.
    """
    cuts = [*range(start, stop, side), stop]
    return [Span(max(0, a - margin), a, b, min(length, b + margin)) for a, b in pairwise(cuts)]


class TileSize:
    """Chooses the side of tiles, and a smaller one after memory was refused.

    Args:
        enlarger: what the tiles go through.
        device: where.
        tile: a side in LR pixels; ``auto``; or ``off`` for whole images.
        most: bytes that a pass may hold with ``auto``; at the most, and where it is 0, half of what is available.

    Raises:
        UsageError: ``tile`` is a number, and the network cannot run in tiles; gives the reason.
    """

    def __init__(self, enlarger: Enlarger, device: torch.device, tile: Tile = "auto", most: int = 0) -> None:
        if isinstance(tile, int) and tile < LEAST_TILE:
            raise UsageError(f"tiles of {tile} LR pixels are smaller than {LEAST_TILE}")
        if isinstance(tile, int) and enlarger.halo is None:
            raise UsageError(f"{enlarger.name} cannot be cut into tiles: {enlarger.why}")
        self.enlarger, self.device, self.tile, self.most = enlarger, device, tile, most
        self.margin = self._up(enlarger.halo or 0)
        """Overlap on either side, in LR pixels."""
        self._refused = 0
        """The side at which memory was last refused; 0 if it never was."""
        self._bytes = 0.0
        """Per LR pixel of a pass, once it was measured."""

    def side(self, height: int, width: int) -> int:
        """Return the side of an image's tiles, in LR pixels; no less than the image's own where it is not cut."""
        longest = max(height, width)
        if self.tile == "off" or self.enlarger.halo is None:
            return longest
        side = self.tile if isinstance(self.tile, int) else self._fitting(height, width)
        if side >= longest and not self._refused:
            return longest
        return self._up(min(side, self._refused // 2) if self._refused and longest >= self._refused else side)

    def height(self, side: int, width: int) -> int:
        """Return the height of tiles, in LR pixels: less than their side for images so wide that bands are large."""
        if isinstance(self.tile, int) or side >= width:
            return side
        low = BAND // (3 * self.enlarger.scale**2 * width)
        return self._up(min(side, max(low, 2 * self.margin, 2 * LEAST_TILE)))

    def count(self, height: int, width: int) -> int:
        """Return into how many tiles an image is cut."""
        side = self.side(height, width)
        return math.ceil(height / self.height(side, width)) * math.ceil(width / side)

    def smaller(self, side: int) -> int:
        """Return a smaller side after one at which memory was refused.

        Raises:
            MethodError: there is none.
        """
        if self.enlarger.halo is None:
            reason = f"out of memory, and it cannot be cut into tiles: {self.enlarger.why}"
        elif self.tile == "off":
            reason = "out of memory; --tile auto cuts the image into tiles"
        elif self._up(side // 2) >= side or side <= LEAST_TILE:
            reason = f"out of memory even in tiles of {side} LR pixels and {self.margin} around them"
        else:
            self._refused = side
            return self._up(side // 2)
        raise MethodError(reason, Code.OUT_OF_MEMORY)

    def _fitting(self, height: int, width: int) -> int:
        """Return the side of tiles that memory does for: that of the image where it does for all of it."""
        longest = max(height, width)
        room = available(self.device) // 2
        allowed = min(room, self.most or room)
        if self.enlarger.probe is None or height * width * HEAVY <= allowed:
            return longest
        if not self._bytes:
            self._bytes = self._bytes_per_pixel()
        if height * width * self._bytes <= allowed:
            return longest
        largest, preferred = (int(math.sqrt(size / self._bytes)) - 2 * self.margin for size in (room, allowed))
        preferred = max(preferred, 4 * self.margin)  # with smaller ones, more than half of the work would be overlap
        side = max(min(preferred, largest), 2 * LEAST_TILE)
        return math.ceil(longest / math.ceil(longest / side))

    def _bytes_per_pixel(self) -> float:
        side = self._up(PROBE)
        lr = torch.full((1, 3, side, side), 0.5, device=self.device)
        probe = self.enlarger.probe
        try:
            held = held_bytes(lambda: probe(lr) if probe else None, self.device)
        except (Exception, SystemExit):  # noqa: BLE001  (a plugin may raise anything; it is heard when its output is due)
            return HEAVY
        return held * (SCRATCH if self.device.type == "cpu" else 1) / side**2

    def _up(self, side: int) -> int:
        """Return the next multiple of what the network needs."""
        multiple: int = self.enlarger.multiple
        return side + -side % multiple
