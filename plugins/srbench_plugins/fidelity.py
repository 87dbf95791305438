"""PSNR, SSIM and HFEN: metrics of fidelity to HR.

They take the protocol's channels with the border cut, values in [0, 255] as float64.
"""

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


def _require_size(image: torch.Tensor, least: int, metric: str) -> None:
    """Check that the scored part of an image contains at least one window.

    Raises:
        UndefinedScoreError: its height or width is below ``least`` pixels.
    """
    height, width = image.shape[-2:]
    if min(height, width) < least:
        raise UndefinedScoreError(f"too small: {width}x{height} after the border cut, {metric} needs {least}x{least}")


class PSNR:
    """Peak signal-to-noise ratio in dB for a peak of 255, over all scored channels; infinite for equal images."""

    def prepare(self, hr: torch.Tensor, protocol: Protocol) -> torch.Tensor:
        _require_size(hr, 1, "PSNR")
        return hr

    def score(self, sr: torch.Tensor, prepared: torch.Tensor) -> torch.Tensor:
        """Return the PSNR of each image: ``(N, C, H, W)`` to ``(N,)``, or ``(C, H, W)`` to a scalar."""
        return 10 * (255**2 / (sr - prepared).square().mean(dim=(-3, -2, -1))).log10()


@dataclass(frozen=True)
class _Moments:
    """What SSIM needs of HR; all but ``hr`` are maps over the full windows, ``(..., H-10, W-10)``."""

    hr: torch.Tensor
    mean: torch.Tensor
    """Windowed mean."""
    luminance: torch.Tensor
    """Squared mean plus C1, HR's part of the luminance term's denominator."""
    contrast: torch.Tensor
    """Windowed variance plus C2, HR's part of the contrast term's denominator."""


class SSIM:
    """Structural similarity (Wang et al. 2004), at most 1: the mean over full 11x11 Gaussian windows and channels."""

    WINDOW = 11
    """Height and width of the window in pixels."""
    SIGMA = 1.5
    """Standard deviation of the window in pixels."""
    C1 = (0.01 * 255) ** 2
    C2 = (0.03 * 255) ** 2

    def prepare(self, hr: torch.Tensor, protocol: Protocol) -> _Moments:
        _require_size(hr, self.WINDOW, "SSIM")
        mean, square = _blur(hr), _blur(hr.square())
        luminance = mean.square()
        return _Moments(hr, mean, luminance + self.C1, square - luminance + self.C2)

    def score(self, sr: torch.Tensor, prepared: _Moments) -> torch.Tensor:
        """Return the SSIM of each image: ``(N, C, H, W)`` to ``(N,)``, or ``(C, H, W)`` to a scalar."""
        import torch

        mean, square, cross = _blur(torch.stack([sr, sr.square(), sr * prepared.hr]))
        product = mean * prepared.mean  # from here in place: memory bandwidth limits the speed
        structure = cross.sub_(product).mul_(2).add_(self.C2)
        numerator = product.mul_(2).add_(self.C1).mul_(structure)
        mean.square_()
        contrast = square.sub_(mean).add_(prepared.contrast)
        denominator = mean.add_(prepared.luminance).mul_(contrast)
        similarity: torch.Tensor = numerator.div_(denominator).mean(dim=(-3, -2, -1))
        return similarity


@cache
def _taps() -> list[float]:
    from srbench.windows import gaussian

    return gaussian(SSIM.WINDOW, SSIM.SIGMA).tolist()


def _blur(image: torch.Tensor) -> torch.Tensor:
    """Return the Gaussian-weighted mean of every full window: ``(..., H, W)`` to ``(..., H-10, W-10)``."""
    taps = _taps()
    if image.is_cuda:  # here launches take the time, and a convolution needs two
        from srbench.windows import filter_separably

        return filter_separably(image, image.new_tensor(taps))
    last = SSIM.WINDOW - 1
    centre = last // 2
    for dim in (-2, -1):
        length = image.shape[dim] - last
        mean = image.narrow(dim, centre, length) * taps[centre]
        for i in range(centre):  # the window is symmetric: one product for two taps
            pair = image.narrow(dim, i, length) + image.narrow(dim, last - i, length)
            mean.add_(pair, alpha=taps[i])
        image = mean
    return image


class HFEN:
    """Relative high-frequency error norm (Ravishankar and Bresler 2011): ``||LoG(SR) - LoG(HR)|| / ||LoG(HR)||``.

    LoG is a 15x15 Laplacian of Gaussian with sigma 1.5, as MATLAB's ``fspecial('log', 15, 1.5)``. Borders are
    replicated. The norm runs over all channels.
    """

    def prepare(self, hr: torch.Tensor, protocol: Protocol) -> torch.Tensor:
        _require_size(hr, 1, "HFEN")
        edges = _edges(hr)
        if float(edges.norm()) < 1e-6:
            raise UndefinedScoreError("flat: HR has no high frequencies to compare with")
        return edges

    def score(self, sr: torch.Tensor, prepared: torch.Tensor) -> float:
        return float((_edges(sr) - prepared).norm() / prepared.norm())


@cache
def _laplacian_of_gaussian() -> torch.Tensor:
    from srbench.windows import laplacian_of_gaussian

    return laplacian_of_gaussian(15, 1.5)


def _edges(image: torch.Tensor) -> torch.Tensor:
    """Filter each channel of ``(C, H, W)`` with the Laplacian of Gaussian; shape kept."""
    from torch.nn import functional

    padded = functional.pad(image[:, None], (7, 7, 7, 7), mode="replicate")
    return functional.conv2d(padded, _laplacian_of_gaussian().to(image)[None, None])[:, 0]


@hookimpl
def srbench_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            name="psnr",
            summary="peak signal-to-noise ratio in dB",
            build=psnr,
            better="higher",
            batched=True,
            unit="dB",
            decimals=2,
            bounds=(0, math.inf),
            tolerance=0.05,
        ),
        MetricSpec(
            name="ssim",
            summary="structural similarity, at most 1",
            build=ssim,
            better="higher",
            batched=True,
            bounds=(-1, 1),
            tolerance=0.002,
            paper="doi:10.1109/TIP.2003.819861",
        ),
        MetricSpec(
            name="hfen",
            summary="relative high-frequency error norm; 0 is perfect",
            build=hfen,
            better="lower",
            bounds=(0, math.inf),
            paper="doi:10.1109/TMI.2010.2090538",
        ),
    ]
