"""SRCNN, Dong et al. 2014: the first convolutional network for the task; all work at HR size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench import ModelSpec, Published, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

TABLE = "ESRGAN supplement, Table 2 (arXiv:1809.00219)"


ABOUT = """
SRCNN (Dong et al. 2014) was the first convolutional network for super-resolution, and it showed that the dictionary
methods before it are such a network in disguise. The image is enlarged by bicubic; the first layer takes overlapping
patches to features, the second maps them, pixel by pixel, from low to high resolution, the third puts the result
together as a weighted mean of overlapping patches. Three layers, trained end to end on the mean squared error, beat
what had been tuned step by step.

All work is done at HR size, which makes it slow for what it is, and it sees few pixels around each. This one takes
RGB instead of luma and adds its output to the enlargement, so that it learns details only.
"""


def build(scale: int) -> nn.Module:
    from srbench_plugins.srcnn.network import SRCNN

    return SRCNN(scale)


def recipe(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    return Supervised(net, training, loss="mse", lr=1e-3, batch=16, patch=48, steps=20_000)


@hookimpl
def srbench_models() -> list[ModelSpec]:
    figures = {"set5": 30.48, "set14": 27.50, "bsd100": 26.90}
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
            published=[Published(name, 4, "psnr", value, "y", TABLE) for name, value in figures.items()],
        )
    ]
