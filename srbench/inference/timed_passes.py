"""The inputs of timed passes, and a check of some of their outputs."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import torch

from srbench.errors import MethodError

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKED = 3
"""Passes whose outputs are computed once more."""
TOLERANCE = 1e-3
"""Largest mean difference of these outputs, in [0, 1]: a quarter of a step of 8 bits."""
DIFFERENT = 0.01
"""Mean difference of inputs whose outputs cannot be equal."""
SAMPLES = 4
"""Values per axis that are read of each output."""


class TimedPasses:
    """Cuts another tile of photographs for each pass, and keeps the outputs of a few passes chosen at random.

    So a network cannot be timed on what it computed before, nor know which outputs are looked at.

    Args:
        photographs: ``(3, H, W)`` uint8; mirrored where they are too small.
        batch: tiles per pass.
        size: their height and width.
        device: the device.
        seed: chooses the tiles and the passes.
    """

    def __init__(self, photographs: torch.Tensor, batch: int, size: int, device: torch.device, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (chooses tiles)
        self._photographs, self._batch, self._size = _at_least(photographs, size + 1).to(device), batch, size
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._count = 0
        self.lr = self.next()
        """Input of the next pass, ``(N, 3, size, size)`` float32 in [0, 1]."""
        self.sr = self.lr
        """Output of the last pass."""

    def next(self) -> torch.Tensor:
        """Cut the input of the next pass."""
        height, width = (side - self._size for side in self._photographs.shape[-2:])
        self._corners = [(self._random.randint(0, height), self._random.randint(0, width)) for _ in range(self._batch)]
        self.lr = self._cut()
        return self.lr

    def _cut(self) -> torch.Tensor:
        tiles = [self._photographs[:, y : y + self._size, x : x + self._size] for y, x in self._corners]
        return torch.stack(tiles).float() / 255

    def keep(self) -> None:
        """Keep the last pass or not, each with the same probability."""
        self._count += 1
        slot = len(self._kept) if len(self._kept) < CHECKED else self._random.randrange(self._count)
        if slot < CHECKED:
            self._kept[slot : slot + 1] = [(self._cut(), self.sr.clone())]  # the network may have changed the input

    def check(self, upscale: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Compute the kept outputs once more and compare them.

        Raises:
            MethodError: one differs, or different inputs have the same output.
        """
        for (lr, sr), (other, same) in itertools.combinations(self._kept, 2):
            if float((lr - other).abs().mean()) > DIFFERENT and sr.shape == same.shape and torch.equal(sr, same):
                raise MethodError("it returns the same output for different inputs when it is timed")
        for lr, sr in self._kept:
            again = upscale(lr)
            gap = float((again - sr.float()).abs().mean()) if sr.shape == again.shape else float("inf")
            if not gap <= TOLERANCE:
                raise MethodError(
                    f"its output is another when it is timed (mean difference {gap:.2g} of [0, 1]): "
                    "what was timed is not what was scored"
                )


def read(sr: torch.Tensor) -> None:
    """Read a few values of an output, so that one that is computed later is computed now."""
    height, width = sr.shape[-2:]
    float(sr[..., :: max(1, height // SAMPLES), :: max(1, width // SAMPLES)].sum())


def _at_least(image: torch.Tensor, side: int) -> torch.Tensor:
    for axis in (1, 2):
        while image.shape[axis] < side:
            image = torch.cat([image, image.flip(axis)], axis)
    return image
