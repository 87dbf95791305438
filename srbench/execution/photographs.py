"""What methods are timed on: tiles of photographs, another one in each pass."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from srbench import defaults
from srbench.data.pairs import load_pair
from srbench.errors import SRBenchError
from srbench.images.tensors import planes

if TYPE_CHECKING:
    from srbench.catalog.catalog import Catalog

ROOM = 64
"""Pixels by which photographs are larger than the input, so that tiles can be cut at many places."""
SIDE = 256
"""Height and width of a photograph in the mosaic."""


class Photographs:
    """The photographs of the default dataset, each made small to a square."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def mosaic(self, size: int) -> torch.Tensor:
        """Return them side by side, ``(3, size + ROOM, size + ROOM)`` uint8.

        Raises:
            SRBenchError: the dataset is not installed, or an image cannot be read.
        """
        count = math.ceil((size + ROOM) / SIDE)
        number = len(self._squares)
        rows = [[self._squares[(row * count + column) % number] for column in range(count)] for row in range(count)]
        whole = torch.cat([torch.cat(row, dim=2) for row in rows], dim=1)
        return whole[:, : size + ROOM, : size + ROOM].contiguous()

    @cached_property
    def _squares(self) -> list[torch.Tensor]:
        pairs = self._catalog.datasets[defaults.DATASET].pairs(2)
        if not pairs:
            raise SRBenchError(f"{defaults.DATASET} has no images: speed is measured on them")
        return [_square(torch.from_numpy(planes(load_pair(pair, 2)[0]))) for pair in pairs]


def _square(image: torch.Tensor) -> torch.Tensor:
    small = functional.interpolate(image[None].float(), (SIDE, SIDE), mode="area")[0]
    return small.round().to(torch.uint8)
