"""ESRGAN, Wang et al. 2018: RRDBNet, trained on pixels and with a relativistic average discriminator."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench import ModelSpec, hookimpl
from srbench_plugins import ESRGAN_TABLE, SPSR_PROTOCOL, SPSR_README, published

if TYPE_CHECKING:
    from torch import nn

    from srbench.training import Recipe, Training

ABOUT = Path(__file__).with_name("about.md")
SMALL = {"blocks": 4, "channels": 32, "growth": 16}


def build(scale: int, *, blocks: int = 23, channels: int = 64, growth: int = 32) -> nn.Module:
    from srbench_plugins.esrgan.network import RRDBNet

    return RRDBNet(scale, blocks=blocks, channels=channels, growth=growth)


def pixels(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    return Supervised(net, training, loss="l1", lr=2e-4, batch=16, patch=128, steps=1_000_000, schedule="cosine")


def small_pixels(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    return Supervised(net, training, loss="l1", lr=5e-4, batch=16, patch=96, steps=50_000)


def gan(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Adversarial
    from srbench_plugins.esrgan.network import Discriminator

    return Adversarial(
        net,
        Discriminator(),
        training,
        objective="ragan",
        loss="esrgan-features+0.01*l1",
        weight=5e-3,
        lr=1e-4,
        batch=16,
        patch=128,
        steps=400_000,
        smooth=1.0,
    )


def small_gan(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Adversarial
    from srbench_plugins.esrgan.network import Discriminator

    return Adversarial(
        net,
        Discriminator(32),
        training,
        objective="ragan",
        loss="vgg22+l1",
        weight=5e-3,
        lr=1e-4,
        patch=64,
        steps=20_000,
        schedule="onecycle",
        smooth=1.0,
    )


@hookimpl
def srbench_models() -> list[ModelSpec]:
    common: dict[str, Any] = {"scales": {2, 3, 4, 8}, "about": ABOUT, "family": "esrgan", "paper": "arXiv:1809.00219"}
    full: dict[str, Any] = {**common, "build": build, "halo": 349}
    small: dict[str, Any] = {**common, "build": partial(build, **SMALL), "halo": 64}
    return [
        ModelSpec(
            name="rrdb",
            summary="RRDBNet: 23 residual-in-residual dense blocks, L1",
            recipe=pixels,
            published=published("psnr", "y", ESRGAN_TABLE, {"set5": 32.73, "bsd100": 27.85}),
            **full,
        ),
        ModelSpec(
            name="esrgan",
            summary="RRDBNet, trained with a relativistic average discriminator",
            recipe=gan,
            start_from="rrdb",
            published=published("lpips", SPSR_PROTOCOL, SPSR_README, {"set5": 0.0748, "bsd100": 0.1614}),
            **full,
        ),
        ModelSpec(
            name="rrdb-small",
            summary="RRDBNet with 4 blocks of 32 channels, L1",
            recipe=small_pixels,
            **small,
        ),
        ModelSpec(
            name="esrgan-small",
            summary="the small RRDBNet, trained with a relativistic average discriminator",
            recipe=small_gan,
            start_from="rrdb-small",
            **small,
        ),
    ]
