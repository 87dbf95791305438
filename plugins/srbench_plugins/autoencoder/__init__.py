"""Auto-encoders on the bicubic enlargement: one network, trained on pixels, on structure and on both.

A code of a twelfth of the image's values stands between encoder and decoder, and nothing goes past it: what these rows
show is what each loss asks a network to keep (Hinton and Salakhutdinov 2006).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

HFENN = "hfenn+10*mse"
"""The Laplacian of Gaussian is blind to brightness and colour of large areas; a little MSE holds them."""
MIX = "100*mse+ssim+hfenn"
"""Weighted so that on bicubic's output each term is of about the same size."""


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
        "psnr": ("psnr", "PSNR, image by image", "psnr"),
        "ssim": ("ssim", "SSIM", "ssim"),
        "hfenn": (HFENN, "the high-frequency error norm, with some MSE for brightness and colour", "psnr"),
        "mix": (MIX, "MSE, SSIM and the high-frequency error norm together", "ssim"),
    }
    return [
        ModelSpec(
            name=f"ae-{name}",
            summary=f"auto-encoder on the bicubic enlargement, code of a twelfth of its values, trained on {what}",
            scales={2, 3, 4, 8},
            build=build,
            recipe=partial(recipe, loss, best),
            family="autoencoder",
            halo=23,
            multiple=8,
            paper="doi:10.1126/science.1127647",
            aliases=("ae",) if name == "mse" else (),
        )
        for name, (loss, what, best) in variants.items()
    ]
