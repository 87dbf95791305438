"""Metrics of fidelity to HR, on the protocol's channels with the border cut: PSNR, SSIM, HFEN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from srbench import Metric, MetricSpec, hookimpl
from srbench.errors import UndefinedScoreError

if TYPE_CHECKING:
    import torch

    from srbench.protocols import Protocol


def psnr() -> Metric:
    return PSNR()


def ssim() -> Metric:
    return SSIM()


def hfen() -> Metric:
    return HFEN()


def _require_size(image: torch.Tensor, least: int, what: str) -> None:
    """Refuse an image whose scored part is smaller than a window."""
    height, width = image.shape[-2:]
    if min(height, width) < least:
        raise UndefinedScoreError(f"too small: {width}x{height} after the border cut, {what} needs {least}x{least}")


class PSNR:
    """Peak signal-to-noise ratio in dB, peak 255, over all scored channels; infinite for equal images."""

    def prepare(self, hr: torch.Tensor, protocol: Protocol) -> torch.Tensor:
        _require_size(hr, 1, "PSNR")
        return hr

    def score(self, sr: torch.Tensor, prepared: torch.Tensor) -> torch.Tensor:
        return 10 * (255**2 / (sr - prepared).square().mean(dim=(-3, -2, -1))).log10()


@dataclass(frozen=True)
class _Moments:
    """HR, its windowed mean, and of the formula's denominator what HR adds to it."""

    hr: torch.Tensor
    mean: torch.Tensor
    luminance: torch.Tensor
    contrast: torch.Tensor


class SSIM:
    """Structural similarity, Wang et al. 2004: 11x11 Gaussian of sigma 1.5, valid part, mean over channels."""

    WINDOW = 11
    C1 = (0.01 * 255) ** 2
    C2 = (0.03 * 255) ** 2

    def prepare(self, hr: torch.Tensor, protocol: Protocol) -> _Moments:
        _require_size(hr, self.WINDOW, "SSIM")
        mean, square = _blur(hr), _blur(hr.square())
        luminance = mean.square()
        return _Moments(hr, mean, luminance + self.C1, square - luminance + self.C2)

    def score(self, sr: torch.Tensor, prepared: _Moments) -> torch.Tensor:
        import torch

        mean, square, cross = _blur(torch.stack([sr, sr.square(), sr * prepared.hr]))
        both = mean * prepared.mean  # from here in place: memory is what takes the time
        structure = cross.sub_(both).mul_(2).add_(self.C2)
        above = both.mul_(2).add_(self.C1).mul_(structure)
        mean.square_()
        contrast = square.sub_(mean).add_(prepared.contrast)
        below = mean.add_(prepared.luminance).mul_(contrast)
        similarity: torch.Tensor = above.div_(below).mean(dim=(-3, -2, -1))
        return similarity


def _blur(x: torch.Tensor) -> torch.Tensor:
    """Weighted mean over every full 11x11 window of ``(..., H, W)``: two one-dimensional passes."""
    taps = [math.exp(-(i**2) / (2 * 1.5**2)) for i in range(-5, 6)]
    total = sum(taps)
    if x.is_cuda:
        return _convolved(x, [tap / total for tap in taps])
    for dim in (-2, -1):
        length = x.shape[dim] - 10
        result = x.narrow(dim, 5, length) * (taps[5] / total)
        for i in range(5):  # symmetric: one product for two taps
            pair = x.narrow(dim, i, length) + x.narrow(dim, 10 - i, length)
            result.add_(pair, alpha=taps[i] / total)
        x = result
    return x


def _convolved(x: torch.Tensor, taps: list[float]) -> torch.Tensor:
    """Do the same in two launches: on a GPU these, not memory, are what takes the time."""
    from torch.nn import functional

    window = x.new_tensor(taps)
    planes = x.reshape(-1, 1, *x.shape[-2:])
    planes = functional.conv2d(functional.conv2d(planes, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return planes.view(*x.shape[:-2], *planes.shape[-2:])


class HFEN:
    """High-frequency error norm, Ravishankar and Bresler 2011, relative: ||LoG(SR) - LoG(HR)|| / ||LoG(HR)||.

    LoG is a 15x15 Laplacian of Gaussian with sigma 1.5, as MATLAB's ``fspecial('log', 15, 1.5)``; borders replicated.
    """

    def prepare(self, hr: torch.Tensor, protocol: Protocol) -> torch.Tensor:
        _require_size(hr, 1, "HFEN")
        edges = _log(hr)
        if float(edges.norm()) < 1e-6:
            raise UndefinedScoreError("flat: HR has no high frequencies to compare with")
        return edges

    def score(self, sr: torch.Tensor, prepared: torch.Tensor) -> float:
        return float((_log(sr) - prepared).norm() / prepared.norm())


@cache
def _log_kernel() -> torch.Tensor:
    import torch

    axis = torch.arange(-7, 8, dtype=torch.float64)
    square = axis[:, None] ** 2 + axis[None] ** 2
    gauss = torch.exp(-square / (2 * 1.5**2))
    gauss = gauss / gauss.sum()
    kernel = gauss * (square - 2 * 1.5**2) / 1.5**4
    return kernel - kernel.mean()


def _log(x: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    padded = functional.pad(x[:, None], (7, 7, 7, 7), mode="replicate")
    return functional.conv2d(padded, _log_kernel().to(x)[None, None])[:, 0]


@hookimpl
def srbench_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            name="psnr",
            summary="peak signal-to-noise ratio in dB",
            build=psnr,
            better="higher",
            batched=True,
            decimals=2,
            tolerance=0.05,
        ),
        MetricSpec(
            name="ssim",
            summary="structural similarity, at most 1",
            build=ssim,
            better="higher",
            batched=True,
            tolerance=0.002,
            paper="doi:10.1109/TIP.2003.819861",
        ),
        MetricSpec(
            name="hfen",
            summary="high-frequency error norm, relative; 0 is perfect",
            build=hfen,
            better="lower",
            paper="doi:10.1109/TMI.2010.2090538",
        ),
    ]
