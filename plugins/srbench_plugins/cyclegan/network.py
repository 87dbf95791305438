"""The generator of Zhu et al. 2017 (arXiv:1703.10593), after Johnson et al. 2016."""

from __future__ import annotations

import torch
from torch import nn

from srbench.blocks import ResidualBlock, SubPixel, pad_to_multiple
from srbench.resize import imresize

WIDTHS = (24, 48, 96)
"""Channels at the image's size, a half and a quarter of it."""
BLOCKS = 6
"""Residual blocks at a quarter of the image's size."""


class Translator(nn.Module):
    """Generator that maps images of one kind to the other at the same size: enlarged LR to HR, or HR to enlarged LR.

    It differs from the paper in three ways. It is narrower. It enlarges by sub-pixel convolution, which starts free of
    checkerboards. It has no instance norm, which would remove the brightness and contrast that SR has to preserve.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.layers = nn.Sequential(
            convolution(3, first, 7),
            nn.ReLU(inplace=True),
            convolution(first, second, 3, stride=2),
            nn.ReLU(inplace=True),
            convolution(second, third, 3, stride=2),
            nn.ReLU(inplace=True),
            *(ResidualBlock(third, batch_norm=False) for _ in range(BLOCKS)),
            SubPixel(third, 2, out=second),
            nn.ReLU(inplace=True),
            SubPixel(second, 2, out=first),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, 3, 7, padding=3),
            nn.Tanh(),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the translated images, ``(N, 3, H, W)`` in [0, 1], of ``(N, 3, H, W)`` in [0, 1]."""
        result: torch.Tensor = (self.layers(2 * pad_to_multiple(image, 4) - 1) + 1) / 2
        return result[..., : image.shape[-2], : image.shape[-1]]


class CycleGAN(nn.Module):
    """The method's network: the bicubic enlargement, translated to HR.

    Args:
        scale: factor of the enlargement.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.translator = Translator()

    def enlarge(self, lr: torch.Tensor) -> torch.Tensor:
        """Return the bicubic enlargement, ``(N, 3, h, w)`` to ``(N, 3, h*scale, w*scale)``."""
        return imresize(lr, (lr.shape[-2] * self.scale, lr.shape[-1] * self.scale))

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        result: torch.Tensor = self.translator(self.enlarge(lr))
        return result


def convolution(inner: int, outer: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution whose initialisation preserves the variance without a norm (arXiv:1502.01852)."""
    conv = nn.Conv2d(inner, outer, size, stride=stride, padding=size // 2)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return conv
