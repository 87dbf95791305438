"""CycleGAN, Zhu et al. 2017 (arXiv:1703.10593): learns from LR and HR images of which no two belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from srbench.training import Recipe, Training
    from srbench_plugins.cyclegan.network import CycleGAN


ABOUT = """
CycleGAN learns from two heaps of images, LR (enlarged) and HR, of which no two belong together. One generator leads
from the LR heap to the HR heap, another one back, and two PatchGAN critics judge whether what arrives looks as if it
came from the heap. That alone would allow any HR image as the answer, so there is the cycle: there and back again
must give what one started from, in both directions. An identity term asks each generator to leave alone what is of
its target kind already, which keeps colours.

Critics use the least-squares form (Mao et al. 2017), whose gradients do not fade on images that are already on the
right side, and are shown images from a pool of earlier ones too, against oscillation. Expect lower PSNR than from any
method that sees pairs: nothing tells it which HR belongs to an LR.
"""


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
            summary="learns from unpaired images: two generators, two PatchGANs, cycle and identity losses",
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
