"""The dense deep back-projection network (D-DBPN) of Haris et al. 2018 (arXiv:1803.02735)."""

from __future__ import annotations

import torch
from torch import nn

GRIDS = {2: (6, 2, 2), 3: (7, 3, 2), 4: (8, 4, 2), 8: (12, 8, 2)}
"""Kernel, stride and padding of a projection between LR and HR size, by scale; x3 is not in the paper."""


def narrow(inner: int, outer: int) -> nn.Sequential:
    """Return a 1x1 convolution followed by a PReLU."""
    return nn.Sequential(nn.Conv2d(inner, outer, 1), nn.PReLU())


class Projection(nn.Module):
    """Up- or down-projection: features at the other size, corrected by the error of projecting them back.

    Args:
        channels: channels of the output.
        scale: factor between the two sizes.
        up: True for a projection from LR to HR size, False for one from HR to LR size.
        inputs: number of earlier outputs that are concatenated in the input; 0 for a single input.
    """

    def __init__(self, channels: int, scale: int, *, up: bool, inputs: int = 0) -> None:
        super().__init__()
        kernel, stride, padding = GRIDS[scale]

        def cross(*, enlarge: bool) -> nn.Sequential:
            kind = nn.ConvTranspose2d if enlarge else nn.Conv2d
            return nn.Sequential(kind(channels, channels, kernel, stride=stride, padding=padding), nn.PReLU())

        self.gather = narrow(inputs * channels, channels) if inputs else nn.Identity()
        self.first, self.back, self.second = cross(enlarge=up), cross(enlarge=not up), cross(enlarge=up)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (N, c*inputs, h, w) -> (N, c, h*scale, w*scale) or back
        x = self.gather(x)
        estimate = self.first(x)
        error = self.back(estimate) - x
        result: torch.Tensor = estimate + self.second(error)
        return result


class DBPN(nn.Module):
    """Up-projections alternating with down-projections; each receives all earlier outputs at its own size.

    Args:
        scale: 2, 3, 4 or 8.
        stages: number of up-projections; there is one down-projection fewer.
        features: channels of the first convolution.
        channels: channels of each projection.
    """

    def __init__(self, scale: int, *, stages: int = 7, features: int = 256, channels: int = 64) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, features, 3, padding=1), nn.PReLU(), narrow(features, channels))
        self.up = nn.ModuleList(
            Projection(channels, scale, up=True, inputs=count) for count in (0, 0, *range(2, stages))
        )
        self.down = nn.ModuleList(
            Projection(channels, scale, up=False, inputs=count) for count in (0, *range(2, stages))
        )
        self.tail = nn.Conv2d(stages * channels, 3, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        large = [self.up[0](self.head(lr))]
        small: list[torch.Tensor] = []
        for up, down in zip(self.up[1:], self.down, strict=True):
            small.append(down(torch.cat(large, dim=1)))
            large.append(up(torch.cat(small, dim=1)))
        result: torch.Tensor = self.tail(torch.cat(large, dim=1))
        return result
