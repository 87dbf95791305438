"""SRResNet, the generator, and the discriminator of Ledig et al. 2017 (arXiv:1609.04802)."""

from __future__ import annotations

from typing import Any, Literal

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


Norm = Literal["batch", "virtual", "none"]


class VirtualBatchNorm2d(nn.Module):
    """Normalises each image by the statistics of a fixed reference batch and its own (Salimans et al. 2016).

    Unlike with batch normalisation, no image of a batch depends on the others (arXiv:1606.03498, section 3.4).
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

    Returns one logit per image: a critic for WGAN, or, behind a sigmoid, a probability. WGAN-GP asks for a critic
    without batch normalisation, for which the gradient of one image would depend on the others.

    Args:
        norm: ``batch``, ``virtual`` (the first batch that is seen becomes the reference) or ``none``.
    """

    reference: torch.Tensor

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
            nn.AdaptiveAvgPool2d(6),  # 96x96, as in the paper, are 6x6 here already; other patch sizes fit too
            nn.Flatten(),
            nn.Linear(512 * 6**2, 1024),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(1024, 1),
        )
        if norm == "none":  # nothing else keeps the signal from fading on its way through ten layers
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
        saved = state_dict.get(f"{prefix}reference", self.reference)  # its size is not known before
        self.reference = torch.empty_like(saved, device=self.reference.device)
        super()._load_from_state_dict(state_dict, prefix, *args)
