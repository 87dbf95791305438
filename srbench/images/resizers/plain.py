"""What needs no library: means of boxes, and families that keep one pixel of each ``scale`` by ``scale``.

A family has a member for each phase, ``decimate-ROW-COLUMN``: LR keeps the HR pixels at ``ROW + scale * y`` and
``COLUMN + scale * x``. BD, "blur and downsample", does so after a Gaussian blur of sigma 1.6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from srbench.errors import UsageError
from srbench.images.resizers.resizer import Resizer, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from srbench.images.resizers.resizer import Pixels

SIGMA = 1.6
"""Blur of BD in HR pixels (arXiv:1802.08797, section 5)."""
ROUNDINGS = {"": "rounded half up", "-even": "rounded half to even", "-floor": "rounded down"}


def _box(pixels: Pixels, size: tuple[int, int], scale: int, *, rounding: str) -> Pixels:
    import numpy as np

    height, width = size
    blocks = pixels[: height * scale, : width * scale].reshape(height, scale, width, scale, 3)
    total, count = blocks.sum(axis=(1, 3), dtype=np.int64), scale * scale
    if rounding == "-even":
        return np.asarray(np.rint(total / count), np.uint8)
    return np.asarray(total // count if rounding else (2 * total + count) // (2 * count), np.uint8)


RESIZERS = tuple(
    Resizer(f"box{rounding}", f"mean of each block of scale x scale pixels, {text}", partial(_box, rounding=rounding))
    for rounding, text in ROUNDINGS.items()
)


@dataclass(frozen=True)
class Family:
    """Resizers that differ in which pixel of each block they keep."""

    name: str
    summary: str
    before: Callable[[Pixels], Pixels]
    """Filter of HR, ``(H, W, 3)`` uint8, before pixels are dropped."""

    def member(self, row: int, column: int) -> Resizer:
        """Return the resizer of a phase, in HR pixels from the top left."""
        shrink = partial(_every, before=self.before, row=row, column=column)
        return Resizer(f"{self.name}-{row}-{column}", f"{self.summary}: row {row}, column {column}", shrink)

    def shrink_all(self, pixels: Pixels, size: tuple[int, int], scale: int) -> Iterator[tuple[str, Pixels]]:
        """Yield the names and LR of all phases; HR is filtered once."""
        filtered = self.before(pixels)
        for row in range(scale):
            for column in range(scale):
                kept = filtered[row::scale, column::scale][: size[0], : size[1]]
                if kept.shape[:2] == size:
                    yield f"{self.name}-{row}-{column}", kept


def _every(
    pixels: Pixels, size: tuple[int, int], scale: int, *, before: Callable[[Pixels], Pixels], row: int, column: int
) -> Pixels:
    if max(row, column) >= scale:
        raise UsageError(f"there is no row {row}, column {column} in blocks of {scale}x{scale}: they count from 0")
    kept = before(pixels)[row::scale, column::scale][: size[0], : size[1]]
    if kept.shape[:2] != size:
        raise ValueError(f"gives {kept.shape[:2]}, not {size}")
    return kept


def gaussian(size: int, sigma: float = SIGMA) -> NDArray[Any]:
    """Return the weights of a Gaussian, ``(size,)`` float64, of sum 1."""
    import numpy as np

    x = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(x**2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum())


def _same(pixels: Pixels) -> Pixels:
    return pixels


def _blur(pixels: Pixels, *, size: int) -> Pixels:
    """Blur with replicated borders, in float64, and round."""
    import numpy as np

    x: Any = pixels.astype(np.float64)
    margin, weights = size // 2, gaussian(size)
    for axis in (0, 1):
        length = x.shape[axis]
        padding = [(margin, margin) if dim == axis else (0, 0) for dim in range(3)]
        padded = np.pad(x, padding, mode="edge")
        taps = [np.take(padded, range(tap, tap + length), axis=axis) for tap in range(size)]
        x = sum(weight * tap for weight, tap in zip(weights, taps, strict=True))
    return rounded(x)


FAMILIES = (
    Family("decimate", "one pixel of each scale x scale, unfiltered", _same),
    Family(
        "bd7", f"BD: Gaussian of sigma {SIGMA} on 7x7, then one pixel of each scale x scale", partial(_blur, size=7)
    ),
    Family(
        "bd13", f"BD: Gaussian of sigma {SIGMA} on 13x13, then one pixel of each scale x scale", partial(_blur, size=13)
    ),
)


def member_named(name: str) -> Resizer | None:
    """Return the member of a family by its name, such as ``bd7-0-0``; None if it is none."""
    for family in FAMILIES:
        if match := re.fullmatch(rf"{family.name}-(\d{{1,2}})-(\d{{1,2}})", name):
            return family.member(int(match[1]), int(match[2]))
    return None
