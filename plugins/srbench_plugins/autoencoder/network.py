"""The autoencoder: the enlarged image through a bottleneck and back, without skip connections."""

from __future__ import annotations

import torch
from torch import nn

from srbench.blocks import SubPixel, pad_to_multiple
from srbench.resize import imresize

WIDTHS = (32, 64, 128)
"""Channels at a half, a quarter and an eighth of the image's height and width."""
CODE = 16
"""Channels of the code, at an eighth of the image's height and width: a twelfth of the input values."""


class AutoEncoder(nn.Module):
    """Autoencoder (Hinton and Salakhutdinov 2006): three strided convolutions to the code, three sub-pixel stages back.

    Args:
        scale: factor of the bicubic enlargement before the encoder.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        first, second, third = WIDTHS
        self.encoder = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(second, third, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(third, CODE, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(CODE, third, 3, padding=1),
            nn.ReLU(inplace=True),
            SubPixel(third, 2, out=second),
            nn.ReLU(inplace=True),
            SubPixel(second, 2, out=first),
            nn.ReLU(inplace=True),
            SubPixel(first, 2, out=3),
        )

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        height, width = lr.shape[-2] * self.scale, lr.shape[-1] * self.scale
        image = pad_to_multiple(imresize(lr, (height, width)), 8)
        code = self.encoder(image)  # (N, CODE, H/8, W/8)
        result: torch.Tensor = self.decoder(code)
        return result[..., :height, :width]
