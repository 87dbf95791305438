"""Rows of a linear system: LR values, and the HR pixels around each that a kernel would weigh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from srbench.images.kernel_file import to_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from srbench.images.resizers.resizer import Pixels

CHUNK = 4096
"""LR pixels whose windows are held at a time."""


@dataclass(frozen=True)
class Window:
    """HR pixels that a kernel may weigh: from ``top`` and ``left``, counted from the LR pixel's block."""

    top: int
    left: int
    height: int
    width: int

    @property
    def taps(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @classmethod
    def around(cls, scale: int) -> Window:
        """Return a window as wide as any kernel that is looked for: Lanczos of 3 lobes, or blurs of 21 pixels."""
        margin = min(max(10, -(-5 * scale // 2)), 14)
        return cls(-margin, -margin, scale + 2 * margin, scale + 2 * margin)


@dataclass(frozen=True)
class System:
    """The normal equations of one model: sums over rows ``a`` and values ``y``, in steps of 8 bits."""

    gram: NDArray[Any]
    """``(taps + 1, taps + 1)``: a^T a; the last column is constant."""
    moment: NDArray[Any]
    """``(taps + 1,)``: a^T y."""
    square: float
    """y^T y."""
    rows: int

    def solve(self, taps: NDArray[Any]) -> tuple[NDArray[Any], float]:
        """Return the weights of some taps (by position; the rest are 0), and the mean square of what is left."""
        gram = self.gram[np.ix_(taps, taps)]
        gram = gram + np.eye(len(taps)) * (1e-12 * np.trace(gram) / len(taps))
        weights = np.linalg.solve(gram, self.moment[taps])
        left = self.square - float(weights @ self.moment[taps])
        return weights, max(left, 0.0) / max(1, self.rows - len(taps))


def usable(hr: Pixels, lr: Pixels, scale: int, window: Window) -> NDArray[Any]:
    """Return the LR pixels whose window lies inside HR: ``(n, 2)``, row and column."""
    spans = []
    for side, length, first, size in (
        (lr.shape[0], hr.shape[0], window.top, window.height),
        (lr.shape[1], hr.shape[1], window.left, window.width),
    ):
        positions = np.arange(side)
        start = scale * positions + first
        spans.append(positions[(start >= 0) & (start + size <= length)])
    rows, columns = np.meshgrid(*spans, indexing="ij")
    return np.stack([rows.ravel(), columns.ravel()], axis=1)


def build(
    pairs: Sequence[tuple[Pixels, Pixels]],
    scale: int,
    window: Window,
    most_rows: int,
    *,
    linear_light: bool = False,
    guess: NDArray[Any] | None = None,
) -> System:
    """Sum up the normal equations over a random part of the pixels of pairs of HR and LR.

    Clipped values (0 and 255) are left out. In linear light, rows are divided by the slope of sRGB's curve, so that
    what is left is in steps of 8 bits too: at the LR value, or at what a ``guess`` of the weights gives, which is a
    step of Gauss and Newton.
    """
    random = np.random.default_rng(0)
    gram, moment = np.zeros((window.taps + 1, window.taps + 1)), np.zeros(window.taps + 1)
    square, count = 0.0, 0
    for hr, lr in pairs:
        pixels = usable(hr, lr, scale, window)
        wanted = -(-most_rows // (3 * len(pairs)))
        if len(pixels) > wanted:
            pixels = pixels[np.sort(random.choice(len(pixels), wanted, replace=False))]
        source = to_linear(hr) if linear_light else hr.astype(np.float64)
        views = np.lib.stride_tricks.sliding_window_view(source, (window.height, window.width), axis=(0, 1))
        for first in range(0, len(pixels), CHUNK):
            y, x = pixels[first : first + CHUNK].T
            a = views[scale * y + window.top, scale * x + window.left].reshape(-1, window.taps)
            b = lr[y, x].reshape(-1).astype(np.float64)
            is_inside = (b > 0) & (b < 255)
            a, b = a[is_inside], b[is_inside]
            if linear_light:
                a, b = _linearised(a, b, guess)
            a = np.concatenate([a, np.ones((len(a), 1))], axis=1)
            gram += a.T @ a
            moment += a.T @ b
            square += float(b @ b)
            count += len(b)
    return System(gram, moment, square, count)


def _linearised(a: NDArray[Any], b: NDArray[Any], guess: NDArray[Any] | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return rows and values in steps of 8 bits, of the curve's tangent at the LR values or at a guess."""
    from srbench.images.kernel_file import to_code

    light = to_linear(b) if guess is None else np.clip(a @ guess, 1e-4, 1)
    slope = slope_at(light)
    a = a * slope[:, None]
    return a, slope * light if guess is None else b - to_code(light) + slope * light


def slope_at(light: NDArray[Any]) -> NDArray[Any]:
    """Return the steps of 8 bits per unit of linear light, along sRGB's curve."""
    curve = 1.055 / 2.4 * np.maximum(light, 0.0031308) ** (1 / 2.4 - 1)
    return np.asarray(255 * np.where(light <= 0.0031308, 12.92, curve))
