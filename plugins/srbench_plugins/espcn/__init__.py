"""ESPCN, Shi et al. 2016: convolutions at LR size, whose last channels are rearranged into HR pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

ABOUT = Path(__file__).with_name("about.md")
WEIGHTS = Path(__file__).with_name("weights")


def build(scale: int) -> nn.Module:
    from srbench_plugins.espcn.network import ESPCN

    return ESPCN(scale)


def recipe(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    return Supervised(net, training, loss="l1", lr=4e-3, batch=16, patch=96, steps=20_000)


@hookimpl
def srbench_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="espcn",
            summary="efficient sub-pixel convolution network, residual to bicubic",
            scales={2, 3, 4},
            build=build,
            recipe=recipe,
            weights=WEIGHTS,
            about=ABOUT,
            family="espcn",
            paper="arXiv:1609.05158",
            halo=4,
        )
    ]
