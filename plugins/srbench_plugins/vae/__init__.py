"""Conditional VAE: a latent variable represents what LR leaves open about HR.

Kingma and Welling 2014 (arXiv:1312.6114); Sohn et al. 2015 (NeurIPS, Learning Structured Output Representation).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from srbench.training import Recipe, Training
    from srbench_plugins.vae.network import VAE

ABOUT = Path(__file__).with_name("about.md")
WEIGHTS = Path(__file__).with_name("weights")


def build(scale: int) -> VAE:
    from srbench_plugins.vae.network import VAE

    return VAE(scale)


def conditional(net: VAE, training: Training) -> Recipe:
    from srbench_plugins.vae.network import Posterior
    from srbench_plugins.vae.recipe import ConditionalVAE

    return ConditionalVAE(net, Posterior(training.scale), training)


@hookimpl
def srbench_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="vae",
            summary="conditional VAE; outputs the image of the prior's mean, 'srbench upscale --samples' draws others",
            scales={2, 3, 4, 8},
            build=build,
            recipe=conditional,
            weights=WEIGHTS,
            about=ABOUT,
            family="vae",
            halo=18,
            paper="arXiv:1312.6114",
        )
    ]
