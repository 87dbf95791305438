"""The network of Dong et al. 2014 (arXiv:1501.00092), for RGB and residual to the bicubic enlargement."""

from __future__ import annotations

import torch
from torch import nn

from srbench.resize import imresize


class SRCNN(nn.Module):
    """Patch extraction, non-linear mapping and reconstruction (9-1-5 kernels), added to the bicubic enlargement.

    Args:
        scale: factor of the enlargement.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        last = nn.Conv2d(32, 3, 5, padding=2)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)  # training starts from bicubic
        self.body = nn.Sequential(
            nn.Conv2d(3, 64, 9, padding=4), nn.ReLU(inplace=True), nn.Conv2d(64, 32, 1), nn.ReLU(inplace=True), last
        )

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        large = imresize(lr, (lr.shape[-2] * self.scale, lr.shape[-1] * self.scale))
        details: torch.Tensor = self.body(large)
        return large + details
