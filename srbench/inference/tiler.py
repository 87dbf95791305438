"""Enlarge images of any size: whole, in batches, or in tiles what would not fit in memory.

A tile is cut out of the image with as many of its neighbours around it as the network's receptive field reaches, and of
the output only the middle is kept. Nothing is padded but what the network pads at the image's own borders, so that the
tiles together are what the whole would have been.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from srbench.inference.tile_size import TileSize, spans
from srbench.inference.upscale import SEED
from srbench.system.memory import unless_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from srbench.inference.enlarger import Enlarger
    from srbench.inference.tile_size import Span
    from srbench.specs import Tile

    Finish = Callable[[torch.Tensor], torch.Tensor]
    """What to keep of an output, such as its values in 8 bits; of the same height and width."""
    Cut = Callable[[slice, slice], torch.Tensor]
    """Rows and columns of LR as ``(1, 3, h, w)``, float32 in [0, 1], on the device."""


def same(sr: torch.Tensor) -> torch.Tensor:
    """Keep an output as it is."""
    return sr


class Tiler:
    """Runs an enlarger on images of any size.

    With ``auto`` an image is cut where a pass over all of it would hold more than it may, which is estimated from a
    small one. Where memory is refused all the same, a batch is taken apart and, but for ``off``, tiles are halved.

    Args:
        enlarger: what to run.
        device: where.
        tile: a side in LR pixels; ``auto``; or ``off`` for whole images.
        most: bytes that a pass may hold with ``auto``; at the most, and where it is 0, half of what is available.
        fill: fill a batch up with copies to one that went before at its height and width: what is compiled would be
            compiled, and captured, for each size of batch.

    Raises:
        UsageError: ``tile`` is a number, and the network cannot run in tiles; gives the reason.
    """

    def __init__(
        self, enlarger: Enlarger, device: torch.device, tile: Tile = "auto", most: int = 0, *, fill: bool = False
    ) -> None:
        self.enlarger, self.device = enlarger, device
        self.size = TileSize(enlarger, device, tile, most)
        self.used = 0
        """Side of the tiles of the last image; 0 where it was whole."""
        self._batches = _Batches(enlarger, fill=fill)

    def __call__(self, lr: torch.Tensor, finish: Finish = same, seed: int = SEED) -> torch.Tensor:
        """Enlarge ``(N, 3, h, w)`` to ``(N, 3, h*scale, w*scale)``.

        Args:
            lr: float32 in [0, 1].
            finish: what to keep of an output.
            seed: of what is random.

        Raises:
            MethodError: the method breaks the contract, or memory does not do.
        """
        height, width = lr.shape[-2:]
        if self._batches.applies(lr):
            self.used = 0
            if self.size.side(height, width) >= max(height, width):
                run = partial(self._batches.run, lr, finish, seed)
                if (sr := unless_out_of_memory(run, self.device)) is not None:
                    return sr
            self._batches.give_up(height, width)
            return torch.cat([self(image[None], finish, seed) for image in lr])
        bands = list(self.bands((height, width), lambda rows, columns: lr[..., rows, columns], finish, seed))
        return bands[0] if len(bands) == 1 else torch.cat(bands, dim=-2).contiguous()

    def bands(
        self,
        size: tuple[int, int],
        cut: Cut,
        finish: Finish = same,
        seed: int = SEED,
        done: Callable[[], object] = lambda: None,
    ) -> Iterator[torch.Tensor]:
        """Enlarge an image that need not be a tensor as a whole, and yield it from top to bottom.

        Args:
            size: LR height and width.
            cut: returns a part of LR.
            finish: what to keep of an output.
            seed: of what is random.
            done: called after each tile.

        Yields:
            ``(1, C, rows*scale, width*scale)``, with channels last in memory where it was put together.

        Raises:
            MethodError: the method breaks the contract, or memory does not do.
        """
        side = self.size.side(*size)
        top = 0
        while top < size[0]:
            self.used = 0 if side >= max(size) else side
            high = self.size.height(side, size[1])
            rows = spans(top, min(size[0], top + high), size[0], high, self.size.margin)[0]
            band = unless_out_of_memory(partial(self._band, rows, size[1], side, cut, finish, seed, done), self.device)
            if band is None:
                side = self.size.smaller(min(side, max(size)))
            else:
                yield band
                del band  # it has been written before the next one is made
                top = rows.stop

    def tiles(self, height: int, width: int) -> int:
        """Return into how many tiles an image is cut."""
        return self.size.count(height, width)

    @torch.inference_mode()
    def _band(
        self, rows: Span, width: int, side: int, cut: Cut, finish: Finish, seed: int, done: Callable[[], object]
    ) -> torch.Tensor:
        """Enlarge the tiles of some rows and put them side by side."""
        scale = self.enlarger.scale
        band = torch.empty(0)
        for columns in spans(0, width, width, side, self.size.margin):
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


class _Batches:
    """Images of one size that go through together, as far as memory does for them."""

    def __init__(self, enlarger: Enlarger, *, fill: bool) -> None:
        self._enlarger, self._fill = enlarger, fill
        self._sizes: dict[tuple[int, int], int] = {}
        """By height and width, what a batch is filled up to; 1 where images go through alone."""

    def applies(self, lr: torch.Tensor) -> bool:
        """Return whether ``(N, 3, h, w)`` goes through as a batch, or has to be taken apart as one."""
        return len(lr) > 1 or self._sizes.get(_size(lr), 0) > 1

    def run(self, lr: torch.Tensor, finish: Finish, seed: int) -> torch.Tensor | None:
        """Enlarge a batch, filled up where that is wanted; None where images of its size go through alone."""
        size = self._sizes.get(_size(lr), 0)
        if size == 1:
            return None
        many = max(len(lr), size)
        copies = lr[-1:].expand(many - len(lr), -1, -1, -1)
        sr = self._enlarger.run(torch.cat([lr, copies]) if len(copies) else lr, seed)[: len(lr)]
        if self._fill:
            self._sizes[_size(lr)] = many
        return finish(sr)

    def give_up(self, height: int, width: int) -> None:
        """Let images of a size go through alone from now on."""
        self._sizes[height, width] = 1


def _size(lr: torch.Tensor) -> tuple[int, int]:
    height, width = lr.shape[-2:]
    return height, width
