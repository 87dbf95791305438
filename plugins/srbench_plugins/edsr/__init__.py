"""EDSR, Lim et al. 2017: residual blocks without batch normalisation, in the baseline's size and in the large one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from srbench import ModelSpec, Published, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

TABLE = "ESRGAN supplement, Table 2 (arXiv:1809.00219)"
ABOUT = """
EDSR (Lim et al. 2017) asked what of SRResNet is needed, and took batch normalisation out. Normalising features takes
away the range that an image's brightness and contrast live in, and it holds as much memory as the convolutions before
it; without it the same memory trains a larger network, and the result is better. The blocks keep no activation behind
the sum, enlarging is sub-pixel convolution, and the loss is L1, which converged better than MSE in the authors' hands
although PSNR is made of MSE. The mean colour of DIV2K is taken off in front and put back at the end.
"""
BASELINE = """
This is the baseline of the paper, with 16 blocks of 64 channels: nearly SRResNet in size, and the network that most
later work is compared with where cost counts. The two differ in batch normalisation, activation and loss.
"""
LARGE = """
This is the large network, with 32 blocks of 256 channels, which won the NTIRE 2017 challenge. So many wide blocks one
behind the other make training unstable; each block's correction is multiplied with 0.1 before it is added.
"""


def build(scale: int, *, blocks: int = 16, channels: int = 64, residual: float = 1.0) -> nn.Module:
    from srbench_plugins.edsr.network import EDSR

    return EDSR(scale, blocks=blocks, channels=channels, residual=residual)


def recipe(lr: float, net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    patch = 48 * training.scale if training.scale < 4 else 192  # LR patches of 48x48, as in the paper; x8: 24x24
    return Supervised(net, training, loss="l1", lr=lr, batch=16, patch=patch, steps=300_000, schedule="cosine")


@hookimpl
def srbench_models() -> list[ModelSpec]:
    common: dict[str, Any] = {"scales": {2, 3, 4, 8}, "family": "edsr", "paper": "arXiv:1707.02921"}
    figures = {"set5": 32.46, "set14": 28.80, "bsd100": 27.71}
    return [
        ModelSpec(
            name="edsr",
            summary="baseline: 16 residual blocks of 64 channels without batch norm, L1",
            build=build,
            recipe=partial(recipe, 2e-4),
            about=ABOUT + BASELINE,
            halo=36,
            **common,
        ),
        ModelSpec(
            name="edsr-large",
            summary="32 residual blocks of 256 channels, L1",
            build=partial(build, blocks=32, channels=256, residual=0.1),
            recipe=partial(recipe, 1e-4),
            about=ABOUT + LARGE,
            halo=68,
            published=[Published(name, 4, "psnr", value, "y", TABLE) for name, value in figures.items()],
            **common,
        ),
    ]
