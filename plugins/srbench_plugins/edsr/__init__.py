"""EDSR, Lim et al. 2017: residual blocks without batch normalisation, as a baseline and as a large network."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench import ModelSpec, hookimpl
from srbench_plugins import ESRGAN_TABLE, published

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

ABOUT = Path(__file__).with_name("about.md")


def build(scale: int, *, blocks: int = 16, channels: int = 64, residual: float = 1.0) -> nn.Module:
    from srbench_plugins.edsr.network import EDSR

    return EDSR(scale, blocks=blocks, channels=channels, residual=residual)


def recipe(lr: float, net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    patch = 48 * training.scale if training.scale < 4 else 192  # LR patches of 48x48, as in the paper; x8: 24x24
    return Supervised(net, training, loss="l1", lr=lr, batch=16, patch=patch, steps=300_000, schedule="cosine")


@hookimpl
def srbench_models() -> list[ModelSpec]:
    common: dict[str, Any] = {"scales": {2, 3, 4, 8}, "about": ABOUT, "family": "edsr", "paper": "arXiv:1707.02921"}
    return [
        ModelSpec(
            name="edsr",
            summary="baseline: 16 residual blocks of 64 channels without batch norm, L1",
            build=build,
            recipe=partial(recipe, 2e-4),
            halo=36,
            **common,
        ),
        ModelSpec(
            name="edsr-large",
            summary="32 residual blocks of 256 channels, L1",
            build=partial(build, blocks=32, channels=256, residual=0.1),
            recipe=partial(recipe, 1e-4),
            halo=68,
            published=published("psnr", "y", ESRGAN_TABLE, {"set5": 32.46, "set14": 28.80, "bsd100": 27.71}),
            **common,
        ),
    ]
