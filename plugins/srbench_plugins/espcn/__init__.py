"""ESPCN, Shi et al. 2016: all work at LR size, the last convolution's channels become pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

WEIGHTS = Path(__file__).parent / "weights"
ABOUT = """
ESPCN (Shi et al. 2016) moved the work from HR size to LR size. Earlier networks enlarged the image first and then
improved it, at the price of scale squared times the work for pixels that hold nothing new. Here all convolutions run
on the small grid, and the last one gives scale squared values per colour and LR pixel, which are laid out as the
pixels of HR: the sub-pixel convolution, or pixel shuffle. It is an enlargement whose filters are learned, each for
its own place, and it has been a part of most networks since.

This one takes RGB, uses ReLU instead of tanh, and adds its output to bicubic, so that it starts from bicubic and
learns details only.
"""


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
