"""SRCNN, Dong et al. 2014: the first convolutional network for super-resolution; it works at HR size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl
from srbench_plugins import ESRGAN_TABLE, published

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

ABOUT = Path(__file__).with_name("about.md")


def build(scale: int) -> nn.Module:
    from srbench_plugins.srcnn.network import SRCNN

    return SRCNN(scale)


def recipe(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    return Supervised(net, training, loss="mse", lr=1e-3, batch=16, patch=48, steps=20_000)


@hookimpl
def srbench_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="srcnn",
            summary="three convolutions on the bicubic enlargement (9-1-5)",
            scales={2, 3, 4, 8},
            build=build,
            recipe=recipe,
            about=ABOUT,
            family="srcnn",
            halo=5,
            paper="arXiv:1501.00092",
            published=published("psnr", "y", ESRGAN_TABLE, {"set5": 30.48, "set14": 27.50, "bsd100": 26.90}),
        )
    ]
