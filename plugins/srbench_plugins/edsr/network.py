"""EDSR of Lim et al. 2017 (arXiv:1707.02921): SRResNet without batch normalisation."""

from __future__ import annotations

import torch
from torch import nn

from srbench.blocks import SubPixel, factors

MEAN = (0.4488, 0.4371, 0.4040)
"""Mean R, G and B of DIV2K's training images, of values in [0, 1]."""


class Block(nn.Module):
    """Residual block: convolution, ReLU, convolution, scaled and added to the input.

    Args:
        channels: channels of input and output.
        residual: factor of the correction.
    """

    def __init__(self, channels: int, residual: float) -> None:
        super().__init__()
        self.residual = residual
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (N, c, h, w), shape kept
        result: torch.Tensor = x + self.residual * self.body(x)
        return result


class EDSR(nn.Module):
    """Residual blocks at LR size, then sub-pixel stages; the mean colour is subtracted first and added last.

    Args:
        scale: 3 or a power of 2.
        blocks: number of residual blocks: 16 in the baseline, 32 in the large network.
        channels: channels of the blocks: 64 in the baseline, 256 in the large network.
        residual: factor of a block's correction; 0.1 keeps the training of the large network stable.
    """

    mean: torch.Tensor
    """`MEAN`, ``(1, 3, 1, 1)``."""

    def __init__(self, scale: int, *, blocks: int = 16, channels: int = 64, residual: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(
            *(Block(channels, residual) for _ in range(blocks)), nn.Conv2d(channels, channels, 3, padding=1)
        )
        stages = [SubPixel(channels, factor) for factor in factors(scale)]
        self.tail = nn.Sequential(*stages, nn.Conv2d(channels, 3, 3, padding=1))

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        first = self.head(lr - self.mean)
        result: torch.Tensor = self.tail(first + self.body(first)) + self.mean
        return result
