"""RDN, Zhang et al. 2018: residual dense blocks, and one fusion of the features of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench import ModelSpec, Published, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

TABLE = "ESRGAN supplement, Table 2 (arXiv:1809.00219)"
ABOUT = """
RDN (Zhang et al. 2018) lets no feature get lost on the way through a deep network. Inside a block each convolution is
given the outputs of all convolutions before it (dense connections), a 1x1 convolution fuses them, and the result is
added to the block's input: a residual dense block. Around the blocks the same thought is applied once more: the outputs
of all sixteen are put side by side and fused, so that what an early block found reaches the end directly, and the
features of the first convolution are added as well. Enlarging comes last, by sub-pixel convolution.

The paper calls this network D = 16, C = 8, G = 64: sixteen blocks of eight convolutions that add 64 channels each. It
needs about half the parameters of the large EDSR for the same quality, at the price of memory for what is concatenated.
"""


def build(scale: int) -> nn.Module:
    from srbench_plugins.rdn.network import RDN

    return RDN(scale)


def recipe(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    patch = 32 * training.scale  # LR patches of 32x32, as in the paper
    return Supervised(net, training, loss="l1", lr=1e-4, batch=16, patch=patch, steps=200_000, schedule="cosine")


@hookimpl
def srbench_models() -> list[ModelSpec]:
    figures = {"set5": 32.47, "bsd100": 27.72}
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
            published=[Published(name, 4, "psnr", value, "y", TABLE) for name, value in figures.items()],
        )
    ]
