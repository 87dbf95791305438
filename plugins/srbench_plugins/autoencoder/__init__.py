"""Auto-encoders on the bicubic enlargement: one network, trained on pixels, on structure and on both.

A code of a twelfth of the image's values stands between encoder and decoder, and nothing goes past it: what these rows
show is what each loss asks a network to keep (Hinton and Salakhutdinov 2006).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

WEIGHTS = Path(__file__).parent / "weights"
HFENN = "hfenn+10*mse"
"""The Laplacian of Gaussian is blind to brightness and colour of large areas; a little MSE holds them."""
MIX = "100*mse+ssim+hfenn"
"""Weighted so that on bicubic's output each term is of about the same size."""


NETWORK = """
An auto-encoder squeezes the enlarged LR through a code far smaller than the image and rebuilds it from there. Nothing
goes past the code: no skip connection, no residual. What the code cannot hold is lost, so the network has to decide
what an image is made of, and the loss alone tells it what matters. For super-resolution that is a handicap on
purpose: bicubic keeps pixels that this network has to remember, and the rows of the family show what each loss asks
it to keep.
"""
IDEAS = {
    "mse": """
Here the loss is the mean squared error: large differences count most, so the code is spent on large areas and strong
edges, and fine texture is given up first.
""",
    "psnr": """
Here the loss is the PSNR itself, with its sign turned: the logarithm of each image's MSE, averaged over the batch.
What an image counts for no longer depends on how hard it is: a gain of 1 dB is worth the same on a smooth image and
on a busy one, where plain MSE would look at the busy ones only.
""",
    "ssim": """
Here the loss is 1 - SSIM (Wang et al. 2004), which compares means, contrasts and correlation in small windows instead
of pixels. It weighs an error by what surrounds it, so faint structure in flat areas counts, and a shift in brightness
or colour costs little.
""",
    "hfenn": """
Here the loss is the high-frequency error norm: both images are passed through a Laplacian of Gaussian, which answers
to edges and fine detail only, and the difference is measured against HR's own. It cannot see the brightness and
colour of large areas at all, so a little MSE is added to hold them.
""",
    "mix": """
Here MSE, SSIM and the high-frequency error norm are added, weighted so that on bicubic's output all are of about the
same size: pixels for brightness and colour, SSIM for local structure, the norm for edges. The question is whether one
network can please three judges at once.
""",
}


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
            weights=WEIGHTS,
            family="autoencoder",
            halo=23,
            about=NETWORK + IDEAS[name],
            multiple=8,
            paper="doi:10.1126/science.1127647",
            aliases=("ae",) if name == "mse" else (),
        )
        for name, (loss, what, best) in variants.items()
    ]
