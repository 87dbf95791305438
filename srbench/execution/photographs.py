"""What methods are timed on: tiles of photographs, another one in each pass."""

from __future__ import annotations

import math
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


def photographs(catalog: Catalog, size: int) -> torch.Tensor:
    """Return a mosaic of the default dataset's photographs, ``(3, size + ROOM, size + ROOM)`` uint8.

    Raises:
        SRBenchError: the dataset is not installed, or an image cannot be read.
    """
    tiles = _tiles(catalog)
    count = math.ceil((size + ROOM) / SIDE)
    rows = [
        torch.cat([tiles[(row * count + column) % len(tiles)] for column in range(count)], dim=2)
        for row in range(count)
    ]
    return torch.cat(rows, dim=1)[:, : size + ROOM, : size + ROOM].contiguous()


def _tiles(catalog: Catalog) -> list[torch.Tensor]:
    """Return the photographs, each made small to a square."""
    pairs = catalog.datasets[defaults.DATASET].pairs(2)
    if not pairs:
        raise SRBenchError(f"{defaults.DATASET} has no images: speed is measured on them")
    images = [torch.from_numpy(planes(load_pair(pair, 2)[0])) for pair in pairs]
    return [_square(image) for image in images]


def _square(image: torch.Tensor) -> torch.Tensor:
    small = functional.interpolate(image[None].float(), (SIDE, SIDE), mode="area")[0]
    return small.round().to(torch.uint8)
