"""CycleGAN, Zhu et al. 2017 (arXiv:1703.10593): learns from unpaired LR and HR images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from srbench.training import Recipe, Training
    from srbench_plugins.cyclegan.network import CycleGAN

ABOUT = Path(__file__).with_name("about.md")


def build(scale: int) -> CycleGAN:
    from srbench_plugins.cyclegan.network import CycleGAN

    return CycleGAN(scale)


def unpaired(net: CycleGAN, training: Training) -> Recipe:
    from srbench.blocks import PatchGAN
    from srbench_plugins.cyclegan.network import Translator
    from srbench_plugins.cyclegan.recipe import Unpaired

    critics = PatchGAN(width=32, norm="instance"), PatchGAN(width=32, norm="instance")
    return Unpaired(net, Translator(), critics, training)


@hookimpl
def srbench_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="cyclegan",
            summary="trained on unpaired images: two generators, two PatchGANs, cycle and identity losses",
            scales={2, 3, 4, 8},
            build=build,
            recipe=unpaired,
            about=ABOUT,
            family="cyclegan",
            halo=35,
            multiple=4,
            paper="arXiv:1703.10593",
        )
    ]
