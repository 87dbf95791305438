"""Find JPEG's traces in LR: coefficients of 8x8 blocks that are multiples of a quality's steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from srbench.images.resizers.resizer import Pixels

LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
"""Steps of luma at quality 50 (ITU-T T.81, table K.1)."""
CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99, *([99] * 32)),
)
"""Steps of chroma at quality 50 (table K.2)."""
QUALITIES = range(5, 93)
"""Qualities that are told; above, steps are as small as the rounding of pixels."""
LEAST = 40
"""Fewest coefficients other than 0 by which a quality is told."""
NEAR = 1.2
"""Distance from a multiple, in units of coefficients, within which the rounding of pixels leaves most."""
SMALLEST_STEP = 5
"""Smaller steps say nothing, since all values lie near a multiple."""
SHARE = 0.85
HALVED = 0.6
"""Below this share, chroma was not kept at full size."""
NEIGHBOURS = 8
"""Qualities whose steps are so alike that both may fit."""


@dataclass(frozen=True)
class Jpeg:
    """Quality as libjpeg counts it, and whether chroma was kept at full size."""

    quality: int
    subsampling: str
    """``4:4:4``, ``4:2:0`` (or another that halves chroma), or empty: grey, or not to be told."""


def find_jpeg(lr: Pixels) -> Jpeg | None:
    """Return JPEG's quality where the 8x8 blocks of an LR image show it, ``(h, w, 3)`` uint8; None if they do not."""
    blocks = _unclipped(lr)
    luma, *chroma = (_coefficients(plane) for plane in _planes(blocks))
    fits = {quality: _fit(luma, _steps(LUMA, quality)) for quality in QUALITIES}
    fitting = [quality for quality, fit in fits.items() if fit.total >= LEAST and fit.share > SHARE]
    if not fitting:
        return None
    lowest = fitting[0]  # steps of higher qualities that divide its steps fit too
    near = [quality for quality in fitting if quality - lowest < NEIGHBOURS]
    quality = min(near, key=lambda quality: fits[quality].distance)
    if bool((lr == lr[..., :1]).all()):
        return Jpeg(quality, "")
    full = _fit(np.concatenate(chroma), _steps(CHROMA, quality))
    is_known = full.total >= LEAST and not HALVED <= full.share <= SHARE
    return Jpeg(quality, ("4:4:4" if full.share > SHARE else "4:2:0") if is_known else "")


def _unclipped(lr: Pixels) -> NDArray[Any]:
    """Return the whole 8x8 blocks of an image that have no 0 and no 255, ``(n, 8, 8, 3)`` float64."""
    height, width = (side // 8 for side in lr.shape[:2])
    cut = lr[: 8 * height, : 8 * width].reshape(height, 8, width, 8, 3)
    blocks = cut.swapaxes(1, 2).reshape(-1, 8, 8, 3).astype(np.float64)
    return np.asarray(blocks[(blocks.min(axis=(1, 2, 3)) > 0) & (blocks.max(axis=(1, 2, 3)) < 255)])


def _steps(table: tuple[int, ...], quality: int) -> NDArray[Any]:
    """Return the steps of a quality as libjpeg makes them, ``(64,)``."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.asarray(np.clip((np.array(table) * percent + 50) // 100, 1, 255))


def _planes(blocks: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return luma less 128, and both chroma, of JFIF."""
    red, green, blue = np.moveaxis(blocks, -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma - 128, (blue - luma) / 1.772, (red - luma) / 1.402


def _coefficients(blocks: NDArray[Any]) -> NDArray[Any]:
    """Return the DCT of blocks, ``(n, 64)``."""
    from scipy.fft import dctn

    return np.asarray(dctn(blocks, axes=(1, 2), norm="ortho")).reshape(-1, 64)


class Fit(NamedTuple):
    """How near coefficients that are not about 0 are to multiples of steps."""

    total: int
    share: float
    """Share of those within `NEAR`."""
    distance: float
    """Mean distance."""


def _fit(coefficients: NDArray[Any], steps: NDArray[Any]) -> Fit:
    is_telling = (np.abs(coefficients) > np.maximum(steps / 2, 2)) & (steps >= SMALLEST_STEP)
    is_telling[:, 0] = False  # the mean of a flat block is off by what each of its pixels was rounded by
    ratio = coefficients / steps
    distance = (np.abs(ratio - np.round(ratio)) * steps)[is_telling]
    if not len(distance):
        return Fit(0, 0.0, 0.0)
    return Fit(len(distance), float((distance < NEAR).mean()), float(distance.mean()))
