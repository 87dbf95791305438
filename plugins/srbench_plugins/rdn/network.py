"""The residual dense network of Zhang et al. 2018 (arXiv:1802.08797)."""

from __future__ import annotations

import torch
from torch import nn

from srbench.blocks import SubPixel, factors


class DenseBlock(nn.Module):
    """Residual dense block: densely connected convolutions, fused by a 1x1 convolution and added to the input.

    Args:
        channels: channels of input and output (G0 in the paper).
        growth: channels that each convolution adds (G).
        layers: number of convolutions (C).
    """

    def __init__(self, channels: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels + i * growth, growth, 3, padding=1), nn.ReLU(inplace=True))
            for i in range(layers)
        )
        self.fuse = nn.Conv2d(channels + layers * growth, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (N, c, h, w), shape kept
        features = x
        for layer in self.layers:
            features = torch.cat([features, layer(features)], dim=1)
        result: torch.Tensor = x + self.fuse(features)
        return result


class RDN(nn.Module):
    """Two shallow convolutions, residual dense blocks whose outputs are all fused, and sub-pixel stages.

    Args:
        scale: 3 or a power of 2.
        blocks: number of residual dense blocks (D in the paper).
        layers: convolutions in each block (C).
        growth: channels that each convolution adds (G).
        channels: channels between the blocks (G0).
    """

    def __init__(self, scale: int, *, blocks: int = 16, layers: int = 8, growth: int = 64, channels: int = 64) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.blocks = nn.ModuleList(DenseBlock(channels, growth, layers) for _ in range(blocks))
        self.fuse = nn.Sequential(
            nn.Conv2d(blocks * channels, channels, 1), nn.Conv2d(channels, channels, 3, padding=1)
        )
        stages = [SubPixel(channels, factor) for factor in factors(scale)]
        self.tail = nn.Sequential(*stages, nn.Conv2d(channels, 3, 3, padding=1))

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        shallow = self.first(lr)
        x = self.second(shallow)
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        result: torch.Tensor = self.tail(shallow + self.fuse(torch.cat(outputs, dim=1)))
        return result
