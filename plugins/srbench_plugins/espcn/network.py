"""The network of Shi et al. 2016 (arXiv:1609.05158), residual to the bicubic enlargement."""

from __future__ import annotations

import torch
from torch import nn

from srbench.resize import imresize


class ESPCN(nn.Module):
    """Three convolutions at LR size and a pixel shuffle, added to the bicubic enlargement.

    Kernels of 5, 3 and 3 pixels and 64 and 32 channels are those of the paper for images. Unlike in the paper, the
    input is RGB and the activation ReLU.

    Args:
        scale: factor of the enlargement.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        last = nn.Conv2d(32, 3 * scale**2, 3, padding=1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)  # training starts from bicubic
        self.body = nn.Sequential(
            nn.Conv2d(3, 64, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 32, 3, padding=1),
            nn.ReLU(inplace=True),
            last,
            nn.PixelShuffle(scale),
        )

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        size = lr.shape[-2] * self.scale, lr.shape[-1] * self.scale
        details: torch.Tensor = self.body(lr)
        return details + imresize(lr, size)
