"""U-Nets: one network, trained on pixels, on features, and with critics that see pairs.

Ronneberger et al. 2015 (arXiv:1505.04597); Johnson et al. 2016 (arXiv:1603.08155); Isola et al. 2017
(arXiv:1611.07004); lesson 7 and NoGAN of fastai (2019).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

ABOUT = Path(__file__).with_name("about.md")
WEIGHTS = Path(__file__).with_name("weights")
JOHNSON = "arXiv:1603.08155"
FEATURES = "vgg16.relu3_3+100*mse"
"""A shift of all colours hardly changes the features. The paper matches histograms with LR's afterwards; here a small
term on pixels preserves the colours in training."""


def build(scale: int) -> nn.Module:
    from srbench_plugins.unet.network import UNet

    return UNet(scale)


def supervised(loss: str, best: str, net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    return Supervised(net, training, loss=loss, lr=1e-3, batch=16, patch=96, steps=50_000, best=best)


def nogan(net: nn.Module, training: Training) -> Recipe:
    from srbench.blocks import PatchGAN
    from srbench_plugins.unet.recipe import NoGAN

    return NoGAN(net, PatchGAN(6, width=32, norm="instance"), training)


def pix2pix(net: nn.Module, training: Training) -> Recipe:
    from srbench.blocks import PatchGAN
    from srbench.training import Adversarial

    return Adversarial(
        net,
        PatchGAN(6),
        training,
        loss="l1",
        weight=0.01,  # 100 L1 + adversarial, as in the paper
        lr=2e-4,
        batch=4,
        patch=128,
        steps=50_000,
        smooth=1.0,
        pairs=True,
        betas=(0.5, 0.999),
    )


@hookimpl
def srbench_models() -> list[ModelSpec]:
    common: dict[str, Any] = {
        "scales": {2, 3, 4, 8},
        "build": build,
        "weights": WEIGHTS,
        "about": ABOUT,
        "family": "unet",
        "halo": 45,
        "multiple": 16,
    }
    return [
        ModelSpec(
            name="unet",
            summary="U-Net, residual to the bicubic enlargement, MSE",
            recipe=partial(supervised, "mse", "psnr"),
            paper="arXiv:1505.04597",
            **common,
        ),
        ModelSpec(
            name="unet-perceptual",
            summary="U-Net on VGG16 relu3_3 features, with a term on pixels for the colours",
            recipe=partial(supervised, FEATURES, "lpips"),
            paper=JOHNSON,
            **common,
        ),
        ModelSpec(
            name="unet-perceptual-gram",
            summary="U-Net on fastai's loss: pixels, features and Gram matrices of VGG16-BN",
            recipe=partial(supervised, "fastai-features", "lpips"),
            paper=JOHNSON,
            **common,
        ),
        ModelSpec(
            name="unet-gan",
            summary="U-Net by NoGAN: on pixels, then with a critic of pairs and fastai's adaptive switch",
            recipe=nogan,
            paper="fastai lesson 7, github.com/jantic/DeOldify",
            **common,
        ),
        ModelSpec(
            name="pix2pix",
            summary="U-Net as a conditional GAN: 70x70 PatchGAN on pairs, 100 L1 + adversarial",
            recipe=pix2pix,
            paper="arXiv:1611.07004",
            **common,
        ),
    ]
