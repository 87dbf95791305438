"""SRResNet, SRGAN and WGAN: one generator, trained on pixels, on features and with critics.

Ledig et al. 2017 (arXiv:1609.04802); Arjovsky et al. 2017 (arXiv:1701.07875); Gulrajani et al. 2017
(arXiv:1704.00028).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench import ModelSpec, hookimpl
from srbench_plugins import SPSR_PROTOCOL, SPSR_README, SRGAN_TABLE, published

if TYPE_CHECKING:
    from torch import nn

    from srbench.blocks import Enlargement
    from srbench.training import Recipe, Training
    from srbench_plugins.srresnet.network import Norm

ABOUT = Path(__file__).with_name("about.md")
WEIGHTS = Path(__file__).with_name("weights")
SCALES = frozenset({2, 3, 4, 8})
PAPER = "arXiv:1609.04802"
RESIZE = "doi:10.23915/distill.00003"
PIXELS = "4*mse"
"""The paper's pixels are in [-1, 1], where the mean squared error is 4 times that of pixels in [0, 1]."""
FEATURES = {"vgg22": "vgg22+mse", "vgg54": "vgg54+mse"}
"""The paper uses the features alone. A shift of all colours hardly changes them (20 grey levels change vgg22 by less
than a hundredth), and the critic's batch norm removes it. Only the added term on pixels preserves the colours."""
CONTENT = {"mse": PIXELS, "vgg22": "0.05*vgg22+0.05*mse", "vgg54": FEATURES["vgg54"]}
"""Differences of relu2_2 are large: unscaled, they are ten times the adversarial term, and little texture results."""
SCHEDULE = "onecycle"
"""The generator is trained already, its optimiser and the critic are not: large first steps would undo the training."""


def build(scale: int, *, batch_norm: bool = True, enlarge: Enlargement = "sub-pixel") -> nn.Module:
    from srbench_plugins.srresnet.network import SRResNet

    return SRResNet(scale, batch_norm=batch_norm, enlarge=enlarge)


def pixels(loss: str, net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Supervised

    return Supervised(net, training, loss=loss, lr=5e-4, batch=16, patch=96, steps=100_000)


def gan(loss: str, norm: Norm, net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Adversarial
    from srbench_plugins.srresnet.network import Discriminator

    critic = Discriminator(norm=norm)
    return Adversarial(net, critic, training, objective="gan", loss=loss, weight=1e-3, lr=1e-4, schedule=SCHEDULE)


def wgan(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Adversarial
    from srbench_plugins.srresnet.network import Discriminator

    critic = Discriminator()
    return Adversarial(
        net, critic, training, objective="wgan", loss="mse", weight=1e-3, lr=5e-5, n_critic=5, schedule=SCHEDULE
    )


def wgan_gp(net: nn.Module, training: Training) -> Recipe:
    from srbench.training import Adversarial
    from srbench_plugins.srresnet.network import Discriminator

    critic = Discriminator(norm="none")
    return Adversarial(net, critic, training, objective="wgan-gp", loss="mse", weight=1e-3, lr=1e-4, critic_lr=4e-4)


@hookimpl
def srbench_models() -> list[ModelSpec]:
    common: dict[str, Any] = {
        "scales": SCALES,
        "build": build,
        "weights": WEIGHTS,
        "about": ABOUT,
        "family": "srresnet",
        "halo": 40,
    }
    psnr, lpips = {"set5": 29.40, "set14": 26.02, "bsd100": 25.16}, {"set5": 0.0882, "set14": 0.1663, "bsd100": 0.1980}
    published_srgan = [
        *published("psnr", "srgan-paper", f"SRGAN: {SRGAN_TABLE}", psnr),
        *published("lpips", SPSR_PROTOCOL, f"SRGAN: {SPSR_README}", lpips),
    ]
    srresnet = ModelSpec(
        name="srresnet",
        summary="16 residual blocks, sub-pixel enlargement, MSE",
        recipe=partial(pixels, "mse"),
        paper=PAPER,
        published=published(
            "psnr", "srgan-paper", f"SRResNet: {SRGAN_TABLE}", {"set5": 32.05, "set14": 28.49, "bsd100": 27.58}
        ),
        **common,
    )
    architectures = [
        ModelSpec(
            name=name,
            summary=f"SRResNet {difference}",
            **{**common, "build": partial(build, **options)},
            recipe=partial(pixels, "mse"),
            paper=paper,
        )
        for name, difference, options, paper in (
            ("srresnet-resize", "with resize-convolutions", {"enlarge": "resize"}, RESIZE),
            ("srresnet-nobn", "without batch normalisation", {"batch_norm": False}, PAPER),
        )
    ]
    common["start_from"] = "srresnet"
    features = [
        ModelSpec(
            name=f"srresnet-{layer}",
            summary=f"SRResNet on {layer} features, with a term on pixels for the colours",
            recipe=partial(pixels, FEATURES[layer]),
            paper=PAPER,
            **common,
        )
        for layer in ("vgg22", "vgg54")
    ]
    gans = [
        ModelSpec(
            name=f"srgan-{loss}",
            summary=f"SRResNet, trained with the paper's discriminator and content loss {loss}",
            recipe=partial(gan, CONTENT[loss], "batch"),
            paper=PAPER,
            aliases=("srgan",) if loss == "vgg22" else (),
            published=published_srgan if loss == "vgg54" else (),
            **common,
        )
        for loss in ("mse", "vgg22", "vgg54")
    ]
    virtual = ModelSpec(
        name="srgan-vgg22-vbn",
        summary="srgan-vgg22 with virtual batch normalisation in the discriminator",
        recipe=partial(gan, CONTENT["vgg22"], "virtual"),
        paper="arXiv:1606.03498",
        **common,
    )
    wgans = [
        ModelSpec(
            name=name,
            summary=f"SRResNet, trained with a Wasserstein critic with {constraint}",
            recipe=recipe,
            paper=paper,
            **common,
        )
        for name, recipe, constraint, paper in (
            ("wgan", wgan, "clipped weights", "arXiv:1701.07875"),
            ("wgan-gp", wgan_gp, "gradient penalty", "arXiv:1704.00028"),
        )
    ]
    return [srresnet, *architectures, *features, *gans, virtual, *wgans]
