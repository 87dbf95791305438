"""The U-Net of Ronneberger et al. 2015 (arXiv:1505.04597), applied and added to the bicubic enlargement."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from srbench.blocks import SubPixel, pad_to_multiple
from srbench.resize import imresize

WIDTHS = (32, 64, 128, 192)
"""Channels at a half, a quarter, an eighth and a sixteenth of the image's size."""


class UNet(nn.Module):
    """Encoder of strided convolutions, decoder of sub-pixel stages, and a skip connection at every level.

    At full size the skip connection is the image itself, added at the end. There is no normalisation, which would
    remove the brightness and contrast that SR has to preserve.

    Args:
        scale: factor of the bicubic enlargement before the encoder.
        widths: channels of each level, finest first.
    """

    def __init__(self, scale: int, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.scale = scale
        self.multiple = 2 ** len(widths)
        self.first = convolution(3, widths[0], stride=2)
        self.down = nn.ModuleList(
            nn.Sequential(convolution(outer, inner, stride=2), convolution(inner, inner))
            for outer, inner in pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.Sequential(SubPixel(inner, 2, out=outer, kernel=1), nn.ReLU(inplace=True))
            for outer, inner in pairwise(widths)
        )
        self.merge = nn.ModuleList(
            nn.Sequential(convolution(2 * width, width), convolution(width, width)) for width in widths[:-1]
        )
        self.last = SubPixel(widths[0], 2, out=3)
        nn.init.zeros_(self.last[0].weight)  # type: ignore[arg-type]  # training starts from bicubic

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        height, width = lr.shape[-2] * self.scale, lr.shape[-1] * self.scale
        image = pad_to_multiple(imresize(lr, (height, width)), self.multiple)
        levels = [self.first(image)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up, merge in zip(reversed(self.up), reversed(self.merge), strict=True):
            x = merge(torch.cat([up(x), levels.pop()], dim=1))
        result: torch.Tensor = image + self.last(x)
        return result[..., :height, :width]


def convolution(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution followed by a ReLU."""
    return nn.Sequential(nn.Conv2d(inner, outer, 3, stride=stride, padding=1), nn.ReLU(inplace=True))
