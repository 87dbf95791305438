"""SRResNet, the generator, and the discriminator of Ledig et al. 2017 (arXiv:1609.04802)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

from srbench.blocks import Enlargement, ResidualBlock, enlargement, factors


class SRResNet(nn.Module):
    """Residual blocks at LR size between two 9x9 convolutions, then stages of enlargement.

    Args:
        scale: 3 or a power of 2.
        blocks: number of residual blocks; 16 in the paper.
        channels: channels of the blocks; 64 in the paper.
        batch_norm: True for the paper's batch normalisation in the blocks.
        enlarge: kind of enlargement; ``sub-pixel`` in the paper.
    """

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
        last: list[nn.Module] = [nn.Conv2d(channels, channels, 3, padding=1, bias=not batch_norm)]
        if batch_norm:
            last.append(nn.BatchNorm2d(channels))
            nn.init.zeros_(last[-1].weight)  # type: ignore[arg-type]  # starts as identity (arXiv:1706.02677)
        self.body = nn.Sequential(*(ResidualBlock(channels, batch_norm=batch_norm) for _ in range(blocks)), *last)
        stages = [nn.Sequential(enlargement(channels, factor, enlarge), nn.PReLU()) for factor in factors(scale)]
        self.tail = nn.Sequential(*stages, nn.Conv2d(channels, 3, 9, padding=4))

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        first = self.head(lr)
        result: torch.Tensor = self.tail(first + self.body(first))
        return result


Norm = Literal["batch", "virtual", "none"]
"""Normalisation in the discriminator."""


class VirtualBatchNorm2d(nn.Module):
    """Virtual batch normalisation (Salimans et al. 2016, arXiv:1606.03498, section 3.4).

    Each image is normalised by the statistics of a fixed reference batch and of the image itself. Unlike with batch
    normalisation, the output for an image does not depend on the other images of its batch.

    Args:
        channels: channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: torch.Tensor, references: int) -> torch.Tensor:  # (references + N, c, h, w), shape kept
        mean, square = (v.float().mean(dim=(2, 3), keepdim=True) for v in (x, x.float().square()))
        fixed_mean, fixed_square = (v[:references].mean(dim=0, keepdim=True) for v in (mean, square))
        own = torch.full_like(mean, 1 / (references + 1))
        own[:references] = 0  # a reference image is in the fixed statistics already
        mean, square = torch.lerp(fixed_mean, mean, own), torch.lerp(fixed_square, square, own)
        scale = self.weight * (square - mean.square()).clamp(min=0).add(1e-5).rsqrt()
        return x * scale + (self.bias - mean * scale)


class Discriminator(nn.Module):
    """Eight convolutions of 64 to 512 channels, LeakyReLU, every second one strided, then two dense layers.

    The output is one logit per image: the score of a WGAN critic, or, after a sigmoid, a probability. WGAN-GP needs a
    critic without batch normalisation, since with it the gradient for one image would depend on the others.

    Args:
        norm: ``batch``, ``virtual`` (the first batch becomes the reference) or ``none``.
    """

    reference: torch.Tensor
    """Reference batch of virtual batch normalisation, ``(N, 3, patch, patch)``; empty before the first batch."""

    def __init__(self, *, norm: Norm = "batch") -> None:
        super().__init__()
        kinds: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "virtual": VirtualBatchNorm2d}
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        previous = 64
        for channels, stride in ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)):
            layers.append(nn.Conv2d(previous, channels, 3, stride=stride, padding=1, bias=norm == "none"))
            layers += [kinds[norm](channels)] if norm in kinds else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            previous = channels
        self.features = nn.ModuleList(layers)
        self.judge = nn.Sequential(
            nn.AdaptiveAvgPool2d(6),  # the paper's 96x96 are 6x6 here; other patch sizes are pooled
            nn.Flatten(),
            nn.Linear(512 * 6**2, 1024),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(1024, 1),
        )
        if norm == "none":  # without a norm the default initialisation would shrink the signal from layer to layer
            for layer in self.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    nn.init.kaiming_normal_(layer.weight, a=0.2)
        self.virtual = norm == "virtual"
        self.register_buffer("reference", torch.empty(0))

    def forward(self, image: torch.Tensor) -> torch.Tensor:  # (N, 3, patch, patch) -> (N,)
        if self.virtual and not len(self.reference):
            self.reference = image.detach().clone()
        references = len(self.reference)
        x = torch.cat([self.reference, image]) if references else image
        for layer in self.features:
            x = layer(x, references) if isinstance(layer, VirtualBatchNorm2d) else layer(x)
        logits: torch.Tensor = self.judge(x[references:])
        return logits.squeeze(1)

    def _load_from_state_dict(self, state_dict: dict[str, torch.Tensor], prefix: str, *args: Any) -> None:
        saved = state_dict.get(f"{prefix}reference", self.reference)  # its size is known only now
        self.reference = torch.empty_like(saved, device=self.reference.device)
        super()._load_from_state_dict(state_dict, prefix, *args)
