"""Find JPEG's traces in LR: coefficients of 8x8 blocks that are multiples of a quality's steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
LEAST = 200
"""Fewest coefficients other than 0 by which a quality is told."""
NEAR = 1.0
"""Distance from a multiple, in units of coefficients, within which the rounding of pixels leaves most."""
SMALLEST_STEP = 5
"""Smaller steps say nothing, since all values lie near a multiple."""
SHARE = 0.9


@dataclass(frozen=True)
class Jpeg:
    """Quality as libjpeg counts it, and whether chroma was kept at full size."""

    quality: int
    subsampling: str
    """``4:4:4``, ``4:2:0`` (or another that halves chroma), or empty for grey."""


def find_jpeg(lr: Pixels) -> Jpeg | None:
    """Return JPEG's quality where the 8x8 blocks of an LR image show it, ``(h, w, 3)`` uint8; None if they do not."""
    luma, *chroma = _planes(lr)
    coefficients = _coefficients(luma)
    for quality in QUALITIES:  # the lowest comes first: its steps' divisors fit too
        if _fits(coefficients, _steps(LUMA, quality)):
            break
    else:
        return None
    if bool((lr == lr[..., :1]).all()):
        return Jpeg(quality, "")
    both = np.concatenate([_coefficients(plane) for plane in chroma])
    is_full = _fits(both, _steps(CHROMA, quality), least=20)
    return Jpeg(quality, "4:4:4" if is_full else "4:2:0")


def _steps(table: tuple[int, ...], quality: int) -> NDArray[Any]:
    """Return the steps of a quality as libjpeg makes them, ``(64,)``."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.asarray(np.clip((np.array(table) * percent + 50) // 100, 1, 255))


def _planes(lr: Pixels) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return luma less 128, and both chroma, of JFIF."""
    red, green, blue = np.moveaxis(lr.astype(np.float64), 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma - 128, (blue - luma) / 1.772, (red - luma) / 1.402


def _coefficients(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the DCT of whole 8x8 blocks, ``(n, 64)``."""
    from scipy.fft import dctn

    height, width = (side // 8 for side in plane.shape)
    blocks = plane[: 8 * height, : 8 * width].reshape(height, 8, width, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    return np.asarray(dctn(blocks, axes=(1, 2), norm="ortho")).reshape(-1, 64)


def _fits(coefficients: NDArray[Any], steps: NDArray[Any], least: int = LEAST) -> bool:
    """Return whether the coefficients that are not about 0 are multiples of the steps."""
    ratio = coefficients / steps
    is_telling = (np.abs(coefficients) > np.maximum(steps / 2, 2)) & (steps >= SMALLEST_STEP)
    distance = np.abs(ratio - np.round(ratio)) * steps
    return int(is_telling.sum()) >= least and float((distance[is_telling] < NEAR).mean()) > SHARE
