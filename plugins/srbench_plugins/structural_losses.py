"""Losses that compare structure: negative PSNR, SSIM, MS-SSIM, and the high-frequency error norm.

Images are RGB in [0, 1] of shape ``(N, 3, H, W)``. Only windows that lie fully inside the image count.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from srbench import LossSpec, hookimpl
from srbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Loss = Callable[[Tensor, Tensor], Tensor]

WINDOW, SIGMA = 11, 1.5
"""Size and standard deviation of SSIM's Gaussian window, in pixels."""
LOG_SIZE = 15
"""Height and width of the Laplacian of Gaussian, in pixels."""
C1, C2 = 0.01**2, 0.03**2
"""SSIM's constants for values in [0, 1]."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""MS-SSIM's exponents for five scales, finest first (Wang et al. 2003)."""
FORMULAS = {
    "psnr": "mean over images of 10 log₁₀(mean (ŷ - y)²)",
    "ssim": "1 - mean ((2 m n + C₁)(2 c + C₂)) / ((m² + n² + C₁)(s² + t² + C₂)), "
    f"m, n: means, s², t²: variances, c: covariance of ŷ and y in {WINDOW}x{WINDOW} Gaussian windows of sigma {SIGMA}, "
    f"C₁ = {C1:g}, C₂ = {C2:g}",
    "ms-ssim": "1 - SSIM(ŷ, y at the coarsest scale)^w₅ · ∏ CS(at scale j)^wⱼ, CS = (2 c + C₂) / (s² + t² + C₂), each "
    f"scale half the size of the one before, w = {', '.join(map(str, SCALE_WEIGHTS))}",
    "hfenn": f"‖LoG(ŷ - y)‖² / ‖LoG(y)‖², LoG: {LOG_SIZE}x{LOG_SIZE} Laplacian of Gaussian of sigma {SIGMA}",
}


def psnr() -> Loss:
    def loss(sr: Tensor, hr: Tensor) -> Tensor:
        mse = (sr - hr).square().mean(dim=(1, 2, 3))
        return 10 * (mse + 1e-10).log10().mean()

    return loss


def ssim() -> Loss:
    def loss(sr: Tensor, hr: Tensor) -> Tensor:
        return 1 - _similarity(sr, hr)[0].mean()

    return loss


def ms_ssim() -> Loss:
    """Return 1 - MS-SSIM. On small patches the coarsest scales are left out and the exponents rescaled to sum to 1."""

    def loss(sr: Tensor, hr: Tensor) -> Tensor:
        import torch
        from torch.nn import functional

        side = min(sr.shape[-2:])
        scales = max(1, min(5, int(math.log2(side / WINDOW)) + 1)) if side >= WINDOW else 1
        weights = [weight / sum(SCALE_WEIGHTS[:scales]) for weight in SCALE_WEIGHTS[:scales]]
        result = torch.ones((), device=sr.device)
        for i, weight in enumerate(weights):
            similarity, structure = (value.mean().clamp(min=1e-6) for value in _similarity(sr, hr))
            result = result * (similarity if i == scales - 1 else structure) ** weight
            sr, hr = functional.avg_pool2d(sr, 2), functional.avg_pool2d(hr, 2)
        return 1 - result

    return loss


def hfenn() -> Loss:
    from srbench.windows import laplacian_of_gaussian

    kernel = laplacian_of_gaussian(LOG_SIZE, SIGMA).float()

    def loss(sr: Tensor, hr: Tensor) -> Tensor:
        from torch.nn import functional

        channels = sr.shape[1]
        kernels = kernel.to(sr)[None, None].expand(channels, 1, LOG_SIZE, LOG_SIZE)
        difference = functional.conv2d(sr - hr, kernels, groups=channels)
        edges = functional.conv2d(hr, kernels, groups=channels)
        return difference.square().sum() / (edges.square().sum() + 1e-8)

    return loss


def _similarity(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps of SSIM and of its contrast-structure term, both ``(N, 3, H-10, W-10)``."""
    import torch

    mean_sr, mean_hr, square_sr, square_hr, cross = _blur(torch.stack([sr, hr, sr * sr, hr * hr, sr * hr])).unbind(0)
    structure = (2 * (cross - mean_sr * mean_hr) + C2) / (square_sr - mean_sr**2 + square_hr - mean_hr**2 + C2)
    luminance = (2 * mean_sr * mean_hr + C1) / (mean_sr**2 + mean_hr**2 + C1)
    return luminance * structure, structure


def _blur(images: Tensor) -> Tensor:
    """Return the Gaussian-weighted mean of every full window: ``(..., H, W)`` to ``(..., H-10, W-10)``.

    Raises:
        UsageError: the images are smaller than a window.
    """
    from srbench.windows import filter_separably, gaussian

    if min(images.shape[-2:]) < WINDOW:
        raise UsageError(f"SSIM needs patches of at least {WINDOW} pixels: raise --patch")
    return filter_separably(images, gaussian(WINDOW, SIGMA, dtype=images.dtype, device=images.device))


@hookimpl
def srbench_losses() -> list[LossSpec]:
    losses = {
        "psnr": ("negative PSNR in dB: 10 log10(MSE)", psnr, ""),
        "ssim": ("1 - SSIM", ssim, "doi:10.1109/TIP.2003.819861"),
        "ms-ssim": ("1 - multi-scale SSIM, fewer scales on small patches", ms_ssim, "doi:10.1109/ACSSC.2003.1292216"),
        "hfenn": ("squared relative high-frequency error norm", hfenn, "doi:10.1109/TMI.2010.2090538"),
    }
    return [
        LossSpec(name=name, summary=summary, build=build, formula=FORMULAS[name], paper=paper)
        for name, (summary, build, paper) in losses.items()
    ]
