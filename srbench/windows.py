"""Windows and filters that metrics and losses share: Gaussian window, separable filter, Laplacian of Gaussian."""

from __future__ import annotations

import torch
from torch.nn import functional


def gaussian(
    size: int, sigma: float, *, dtype: torch.dtype = torch.float64, device: torch.device | None = None
) -> torch.Tensor:
    """Return a one-dimensional Gaussian window: ``size`` taps with sum 1, shape ``(size,)``.

    The outer product of two of them is MATLAB's ``fspecial('gaussian', size, sigma)``.

    Args:
        size: number of taps, odd.
        sigma: standard deviation in pixels.
        dtype: floating-point type in which the taps are computed.
        device: where they are computed; the CPU by default.

    Example:
        >>> [round(tap, 4) for tap in gaussian(5, 1.0).tolist()]
        [0.0545, 0.2442, 0.4026, 0.2442, 0.0545]
    """
    axis = torch.arange(size, dtype=dtype, device=device) - size // 2
    taps = torch.exp(-(axis**2) / (2 * sigma**2))
    return taps / taps.sum()


def laplacian_of_gaussian(size: int, sigma: float) -> torch.Tensor:
    """Return a Laplacian of Gaussian with sum 0, float64 of shape ``(size, size)``, negative in the centre.

    It is MATLAB's ``fspecial('log', size, sigma)``.

    Args:
        size: height and width, odd.
        sigma: standard deviation of the Gaussian in pixels.

    Example:
        >>> kernel = laplacian_of_gaussian(15, 1.5)
        >>> tuple(kernel.shape), round(kernel[7, 7].item(), 4), abs(kernel.sum().item()) < 1e-12
        ((15, 15), -0.0629, True)
    """
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    squared_distance = axis[:, None] ** 2 + axis[None] ** 2
    window = torch.exp(-squared_distance / (2 * sigma**2))
    window = window / window.sum()
    kernel = window * (squared_distance - 2 * sigma**2) / sigma**4
    return kernel - kernel.mean()


def filter_separably(image: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
    """Correlate each plane with ``taps`` along height and then along width, where the window fits whole.

    Args:
        image: ``(..., H, W)``, H and W at least K.
        taps: ``(K,)``, of the type and on the device of the image.

    Returns:
        ``(..., H-K+1, W-K+1)``.

    Example:
        >>> filter_separably(torch.ones(1, 3, 4), torch.tensor([0.25, 0.5, 0.25]))
        tensor([[[1., 1.]]])
    """
    planes = image.reshape(-1, 1, *image.shape[-2:])
    planes = functional.conv2d(functional.conv2d(planes, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
    return planes.reshape(*image.shape[:-2], *planes.shape[-2:])
