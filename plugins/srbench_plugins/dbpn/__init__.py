"""DBPN, Haris et al. 2018: up to HR and down again, several times, each way corrected by its own error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench import ModelSpec, Published, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

TABLE = "SwinIR (arXiv:2108.10257)"
ABOUT = """
DBPN (Haris et al. 2018) does not leave enlarging to the end. Its units are those of iterative back-projection, an old
method of super-resolution: enlarge, shrink what came out again, compare it with what was given, and enlarge the
difference as a correction. An up-projection does so from LR to HR, a down-projection from HR to LR, both with learned,
strided convolutions, and seven of the one alternate with six of the other. The network thus sees again and again what
its guess at HR would look like in LR, and where that is wrong.

Each unit is given the outputs of all earlier units on its own grid (the dense variant, D-DBPN), and the image is made
from the seven HR features side by side. Kernels grow with the scale, which is why it is one of the few networks that
the paper takes to x8 in one step; it is costly, since most of the work is done at HR size.
"""


def build(scale: int) -> nn.Module:
    from srbench_plugins.dbpn.network import DBPN

    return DBPN(scale)


def recipe(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    patch = 40 * training.scale  # LR patches of 40x40, as in the paper
    return Supervised(net, training, loss="l1", lr=1e-4, batch=16, patch=patch, steps=1_000_000, schedule="cosine")


@hookimpl
def srbench_models() -> list[ModelSpec]:
    figures = {"set5": 32.47, "bsd100": 27.72}
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
            published=[Published(name, 4, "psnr", value, "y", TABLE) for name, value in figures.items()],
        )
    ]
