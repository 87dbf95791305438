"""DBPN, Haris et al. 2018: repeated up- and down-projections, each corrected by its own projection error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl
from srbench_plugins import published

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

ABOUT = Path(__file__).with_name("about.md")
TABLE = "SwinIR (arXiv:2108.10257)"


def build(scale: int) -> nn.Module:
    from srbench_plugins.dbpn.network import DBPN

    return DBPN(scale)


def recipe(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    patch = 40 * training.scale  # LR patches of 40x40, as in the paper
    return Supervised(net, training, loss="l1", lr=1e-4, batch=16, patch=patch, steps=1_000_000, schedule="cosine")


@hookimpl
def srbench_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="dbpn",
            summary="seven up- and six down-projections, densely connected (D-DBPN), L1",
            scales={2, 3, 4, 8},
            build=build,
            recipe=recipe,
            about=ABOUT,
            family="dbpn",
            paper="arXiv:1803.02735",
            halo=41,
            published=published("psnr", "y", TABLE, {"set5": 32.47, "bsd100": 27.72}),
        )
    ]
