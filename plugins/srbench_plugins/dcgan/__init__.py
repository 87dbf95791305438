"""DCGAN, Radford et al. 2016 (arXiv:1511.06434), conditioned: an encoding of the LR in the place of noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training


ABOUT = """
DCGAN (Radford et al. 2016) is the recipe that first made convolutional GANs train: no pooling and no hidden dense
layers, strided convolutions down and transposed ones up, batch normalisation nearly everywhere, LeakyReLU in the
discriminator, weights drawn from a narrow normal distribution, Adam with little momentum. The paper's generator
starts from noise; here an encoding of the LR stands in its place, so the output is an answer to the LR and not any
image.

A pixel loss ties it to HR, and the discriminator asks for natural looks. Everything, colours included, has to pass
through the encoding, and transposed convolutions tend to leave checkerboards: compare it with srgan, which keeps LR
size throughout and enlarges by sub-pixels at the end.
"""


def build(scale: int) -> nn.Module:
    from srbench_plugins.dcgan.network import Generator

    return Generator(scale)


def recipe(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Adversarial
    from srbench_plugins.dcgan.network import Discriminator

    critic = Discriminator()
    return Adversarial(
        net, critic, training, loss="mse", weight=1e-3, lr=2e-4, patch=64, steps=50_000, smooth=1.0, betas=(0.5, 0.999)
    )


@hookimpl
def srbench_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="dcgan",
            summary="strided and transposed convolutions with batch norm, MSE and a discriminator",
            scales={2, 4, 8},
            build=build,
            recipe=recipe,
            about=ABOUT,
            family="dcgan",
            halo=22,
            multiple=8,
            paper="arXiv:1511.06434",
        )
    ]
