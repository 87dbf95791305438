"""What networks of several families share: residual blocks and enlargement inside a network."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

Enlargement = Literal["sub-pixel", "resize"]


def icnr_(weight: torch.Tensor, factor: int) -> torch.Tensor:
    """Fill a convolution's weights so that the pixel shuffle behind it starts free of checkerboards.

    Aitken et al. 2017 (arXiv:1707.02937): the ``factor**2`` kernels that make one output channel start equal.

    Args:
        weight: ``(channels * factor**2, in, k, k)``, changed in place.
        factor: the pixel shuffle's factor.
    """
    kernel = torch.empty_like(weight[:: factor**2])
    nn.init.kaiming_normal_(kernel, nonlinearity="relu")
    with torch.no_grad():
        return weight.copy_(kernel.repeat_interleave(factor**2, dim=0))


def factors(scale: int) -> tuple[int, ...]:
    """Split a scale into the stages it is enlarged by: 2 -> (2,), 3 -> (3,), 4 -> (2, 2), 8 -> (2, 2, 2).

    Raises:
        ValueError: it is neither 3 nor a power of 2.
    """
    if scale == 3:
        return (3,)
    stages = int(math.log2(scale)) if scale > 0 else 0
    if scale < 2 or 2**stages != scale:
        raise ValueError(f"scale {scale} is neither 3 nor a power of 2")
    return (2,) * stages


class SubPixel(nn.Sequential):
    """Convolution and pixel shuffle (Shi et al. 2016), ICNR-initialised: (N, c, h, w) -> (N, c, h*factor, w*factor)."""

    def __init__(self, channels: int, factor: int) -> None:
        conv = nn.Conv2d(channels, channels * factor**2, 3, padding=1)
        icnr_(conv.weight, factor)
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        super().__init__(conv, nn.PixelShuffle(factor))


class ResizeConvolution(nn.Module):
    """Nearest-neighbour enlargement, then a convolution (Odena et al. 2016)."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Enlarge ``(N, c, h, w)`` to ``(N, c, h*factor, w*factor)``."""
        large: torch.Tensor = self.conv(functional.interpolate(x, scale_factor=float(self.factor), mode="nearest"))
        return large


def enlargement(channels: int, factor: int, kind: Enlargement) -> nn.Module:
    """Return one stage of enlargement by a factor."""
    return SubPixel(channels, factor) if kind == "sub-pixel" else ResizeConvolution(channels, factor)


class ResidualBlock(nn.Module):
    """conv, BN, PReLU, conv, BN, added to the input (Ledig et al. 2017, after Gross and Wilber)."""

    def __init__(self, channels: int, *, batch_norm: bool = True) -> None:
        super().__init__()

        def convolution() -> list[nn.Module]:
            conv = nn.Conv2d(channels, channels, 3, padding=1, bias=not batch_norm)
            return [conv, nn.BatchNorm2d(channels)] if batch_norm else [conv]

        self.body = nn.Sequential(*convolution(), nn.PReLU(), *convolution())
        if batch_norm:
            nn.init.zeros_(self.body[-1].weight)  # type: ignore[arg-type]  # starts as identity (arXiv:1706.02677)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Keep the shape."""
        result: torch.Tensor = x + self.body(x)
        return result
