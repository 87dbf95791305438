"""Estimate the linear kernel that made LR from HR, by least squares, with its support, light and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from srbench.identify.samples import Window, build, usable
from srbench.images.kernel_file import Kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from srbench.identify.samples import System
    from srbench.images.resizers.resizer import Pixels

ROUNDING = 1 / 12
"""Variance of rounding to whole steps."""
FIRST_ROWS = 60_000
LAST_ROWS = 240_000
BETTER = 0.97
"""Linear light must leave at most this share of the mean square that code values leave, to be named."""
WORST = 1e13
"""Largest condition of the normal equations: with more, HR has too little detail to tell weights apart."""
FARTHEST = 5.0
"""Standard deviations by which a row's or column's weights may differ from 0 by chance."""


@dataclass(frozen=True)
class Estimate:
    """A kernel and what it leaves."""

    kernel: Kernel
    residual: float
    """Root mean square of what the kernel leaves, in steps of 8 bits; rounding alone leaves 0.29."""
    residual_code: float
    """What the best kernel on code values leaves."""
    residual_linear: float
    """What the best kernel in linear light leaves."""
    error: float
    """Standard error of the kernel: norm of its errors over its own norm."""
    rows: int
    """LR values that it was estimated from."""

    @property
    def weights(self) -> NDArray[Any]:
        """``(height, width)``."""
        return np.array(self.kernel.weights)


def estimate(pairs: Sequence[tuple[Pixels, Pixels]], scale: int) -> Estimate | None:
    """Estimate the kernel of pairs of HR and LR, ``(H, W, 3)`` and ``(h, w, 3)`` uint8; None for too little.

    First on a wide window, on code values and in linear light; the better is cut to the support that matters, and
    estimated again from more pixels.
    """
    window = Window.around(scale)
    available = 3 * sum(len(usable(hr, lr, scale, window)) for hr, lr in pairs)
    if available < 2 * window.taps:
        return None
    try:
        return _estimate(pairs, scale, window)
    except np.linalg.LinAlgError:
        return None


def _estimate(pairs: Sequence[tuple[Pixels, Pixels]], scale: int, window: Window) -> Estimate | None:
    """Estimate the kernel on a window.

    Raises:
        numpy.linalg.LinAlgError: HR has too little detail.
    """
    everything = np.arange(window.taps + 1)
    system = build(pairs, scale, window, FIRST_ROWS)
    if system.rows < 2 * window.taps or np.linalg.cond(system.gram) > WORST:
        return None
    light = build(pairs, scale, window, FIRST_ROWS, linear_light=True)
    left_code, left_light = system.solve(everything)[1], light.solve(everything[:-1])[1]
    linear_light = left_light < BETTER * left_code
    window = _support(light if linear_light else system, window, constant=not linear_light)
    taps = np.arange(window.taps + (not linear_light))
    final = build(pairs, scale, window, LAST_ROWS, linear_light=linear_light)
    weights, left = final.solve(taps)
    if linear_light:
        final = build(pairs, scale, window, LAST_ROWS, linear_light=True, guess=weights)
        weights, left = final.solve(taps)
    covariance = np.linalg.inv(final.gram[: window.taps, : window.taps]) * left
    table = weights[: window.taps].reshape(window.height, window.width)
    noise = float(np.sqrt(max(left - ROUNDING, 0)))
    kernel = Kernel(
        scale,
        table.tolist(),
        window.top,
        window.left,
        linear_light=linear_light,
        noise=noise if noise > 0.5 else 0.0,
        offset=0.0 if linear_light else float(weights[-1]),
    )
    error = float(np.sqrt(np.trace(covariance)) / np.linalg.norm(table))
    return Estimate(kernel, left**0.5, left_code**0.5, left_light**0.5, error, final.rows)


def _support(system: System, window: Window, *, constant: bool) -> Window:
    """Cut rows and columns at the sides of a window while their weights differ from 0 by no more than their errors.

    What is left without a row follows from the inverse of the normal equations with it, by Schur's complement.
    """
    index = np.arange(window.taps).reshape(window.height, window.width)
    taps = np.arange(window.taps + constant)
    weights, left = system.solve(taps)
    inverse = np.linalg.inv(system.gram[np.ix_(taps, taps)])
    while True:
        sides = {"top": index[0], "bottom": index[-1], "left": index[:, 0], "right": index[:, -1]}
        scores, gains = {}, {}
        for side, strip in sides.items():
            at = np.searchsorted(taps, strip)
            gains[side] = np.linalg.solve(inverse[np.ix_(at, at)], np.c_[weights[at], inverse[at]])
            chi = weights[at] @ gains[side][:, 0] / max(left, 1e-9)
            scores[side] = (chi - len(strip)) / np.sqrt(2 * len(strip))
        side = min(scores, key=lambda name: scores[name])
        if scores[side] > FARTHEST or min(index.shape) == 1:
            row, column = divmod(int(index[0, 0]), window.width)
            return Window(window.top + row, window.left + column, *index.shape)
        at = np.searchsorted(taps, sides[side])
        weights = np.delete(weights - inverse[:, at] @ gains[side][:, 0], at)
        inverse = np.delete(np.delete(inverse - inverse[:, at] @ gains[side][:, 1:], at, axis=0), at, axis=1)
        taps = np.delete(taps, at)
        index = {"top": index[1:], "bottom": index[:-1], "left": index[:, 1:], "right": index[:, :-1]}[side]
