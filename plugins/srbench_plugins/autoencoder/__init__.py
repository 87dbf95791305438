"""Autoencoders on the bicubic enlargement: one network, trained on pixels, on structure and on both.

The only connection between encoder and decoder is a code of a twelfth of the image's values. The methods show what each
loss makes a network keep (Hinton and Salakhutdinov 2006).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

ABOUT = Path(__file__).with_name("about.md")
WEIGHTS = Path(__file__).with_name("weights")
HFENN = "hfenn+10*mse"
"""The Laplacian of Gaussian does not see the brightness and colour of large areas; a small MSE term keeps them."""
MIX = "100*mse+ssim+hfenn"
"""Weighted so that the three terms are of similar size on bicubic output."""


def build(scale: int) -> nn.Module:
    from srbench_plugins.autoencoder.network import AutoEncoder

    return AutoEncoder(scale)


def recipe(loss: str, best: str, net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    return Supervised(net, training, loss=loss, lr=2e-3, batch=16, patch=96, steps=20_000, best=best)


@hookimpl
def srbench_models() -> list[ModelSpec]:
    variants = {
        "mse": ("mse", "mean squared error", "psnr"),
        "psnr": ("psnr", "the PSNR of each image", "psnr"),
        "ssim": ("ssim", "SSIM", "ssim"),
        "hfenn": (HFENN, "the high-frequency error norm, with a small MSE term for brightness and colour", "psnr"),
        "mix": (MIX, "MSE, SSIM and the high-frequency error norm together", "ssim"),
    }
    return [
        ModelSpec(
            name=f"ae-{name}",
            summary=f"autoencoder on the bicubic enlargement, code of a twelfth of its values, trained on {target}",
            scales={2, 3, 4, 8},
            build=build,
            recipe=partial(recipe, loss, best),
            weights=WEIGHTS,
            family="autoencoder",
            halo=23,
            about=ABOUT,
            multiple=8,
            paper="doi:10.1126/science.1127647",
            aliases=("ae",) if name == "mse" else (),
        )
        for name, (loss, target, best) in variants.items()
    ]
