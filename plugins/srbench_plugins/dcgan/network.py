"""Generator and discriminator of Radford et al. 2016 (arXiv:1511.06434), a quarter and half as wide as there."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from srbench.blocks import draw_weights_, pad_to_multiple
from srbench.errors import UsageError

CODE = 256
"""Channels of the encoding, at a sixteenth of HR's height and width."""


class Generator(nn.Module):
    """Strided convolutions encode LR, which replaces noise; four transposed convolutions decode HR as in the paper.

    Args:
        scale: 2, 4 or 8.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.multiple = 16 // scale
        encode = [CODE // 2**i for i in range(self.multiple.bit_length() - 1)][::-1]
        layers: list[nn.Module] = []
        for inner, outer in pairwise([3, *encode]):
            layers.append(nn.Conv2d(inner, outer, 4, stride=2, padding=1, bias=inner == 3))
            layers += [nn.BatchNorm2d(outer)] if inner != 3 else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        for inner, outer in pairwise([CODE, CODE // 2, CODE // 4, CODE // 8]):
            layers += [
                nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outer),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(CODE // 8, 3, 4, stride=2, padding=1), nn.Tanh())
        draw_weights_(self)

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        image = self.layers(2 * pad_to_multiple(lr, self.multiple) - 1)
        result: torch.Tensor = (image + 1) / 2
        return result[..., : lr.shape[-2] * self.scale, : lr.shape[-1] * self.scale]


class Discriminator(nn.Module):
    """Four strided convolutions, then one over the remaining 4x4 features of a 64x64 image; one logit per image."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inner, outer in pairwise([3, 64, 128, 256, 512]):
            layers.append(nn.Conv2d(inner, outer, 4, stride=2, padding=1, bias=inner == 3))
            layers += [nn.BatchNorm2d(outer)] if inner != 3 else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        pool = nn.AdaptiveAvgPool2d(4)  # for other patch sizes
        self.layers = nn.Sequential(*layers, pool, nn.Conv2d(512, 1, 4), nn.Flatten(0))
        draw_weights_(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:  # (N, 3, patch, patch) -> (N,)
        if min(image.shape[-2:]) < 16:
            raise UsageError(f"dcgan's discriminator needs patches of at least 16 pixels, not {image.shape[-1]}")
        logits: torch.Tensor = self.layers(image)
        return logits
