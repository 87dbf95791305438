"""RRDBNet, the generator, and the discriminator of Wang et al. 2018 (arXiv:1809.00219)."""

from __future__ import annotations

import torch
from torch import nn

from srbench.blocks import factors

RESIDUAL = 0.2
"""Factor of each correction before it is added."""


def activation() -> nn.LeakyReLU:
    """Return the LeakyReLU that both networks use."""
    return nn.LeakyReLU(0.2, inplace=True)


class DenseBlock(nn.Module):
    """Five densely connected convolutions; the output of the last one is scaled and added to the input.

    Args:
        channels: channels of input and output.
        growth: channels that each convolution but the last adds.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(channels + i * growth, growth if i < 4 else channels, 3, padding=1) for i in range(5)
        )
        self.activation = activation()
        for layer in self.layers:  # the paper's smaller initialisation: corrections start small
            nn.init.kaiming_normal_(layer.weight)  # type: ignore[arg-type]
            with torch.no_grad():
                layer.weight.mul_(0.1)  # type: ignore[operator]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (N, c, h, w), shape kept
        *inner, last = self.layers
        features = x
        for layer in inner:
            features = torch.cat([features, self.activation(layer(features))], dim=1)
        result: torch.Tensor = x + RESIDUAL * last(features)
        return result


class RRDB(nn.Module):
    """Residual-in-residual dense block: the output of three dense blocks, scaled and added to the input.

    Args:
        channels: channels of input and output.
        growth: channels that each convolution in the dense blocks adds.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(DenseBlock(channels, growth) for _ in range(3)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (N, c, h, w), shape kept
        result: torch.Tensor = x + RESIDUAL * self.body(x)
        return result


class RRDBNet(nn.Module):
    """RRDBs at LR size, then nearest-neighbour enlargement and a convolution for each stage.

    Args:
        scale: 3 or a power of 2.
        blocks: number of RRDBs; 23 in the paper.
        channels: channels between the RRDBs; 64 in the paper.
        growth: channels that each convolution in an RRDB adds; 32 in the paper.
    """

    def __init__(self, scale: int, *, blocks: int = 23, channels: int = 64, growth: int = 32) -> None:
        super().__init__()

        def convolution(inner: int, outer: int) -> nn.Conv2d:
            return nn.Conv2d(inner, outer, 3, padding=1)

        self.head = convolution(3, channels)
        self.body = nn.Sequential(*(RRDB(channels, growth) for _ in range(blocks)), convolution(channels, channels))
        stages = [
            nn.Sequential(nn.Upsample(scale_factor=float(factor)), convolution(channels, channels), activation())
            for factor in factors(scale)
        ]
        self.tail = nn.Sequential(*stages, convolution(channels, channels), activation(), convolution(channels, 3))

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        first = self.head(lr)
        result: torch.Tensor = self.tail(first + self.body(first))
        return result


class Discriminator(nn.Module):
    """Ten convolutions with batch norm, every second one strided, then two dense layers; one logit per image.

    Args:
        width: channels of the first layers; later layers have up to eight times as many; 64 in the paper.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), activation()]
        previous = width
        for i, factor in enumerate((1, 2, 2, 4, 4, 8, 8, 8, 8)):
            kernel, stride = (4, 2) if i % 2 == 0 else (3, 1)
            channels = width * factor
            layers += [
                nn.Conv2d(previous, channels, kernel, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                activation(),
            ]
            previous = channels
        self.features = nn.Sequential(*layers)
        self.judge = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),  # the paper's 128x128 are 4x4 here; other patch sizes are pooled
            nn.Flatten(),
            nn.Linear(8 * width * 4**2, 100),
            activation(),
            nn.Linear(100, 1),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:  # (N, 3, patch, patch) -> (N,)
        score: torch.Tensor = self.judge(self.features(image))
        return score.squeeze(1)
