"""SRResNet, the generator, and the discriminator of Ledig et al. 2017 (arXiv:1609.04802)."""

from __future__ import annotations

import torch
from torch import nn

from srbench.blocks import Enlargement, ResidualBlock, enlargement, factors


class SRResNet(nn.Module):
    """16 residual blocks of 64 channels at LR size, then sub-pixel stages; k9n64 in front, k9n3 at the end."""

    def __init__(
        self,
        scale: int,
        *,
        blocks: int = 16,
        channels: int = 64,
        batch_norm: bool = True,
        enlarge: Enlargement = "sub-pixel",
    ) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU())
        after: list[nn.Module] = [nn.Conv2d(channels, channels, 3, padding=1, bias=not batch_norm)]
        if batch_norm:
            after.append(nn.BatchNorm2d(channels))
            nn.init.zeros_(after[-1].weight)  # type: ignore[arg-type]  # starts as identity (arXiv:1706.02677)
        self.body = nn.Sequential(*(ResidualBlock(channels, batch_norm=batch_norm) for _ in range(blocks)), *after)
        stages = [nn.Sequential(enlargement(channels, factor, enlarge), nn.PReLU()) for factor in factors(scale)]
        self.tail = nn.Sequential(*stages, nn.Conv2d(channels, 3, 9, padding=4))

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        first = self.head(lr)
        result: torch.Tensor = self.tail(first + self.body(first))
        return result


class Discriminator(nn.Module):
    """Eight convolutions of 64 to 512 channels, LeakyReLU, every second one strided, then two dense layers.

    Returns one logit per image: a critic for WGAN, or, behind a sigmoid, a probability. WGAN-GP asks for a critic
    without batch normalisation, for which the gradient of one image would depend on the others.
    """

    def __init__(self, *, batch_norm: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        previous = 64
        for channels, stride in ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)):
            layers.append(nn.Conv2d(previous, channels, 3, stride=stride, padding=1, bias=not batch_norm))
            layers += [nn.BatchNorm2d(channels)] if batch_norm else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            previous = channels
        self.features = nn.Sequential(*layers)
        self.judge = nn.Sequential(
            nn.AdaptiveAvgPool2d(6),  # 96x96, as in the paper, are 6x6 here already; other patch sizes fit too
            nn.Flatten(),
            nn.Linear(512 * 6**2, 1024),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(1024, 1),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:  # (N, 3, patch, patch) -> (N,)
        logits: torch.Tensor = self.judge(self.features(image))
        return logits.squeeze(1)
