"""SRResNet, SRGAN and WGAN: one generator, trained against pixels, features and critics.

Ledig et al. 2017 (arXiv:1609.04802); Arjovsky et al. 2017 (arXiv:1701.07875); Gulrajani et al. 2017
(arXiv:1704.00028).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench import ModelSpec, Published, hookimpl
from srbench_plugins.srresnet import about

if TYPE_CHECKING:
    from torch import nn

    from srbench.blocks import Enlargement
    from srbench.training import Recipe, Training
    from srbench_plugins.srresnet.network import Norm

WEIGHTS = Path(__file__).parent / "weights"
SCALES = frozenset({2, 3, 4, 8})
PAPER = "arXiv:1609.04802"
RESIZE = "doi:10.23915/distill.00003"
PIXELS = "4*mse"
"""The paper's pixels are in [-1, 1], where the mean squared error is 4 times that of [0, 1]."""
FEATURES = {"vgg22": "vgg22+mse", "vgg54": "vgg54+mse"}
"""The paper has the features alone. They hardly see a shift of all colours (20 grey levels change vgg22 by less than a
hundredth), and neither does a critic whose batch norm takes it out: nothing would hold it without a term on pixels."""
CONTENT = {"mse": PIXELS, "vgg22": "0.05*vgg22+0.05*mse", "vgg54": FEATURES["vgg54"]}
"""Differences of relu2_2 are large: whole, they are ten times the critic's part, and little texture comes of it."""
SCHEDULE = "onecycle"
"""A trained generator meets new optimisers and an untrained critic: large first steps would undo what it learned."""
TABLE = "SRGAN, Table 2 (arXiv:1609.04802)"
SPSR = "SRGAN: SPSR README (github.com/Maclory/SPSR)"


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


def published(method: str, figures: dict[str, float]) -> list[Published]:
    return [Published(name, 4, "psnr", value, "srgan-paper", f"{method}: {TABLE}") for name, value in figures.items()]


@hookimpl
def srbench_models() -> list[ModelSpec]:
    common: dict[str, Any] = {"scales": SCALES, "build": build, "weights": WEIGHTS, "family": "srresnet", "halo": 40}
    srgan, lpips = {"set5": 29.40, "set14": 26.02, "bsd100": 25.16}, {"set5": 0.0882, "set14": 0.1663, "bsd100": 0.1980}
    published_gan = [
        *published("SRGAN", srgan),
        *(Published(name, 4, "lpips", value, "lpips-alex rgb uncropped", SPSR) for name, value in lpips.items()),
    ]
    srresnet = ModelSpec(
        name="srresnet",
        summary="16 residual blocks, sub-pixel enlargement, MSE",
        recipe=partial(pixels, "mse"),
        about=about.NETWORK + about.MSE,
        paper=PAPER,
        published=published("SRResNet", {"set5": 32.05, "set14": 28.49, "bsd100": 27.58}),
        **common,
    )
    builds = [
        ModelSpec(
            name=name,
            summary=f"SRResNet {how}",
            **{**common, "build": partial(build, **options)},
            recipe=partial(pixels, "mse"),
            about=about.NETWORK + text,
            paper=paper,
        )
        for name, how, options, text, paper in (
            ("srresnet-resize", "with resize-convolutions", {"enlarge": "resize"}, about.RESIZE, RESIZE),
            ("srresnet-nobn", "without batch normalisation", {"batch_norm": False}, about.NO_NORM, PAPER),
        )
    ]
    common["start_from"] = "srresnet"
    features = [
        ModelSpec(
            name=f"srresnet-{layer}",
            summary=f"SRResNet on {layer} features, pixels holding the colours",
            recipe=partial(pixels, FEATURES[layer]),
            about=about.NETWORK + about.FEATURES.format(layer=maps, depth=depth),
            paper=PAPER,
            **common,
        )
        for layer, maps, depth in (("vgg22", "relu2_2", about.SHALLOW), ("vgg54", "relu5_4", about.DEEP))
    ]
    gans = [
        ModelSpec(
            name=f"srgan-{loss}",
            summary=f"SRResNet against the paper's discriminator, content loss {loss}",
            recipe=partial(gan, CONTENT[loss], "batch"),
            about=about.NETWORK + about.GAN.format(content=about.CONTENTS[loss]),
            paper=PAPER,
            aliases=("srgan",) if loss == "vgg22" else (),
            published=published_gan if loss == "vgg54" else (),
            **common,
        )
        for loss in ("mse", "vgg22", "vgg54")
    ]
    virtual = ModelSpec(
        name="srgan-vgg22-vbn",
        summary="srgan-vgg22, the discriminator with virtual batch normalisation",
        recipe=partial(gan, CONTENT["vgg22"], "virtual"),
        about=about.NETWORK + about.GAN.format(content=about.CONTENTS["vgg22"]) + about.VIRTUAL,
        paper="arXiv:1606.03498",
        **common,
    )
    wgans = [
        ModelSpec(
            name=name,
            summary=f"SRResNet against a Wasserstein critic with {how}",
            recipe=recipe,
            about=about.NETWORK + about.WGAN + text,
            paper=paper,
            **common,
        )
        for name, recipe, how, text, paper in (
            ("wgan", wgan, "clipped weights", about.CLIPPED, "arXiv:1701.07875"),
            ("wgan-gp", wgan_gp, "gradient penalty", about.PENALTY, "arXiv:1704.00028"),
        )
    ]
    return [srresnet, *builds, *features, *gans, virtual, *wgans]
