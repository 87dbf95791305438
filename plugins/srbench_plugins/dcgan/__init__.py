"""Conditional DCGAN, Radford et al. 2016 (arXiv:1511.06434): an encoding of LR replaces the noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

ABOUT = Path(__file__).with_name("about.md")


def build(scale: int) -> nn.Module:
    from srbench_plugins.dcgan.network import Generator

    return Generator(scale)


def recipe(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Adversarial
    from srbench_plugins.dcgan.network import Discriminator

    critic = Discriminator()
    return Adversarial(
        net, critic, training, loss="mse", weight=1e-3, lr=2e-4, patch=64, steps=50_000, smooth=1.0, betas=(0.5, 0.999)
    )


@hookimpl
def srbench_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="dcgan",
            summary="strided and transposed convolutions with batch norm, MSE and a discriminator",
            scales={2, 4, 8},
            build=build,
            recipe=recipe,
            about=ABOUT,
            family="dcgan",
            halo=22,
            multiple=8,
            paper="arXiv:1511.06434",
        )
    ]
