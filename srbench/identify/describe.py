"""Describe an estimated kernel: size, centre, symmetry, the nearest Gaussian and the nearest named resizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from srbench.errors import UsageError
from srbench.identify.compare import BENCHMARK
from srbench.identify.samples import Window, usable
from srbench.images.resizers import RESIZERS
from srbench.images.resizers.plain import FAMILIES
from srbench.resize import degrade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from srbench.images.kernel_file import Kernel
    from srbench.images.resizers.resizer import Pixels

SIDE = 72
"""Side of the LR of noise by which named kernels are measured."""
LEAST_LINEAR = 1.0
"""Largest root mean square that a named kernel may leave, in steps of 8 bits; others are no one kernel."""

ALIKE = 0.02
"""Distance of named kernels that are called alike: twice what their measurement leaves."""


@dataclass(frozen=True)
class Gaussian:
    """The Gaussian, sampled at HR pixels, that is nearest to a kernel."""

    sigmas: tuple[float, float]
    """Large and small, in HR pixels."""
    angle: float
    """Of the large one, in degrees from the horizontal, -90 to 90; positive: downwards to the right."""
    distance: float
    """Norm of the difference over the kernel's own norm."""


@dataclass(frozen=True)
class Description:
    """What a kernel looks like. Shifts are in HR pixels, from the centre of the LR pixel, down and right positive."""

    total: float
    shift: tuple[float, float]
    separable: float
    """Share of its energy in the nearest product of a column and a row, 0 to 1."""
    asymmetry: float
    """Norm of its difference to itself turned by 180 degrees about its centre, over twice its norm."""
    gaussian: Gaussian
    nearest: str
    """The named resizer whose kernel is nearest."""
    alike: list[str]
    """Others with about the same kernel, which differ in rounding or at the borders."""
    nearest_distance: float
    """Norm of the difference over the norm of the named kernel."""
    nearest_weights: NDArray[Any]
    """The named kernel, on the window `Window.around`."""


def on_window(kernel: Kernel, window: Window) -> NDArray[Any]:
    """Return a kernel's weights on a larger window."""
    table = np.zeros((window.height, window.width))
    weights = np.array(kernel.weights)
    row, column = kernel.top - window.top, kernel.left - window.left
    table[row : row + weights.shape[0], column : column + weights.shape[1]] = weights
    return table


def describe(kernel: Kernel) -> Description:
    """Describe a kernel whose weights lie within `Window.around` its scale."""
    window = Window.around(kernel.scale)
    table = on_window(kernel, window)
    total = float(table.sum())
    middle = (kernel.scale - 1) / 2
    rows, columns = window.top + np.arange(window.height), window.left + np.arange(window.width)
    centre = float(table.sum(1) @ rows / total), float(table.sum(0) @ columns / total)
    values = np.linalg.svd(table, compute_uv=False)
    named = {name: weights for name, weights in named_kernels(kernel.scale).items() if weights is not None}
    distances = {
        name: float(np.linalg.norm(table - weights) / np.linalg.norm(weights)) for name, weights in named.items()
    }
    nearest = min(distances, key=lambda name: distances[name])
    return Description(
        total,
        (centre[0] - middle, centre[1] - middle),
        float(values[0] ** 2 / (values**2).sum()),
        _asymmetry(table, (centre[0] - window.top, centre[1] - window.left)),
        _gaussian(table, (centre[0] - window.top, centre[1] - window.left)),
        nearest,
        [name for name, weights in named.items() if name != nearest and _are_alike(weights, named[nearest])],
        distances[nearest],
        named[nearest],
    )


def _are_alike(first: NDArray[Any], other: NDArray[Any]) -> bool:
    return float(np.linalg.norm(first - other)) < ALIKE * float(np.linalg.norm(other))


def _asymmetry(table: NDArray[Any], centre: tuple[float, float]) -> float:
    """Compare with itself turned by 180 degrees about its centre, shifted by parts of a pixel in frequencies."""
    size = 2 * max(table.shape)
    spectrum = np.fft.rfft2(table, (size, size))
    down = np.fft.fftfreq(size)[:, None] * 2 * centre[0]
    right = np.fft.rfftfreq(size)[None] * 2 * centre[1]
    turned = np.fft.irfft2(spectrum.conj() * np.exp(-2j * np.pi * (down + right)), (size, size))
    difference = np.fft.irfft2(spectrum, (size, size)) - turned
    return float(np.linalg.norm(difference) / (2 * np.linalg.norm(table)))


def _gaussian(table: NDArray[Any], centre: tuple[float, float]) -> Gaussian:
    from scipy.optimize import least_squares

    rows, columns = np.mgrid[: table.shape[0], : table.shape[1]]

    def sampled(parameters: NDArray[Any]) -> NDArray[Any]:
        peak, y, x, a, b, c = parameters  # a, b, c: the triangular root of the inverse covariance
        down, right = rows - y, columns - x
        return np.asarray(peak * np.exp(-((a * right + b * down) ** 2 + (c * down) ** 2) / 2))

    start = np.array([table.max(), *centre, 0.5, 0.0, 0.5])
    fitted = least_squares(lambda parameters: (sampled(parameters) - table).ravel(), start)
    root = np.array([[fitted.x[3], fitted.x[4]], [0, fitted.x[5]]])  # of (right, down)
    values, vectors = np.linalg.eigh(root.T @ root)
    sigmas = 1 / np.sqrt(np.maximum(values, 1e-12))
    right, down = vectors[:, 0]
    angle = float(np.degrees(np.arctan2(down, right)))
    angle = angle - 180 if angle > 90 else angle + 180 if angle < -90 else angle
    distance = float(np.linalg.norm(sampled(fitted.x) - table) / np.linalg.norm(table))
    return Gaussian((float(sigmas[0]), float(sigmas[1])), angle, distance)


def named_kernels(scale: int) -> dict[str, NDArray[Any] | None]:
    """Return the kernels of all named resizers on `Window.around`, measured on noise; None for those that have none."""
    window = Window.around(scale)
    noise = np.random.default_rng(0).integers(64, 192, (SIDE * scale, SIDE * scale, 3), np.uint8)
    lr_size = SIDE, SIDE
    pixels = usable(noise, np.empty((*lr_size, 3), np.uint8), scale, window)
    y, x = pixels.T
    views = np.lib.stride_tricks.sliding_window_view(noise, (window.height, window.width), axis=(0, 1))
    rows = views[scale * y + window.top, scale * x + window.left].reshape(-1, window.taps).astype(np.float64)
    rows -= 127.5
    factor = np.linalg.inv(rows.T @ rows) @ rows.T
    kernels: dict[str, NDArray[Any] | None] = {}
    for name, lr in _shrunk(noise, lr_size, scale):
        values = lr[y, x].reshape(-1) - 127.5
        weights = factor @ values
        left = float(np.sqrt(np.mean((rows @ weights - values) ** 2)))
        kernels[name] = weights.reshape(window.height, window.width) if left < LEAST_LINEAR else None
    return kernels


def _shrunk(noise: Pixels, size: tuple[int, int], scale: int) -> Iterator[tuple[str, Pixels]]:
    yield BENCHMARK, degrade(torch.from_numpy(noise).permute(2, 0, 1), scale).permute(1, 2, 0).numpy()
    for resizer in RESIZERS.values():
        if not (resizer.library and resizer.library.missing):
            try:
                yield resizer.name, resizer.shrink(noise, size, scale)
            except (UsageError, ValueError):
                continue
    for family in FAMILIES:
        yield from family.shrink_all(noise, size, scale)
