"""Losses that compare structure: negative PSNR, SSIM, MS-SSIM, and the high-frequency error norm.

Images are RGB in [0, 1]; windows are taken where they fit whole.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from srbench import LossSpec, hookimpl
from srbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor

    Loss = Callable[[Tensor, Tensor], Tensor]

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of Wang et al. 2003, for five scales."""
FORMULAS = {
    "psnr": "mean over images of 10 log₁₀(mean (ŷ - y)²)",
    "ssim": "1 - mean ((2 m n + C₁)(2 c + C₂)) / ((m² + n² + C₁)(s² + t² + C₂)), "
    f"m, n means, s², t² variances and c covariance of ŷ and y in {WINDOW}x{WINDOW} Gaussian windows of sigma {SIGMA}, "
    f"C₁ = {C1:g}, C₂ = {C2:g}",
    "ms-ssim": "1 - SSIM(ŷ, y at the coarsest scale)^w₅ · ∏ CS(at scale j)^wⱼ, CS = (2 c + C₂) / (s² + t² + C₂), each "
    f"half the size of the one before, w = {', '.join(map(str, SCALE_WEIGHTS))}",
    "hfenn": f"‖LoG(ŷ - y)‖² / ‖LoG(y)‖², LoG the Laplacian of Gaussian of 15x15, sigma {SIGMA}",
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
    """MS-SSIM with as many of the five scales as the image is large enough for, their weights made to add up to 1."""

    def loss(sr: Tensor, hr: Tensor) -> Tensor:
        import torch
        from torch.nn import functional

        side = min(sr.shape[-2:])
        scales = max(1, min(5, int(math.log2(side / WINDOW)) + 1)) if side >= WINDOW else 1
        weights = [weight / sum(SCALE_WEIGHTS[:scales]) for weight in SCALE_WEIGHTS[:scales]]
        result = torch.ones((), device=sr.device)
        for i, weight in enumerate(weights):
            whole, structure = (value.mean().clamp(min=1e-6) for value in _similarity(sr, hr))
            result = result * (whole if i == scales - 1 else structure) ** weight
            sr, hr = functional.avg_pool2d(sr, 2), functional.avg_pool2d(hr, 2)
        return 1 - result

    return loss


def hfenn() -> Loss:
    kernel: dict[str, Tensor] = {}

    def loss(sr: Tensor, hr: Tensor) -> Tensor:
        from torch.nn import functional

        if "log" not in kernel:
            kernel["log"] = _laplacian_of_gaussian()
        log = kernel["log"].to(sr)[None, None].expand(sr.shape[1], 1, 15, 15)
        difference = functional.conv2d(sr - hr, log, groups=sr.shape[1])
        edges = functional.conv2d(hr, log, groups=sr.shape[1])
        return difference.square().sum() / (edges.square().sum() + 1e-8)

    return loss


def _similarity(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps of SSIM and of its contrast-structure part."""
    import torch

    mean_sr, mean_hr, square_sr, square_hr, cross = _blur(torch.stack([sr, hr, sr * sr, hr * hr, sr * hr])).unbind(0)
    structure = (2 * (cross - mean_sr * mean_hr) + C2) / (square_sr - mean_sr**2 + square_hr - mean_hr**2 + C2)
    luminance = (2 * mean_sr * mean_hr + C1) / (mean_sr**2 + mean_hr**2 + C1)
    return luminance * structure, structure


def _blur(x: Tensor) -> Tensor:
    """Gaussian mean of ``(K, N, C, H, W)`` over every full window."""
    import torch
    from torch.nn import functional

    if min(x.shape[-2:]) < WINDOW:
        raise UsageError(f"SSIM needs patches of at least {WINDOW} pixels: raise --patch")
    axis = torch.arange(WINDOW, device=x.device, dtype=x.dtype) - WINDOW // 2
    taps = torch.exp(-(axis**2) / (2 * SIGMA**2))
    taps = taps / taps.sum()
    planes = x.reshape(-1, 1, *x.shape[-2:])
    planes = functional.conv2d(functional.conv2d(planes, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
    return planes.reshape(*x.shape[:-2], *planes.shape[-2:])


def _laplacian_of_gaussian() -> torch.Tensor:
    """MATLAB's ``fspecial('log', 15, 1.5)``."""
    import torch

    axis = torch.arange(-7, 8, dtype=torch.float64)
    square = axis[:, None] ** 2 + axis[None] ** 2
    gauss = torch.exp(-square / (2 * SIGMA**2))
    kernel = gauss / gauss.sum() * (square - 2 * SIGMA**2) / SIGMA**4
    return (kernel - kernel.mean()).float()


@hookimpl
def srbench_losses() -> list[LossSpec]:
    described = {
        "psnr": ("PSNR with the sign turned, in dB: 10 log10(MSE)", psnr, ""),
        "ssim": ("1 - SSIM", ssim, "doi:10.1109/TIP.2003.819861"),
        "ms-ssim": ("1 - multi-scale SSIM, fewer scales on small patches", ms_ssim, "doi:10.1109/ACSSC.2003.1292216"),
        "hfenn": ("squared high-frequency error norm, relative", hfenn, "doi:10.1109/TMI.2010.2090538"),
    }
    return [
        LossSpec(name=name, summary=summary, build=build, formula=FORMULAS[name], paper=paper)
        for name, (summary, build, paper) in described.items()
    ]
