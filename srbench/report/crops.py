"""Crops: the window of an image on which methods differ most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Crop(NamedTuple):
    """A part of an image in HR pixels. All four are multiples of the scale, so that LR has whole pixels too."""

    x: int
    y: int
    width: int
    height: int

    def of(self, pixels: NDArray[Any], scale: int = 1) -> NDArray[Any]:
        """Return the crop of an image ``(H, W, ...)`` that is smaller than HR by the scale."""
        x, y, width, height = (length // scale for length in self)
        return pixels[y : y + height, x : x + width]


def differences(images: Sequence[NDArray[Any]], border: int) -> NDArray[Any]:
    """Return the variance between images at each pixel, averaged over channels.

    Args:
        images: ``(H, W, 3)`` uint8, all of one size; of one image alone the variance is 0.
        border: pixels at the edges that count as 0, as they do not count in scoring.

    Returns:
        ``(H, W)``, in squared 8-bit levels.
    """
    total = np.zeros(images[0].shape, np.float64)
    squares = np.zeros_like(total)
    for image in images:
        values = image.astype(np.float64)
        total += values
        squares += values * values
    variance: NDArray[Any] = (squares / len(images) - (total / len(images)) ** 2).clip(min=0).mean(axis=2)
    variance[:border], variance[-border:], variance[:, :border], variance[:, -border:] = 0, 0, 0, 0
    return variance


def most_different(variance: NDArray[Any], width: int, height: int, scale: int) -> Crop:
    """Return the window with the largest sum of `differences`; of equal ones, the first in reading order.

    Args:
        variance: ``(H, W)``.
        width: of the window in pixels; reduced to the image and to a multiple of the scale.
        height: likewise.
        scale: the window starts at multiples of it.
    """
    full_height, full_width = variance.shape
    width, height = min(width, full_width) // scale * scale, min(height, full_height) // scale * scale
    sums = np.zeros((full_height + 1, full_width + 1))
    sums[1:, 1:] = variance.cumsum(axis=0).cumsum(axis=1)
    rows, columns = (
        np.arange(0, full_height - height + 1, scale)[:, None],
        np.arange(0, full_width - width + 1, scale)[None],
    )
    windows = sums[rows + height, columns + width] - sums[rows, columns + width]
    windows += sums[rows, columns] - sums[rows + height, columns]
    best = windows.max()
    y, x = divmod(int(np.argmax(windows >= best * (1 - 1e-9))), windows.shape[1])  # rounding errors do not decide
    return Crop(x * scale, y * scale, width, height)
