"""RDN, Zhang et al. 2018: residual dense blocks whose features are all fused."""

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
    from srbench_plugins.rdn.network import RDN

    return RDN(scale)


def recipe(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    patch = 32 * training.scale  # LR patches of 32x32, as in the paper
    return Supervised(net, training, loss="l1", lr=1e-4, batch=16, patch=patch, steps=200_000, schedule="cosine")


@hookimpl
def srbench_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="rdn",
            summary="16 residual dense blocks of 8 convolutions, their features fused, L1",
            scales={2, 3, 4, 8},
            build=build,
            recipe=recipe,
            about=ABOUT,
            family="rdn",
            paper="arXiv:1802.08797",
            halo=133,
            published=published("psnr", "y", ESRGAN_TABLE, {"set5": 32.47, "bsd100": 27.72}),
        )
    ]
