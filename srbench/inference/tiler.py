"""Enlarging in tiles what would not fit in memory whole.

A tile is cut out of the image with as many of its neighbours around it as the network's receptive field reaches, and of
the output only the middle is kept. Nothing is padded but what the network pads at the image's own borders, so that the
tiles together are what the whole would have been.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch

from srbench.defaults import LEAST_TILE
from srbench.errors import Code, MethodError, UsageError
from srbench.inference.upscale import SEED
from srbench.system.memory import available, held_bytes, unless_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from srbench.inference.enlarger import Enlarger
    from srbench.specs import Tile

PROBE = 32
"""LR height and width of the forward pass by which memory is estimated."""
HEAVY = 2**18
"""Bytes per LR pixel beyond any network that we know: what needs no more than this fits without being measured."""
BAND = 2**27
"""Bytes of 8-bit SR that a band holds at most, where that leaves it a height that is not mostly overlap."""
SCRATCH = 2.0
"""On a CPU, what a pass takes for each byte that its tensors hold: the kernels' own copies are seen by nobody."""


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
        margin: neighbours on either side.
    """
    cuts = [*range(start, stop, side), stop]
    return [Span(max(0, a - margin), a, b, min(length, b + margin)) for a, b in pairwise(cuts)]


def same(sr: torch.Tensor) -> torch.Tensor:
    """Keep an output as it is."""
    return sr


class Tiler:
    """Runs an enlarger on images of any size: whole, or in tiles.

    With ``auto`` an image is cut where a pass over all of it would hold more than it may, which is estimated from a
    small one. Where memory is refused all the same, a batch is taken apart and, but for ``off``, tiles are halved.

    Args:
        enlarger: what to run.
        device: where.
        tile: how.
        most: bytes that a pass may hold with ``auto``; at the most, and where it is 0, half of what is available.
        fill: fill a batch up with copies to one that went before at its height and width: what is compiled would be
            compiled, and captured, for each size of batch.

    Raises:
        UsageError: tiles were asked for of what cannot be cut; says why.
    """

    def __init__(
        self, enlarger: Enlarger, device: torch.device, tile: Tile = "auto", most: int = 0, *, fill: bool = False
    ) -> None:
        if isinstance(tile, int) and tile < LEAST_TILE:
            raise UsageError(f"tiles of {tile} LR pixels are smaller than {LEAST_TILE}")
        if isinstance(tile, int) and enlarger.halo is None:
            raise UsageError(f"{enlarger.name} cannot be cut into tiles: {enlarger.why}")
        self.enlarger, self.device, self.tile, self.most = enlarger, device, tile, most
        self.margin = self._up(enlarger.halo or 0)
        self.used = 0
        """Side of the tiles of the last image; 0 where it was whole."""
        self._refused = 0
        """The side at which memory was last refused; 0 if it never was."""
        self._bytes = 0.0
        self._fill = fill
        self._batches: dict[tuple[int, int], int] = {}
        """By height and width, what a batch is filled up to; 1 where images do not go through together."""

    def __call__(
        self, lr: torch.Tensor, finish: Callable[[torch.Tensor], torch.Tensor] = same, seed: int = SEED
    ) -> torch.Tensor:
        """Enlarge ``(N, 3, h, w)`` to ``(N, 3, h*scale, w*scale)``.

        Args:
            lr: float32 in [0, 1].
            finish: what to keep of an output, such as its values in 8 bits; of the same height and width.
            seed: of what is random.

        Raises:
            MethodError: the method breaks the contract, or memory does not do.
        """
        height, width = lr.shape[-2:]
        filled = self._batches.get((height, width), 0)
        if len(lr) > 1 or filled > 1:
            together = None
            if filled != 1 and self.side(height, width) >= max(height, width):
                together = unless_out_of_memory(lambda: finish(self._together(lr, seed)), self.device)
            self.used = 0
            if together is not None:
                return together
            self._batches[height, width] = 1
            return torch.cat([self(image[None], finish, seed) for image in lr])
        bands = list(self.bands((height, width), lambda rows, columns: lr[..., rows, columns], finish, seed))
        return bands[0] if len(bands) == 1 else torch.cat(bands, dim=-2).contiguous()

    def _together(self, lr: torch.Tensor, seed: int) -> torch.Tensor:
        height, width = lr.shape[-2:]
        many = max(len(lr), self._batches.get((height, width), 0))
        copies = lr[-1:].expand(many - len(lr), -1, -1, -1)
        sr = self.enlarger.run(torch.cat([lr, copies]) if len(copies) else lr, seed)[: len(lr)]
        if self._fill:
            self._batches[height, width] = many
        return sr

    def bands(
        self,
        size: tuple[int, int],
        cut: Callable[[slice, slice], torch.Tensor],
        finish: Callable[[torch.Tensor], torch.Tensor] = same,
        seed: int = SEED,
        done: Callable[[], object] = lambda: None,
    ) -> Iterator[torch.Tensor]:
        """Enlarge an image that need not be a tensor as a whole, and yield it from top to bottom.

        Args:
            size: LR height and width.
            cut: returns rows and columns of LR as ``(1, 3, h, w)``, float32 in [0, 1], on the device.
            finish: as above.
            seed: of what is random.
            done: called after each tile.

        Yields:
            ``(1, C, rows*scale, width*scale)``, with channels last in memory where it was put together.

        Raises:
            MethodError: the method breaks the contract, or memory does not do.
        """
        side = self.side(*size)
        top = 0
        while top < size[0]:
            self.used = 0 if side >= max(size) else side
            high = self._high(side, size[1])
            rows = spans(top, min(size[0], top + high), size[0], high, self.margin)[0]
            work = partial(self._band, rows, size[1], side, cut, finish, seed, done)
            band = unless_out_of_memory(work, self.device)
            if band is None:
                side = self._smaller(min(side, max(size)))
            else:
                yield band
                del band  # it has been written before the next one is made
                top = rows.stop

    def side(self, height: int, width: int) -> int:
        """Return the side of an image's tiles, in LR pixels; no less than the image's own where it is not cut."""
        longest = max(height, width)
        if self.tile == "off" or self.enlarger.halo is None:
            return longest
        side = self.tile if isinstance(self.tile, int) else self._fitting(height, width)
        if side >= longest and not self._refused:
            return longest
        return self._up(min(side, self._refused // 2) if self._refused and longest >= self._refused else side)

    def tiles(self, height: int, width: int) -> int:
        """Return into how many tiles an image is cut."""
        side = self.side(height, width)
        return math.ceil(height / self._high(side, width)) * math.ceil(width / side)

    @torch.inference_mode()
    def _band(
        self,
        rows: Span,
        width: int,
        side: int,
        cut: Callable[[slice, slice], torch.Tensor],
        finish: Callable[[torch.Tensor], torch.Tensor],
        seed: int,
        done: Callable[[], object],
    ) -> torch.Tensor:
        scale = self.enlarger.scale
        band = torch.empty(0)
        for columns in spans(0, width, width, side, self.margin):
            lr = cut(slice(rows.first, rows.last), slice(columns.first, columns.last))
            part = finish(self.enlarger.run(lr, seed)[..., rows.inner(scale), columns.inner(scale)])
            done()
            if columns.stop - columns.start == width:
                return part
            if not band.numel():
                size = (*part.shape[:-1], width * scale)
                band = torch.empty(size, dtype=part.dtype, device=part.device, memory_format=torch.channels_last)
            band[..., columns.start * scale : columns.stop * scale] = part
            del part  # not to be in memory with the next one
        return band

    def _high(self, side: int, width: int) -> int:
        """Return the height of tiles, in LR pixels: less than their side for images so wide that bands are large."""
        if isinstance(self.tile, int) or side >= width:
            return side
        low = BAND // (3 * self.enlarger.scale**2 * width)
        return self._up(min(side, max(low, 2 * self.margin, 2 * LEAST_TILE)))

    def _fitting(self, height: int, width: int) -> int:
        """Return the side of tiles that memory does for: that of the image where it does for all of it."""
        longest = max(height, width)
        room = available(self.device) // 2
        may = min(room, self.most or room)
        if self.enlarger.probe is None or height * width * HEAVY <= may:
            return longest
        if not self._bytes:
            self._bytes = self._bytes_per_pixel(self.enlarger.probe)
        if height * width * self._bytes <= may:
            return longest
        most, wanted = (int(math.sqrt(size / self._bytes)) - 2 * self.margin for size in (room, may))
        wanted = max(wanted, 4 * self.margin)  # with smaller ones, more than half of the work would be overlap
        side = max(min(wanted, most), 2 * LEAST_TILE)
        return math.ceil(longest / math.ceil(longest / side))

    def _bytes_per_pixel(self, probe: Callable[[torch.Tensor], object]) -> float:
        side = self._up(PROBE)
        lr = torch.full((1, 3, side, side), 0.5, device=self.device)
        try:
            held = held_bytes(lambda: probe(lr), self.device)
        except (Exception, SystemExit):  # noqa: BLE001  (a plugin may raise anything; it is heard when its output is due)
            return HEAVY
        return held * (SCRATCH if self.device.type == "cpu" else 1) / side**2

    def _smaller(self, side: int) -> int:
        """Return a smaller side after one at which memory was refused.

        Raises:
            MethodError: there is none.
        """
        if self.enlarger.halo is None:
            raise MethodError(
                f"out of memory, and it cannot be cut into tiles: {self.enlarger.why}", Code.OUT_OF_MEMORY
            )
        if self.tile == "off":
            raise MethodError("out of memory; --tile auto cuts the image into tiles", Code.OUT_OF_MEMORY)
        if self._up(side // 2) >= side or side <= LEAST_TILE:
            raise MethodError(
                f"out of memory even in tiles of {side} LR pixels and {self.margin} around them", Code.OUT_OF_MEMORY
            )
        self._refused = side
        return self._up(side // 2)

    def _up(self, side: int) -> int:
        return side + -side % self.enlarger.multiple
