"""Perceptual losses: differences between the features of a frozen VGG, and between their Gram matrices.

`vgg22` and `vgg54` use phi_2,2 and phi_5,4 of Ledig et al. 2017 (VGG19, after the activation), scaled by 1/12.75**2 as
in the paper. The paper's factor ``0.006`` is thus included, and the losses are of the size of a pixel loss.
`esrgan-features` is the loss of Wang et al. 2018, before the activation.
`fastai-features` is the loss of fastai's lesson 7 (2019): pixels, features and Gram matrices of VGG16 with batch norm.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from srbench import LossSpec, hookimpl
from srbench.vgg import activations

if TYPE_CHECKING:
    import torch
    from torch import nn

PAPER_SCALE = 0.006
"""(1 / 12.75)**2, rounded: the factor by which Ledig et al. scale feature losses to the size of pixel losses."""
FASTAI = (("relu3_3", 5.0), ("relu4_3", 15.0), ("relu5_3", 2.0))
"""Layers before the last three poolings, with fastai's weights."""
FASTAI_GRAM = 5e3
"""fastai's weight of the Gram matrices, to be multiplied by the square of a layer's weight."""
NETWORKS = ("vgg16", "vgg19")
"""Networks of which every activation is a loss."""


def build(network: str, layer: str, scale: float) -> nn.Module:
    import torch
    from torch import nn
    from torch.nn import functional

    from srbench.features import Features

    class FeatureLoss(nn.Module):
        """Mean squared difference of features, times a constant; ``(N, 3, H, W)`` twice to a scalar."""

        def __init__(self) -> None:
            super().__init__()
            self.features = Features(network, layer)
            self.uses = self.features.uses

        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                target = self.features(hr)
            return scale * functional.mse_loss(self.features(sr), target)

    return FeatureLoss()


def build_gram(network: str, layer: str) -> nn.Module:
    from torch import nn
    from torch.nn import functional

    from srbench.features import Features

    class GramLoss(nn.Module):
        """Style loss of Johnson et al. 2016: squared Frobenius norm of the difference of Gram matrices, batch mean."""

        def __init__(self) -> None:
            super().__init__()
            self.features = Features(network, layer)
            self.uses = self.features.uses

        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            output, target = gram(self.features(sr)), gram(self.features(hr.detach()))
            return functional.mse_loss(output, target, reduction="sum") / len(sr)

    return GramLoss()


def build_fastai() -> nn.Module:
    from torch import nn
    from torch.nn import functional

    from srbench.features import FeatureMaps

    class FastaiFeatures(nn.Module):
        """L1 of pixels (divided by ImageNet's standard deviations), of features and of Gram matrices."""

        def __init__(self) -> None:
            super().__init__()
            self.features = FeatureMaps("vgg16_bn", [layer for layer, _ in FASTAI])
            self.uses = self.features.uses

        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            loss = functional.l1_loss(sr / self.features.std, hr / self.features.std)
            maps = zip(self.features(sr), self.features(hr.detach()), FASTAI, strict=True)
            for output, target, (_, weight) in maps:
                loss = loss + weight * functional.l1_loss(output, target)
                loss = loss + weight**2 * FASTAI_GRAM * functional.l1_loss(gram(output), gram(target))
            return loss

    return FastaiFeatures()


def build_esrgan() -> nn.Module:
    import torch
    from torch import nn
    from torch.nn import functional

    from srbench.features import Features

    class BeforeActivation(nn.Module):
        """L1 of the features of VGG19's last convolution, before the activation."""

        def __init__(self) -> None:
            super().__init__()
            self.features = Features("vgg19", "conv5_4")
            self.uses = self.features.uses

        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                target = self.features(hr)
            return functional.l1_loss(self.features(sr), target)

    return BeforeActivation()


def gram(features: torch.Tensor) -> torch.Tensor:
    """Return the Gram matrices ``(N, c, c)`` of features ``(N, c, h, w)``, divided by c*h*w."""
    rows = features.flatten(2)
    return rows @ rows.transpose(1, 2) / rows[0].numel()


def build_srgan(layer: str) -> nn.Module:
    """Return the loss on VGG19, as in the paper; without its weights, on VGG16's layer of the same name.

    The card of weights trained with the loss states the network.

    Raises:
        AssetError: the weights of both networks are missing; names those of VGG19.
    """
    from srbench.errors import AssetError

    try:
        return build("vgg19", layer, PAPER_SCALE)
    except AssetError as missing:
        try:
            return build("vgg16", layer, PAPER_SCALE)
        except AssetError:
            raise missing from None


def _features(layer: str, scale: str = "") -> str:
    return f"{scale}mean (φ(ŷ) - φ(y))², φ: features {layer}"


@hookimpl
def srbench_losses() -> list[LossSpec]:
    paper = "arXiv:1609.04802"
    srgan = [
        LossSpec(
            name="vgg22",
            summary="VGG19 relu2_2 features, times 0.006",
            build=partial(build_srgan, "relu2_2"),
            formula=_features("relu2_2 of VGG19", f"{PAPER_SCALE:g} · "),
            paper=paper,
        ),
        LossSpec(
            name="vgg54",
            summary="VGG19 relu5_4 features, times 0.006",
            build=partial(build, "vgg19", "relu5_4", PAPER_SCALE),
            formula=_features("relu5_4 of VGG19", f"{PAPER_SCALE:g} · "),
            paper=paper,
        ),
    ]
    features = [
        LossSpec(
            name=f"{network}.{layer}",
            summary=f"{network.upper()} {layer} features",
            build=partial(build, network, layer, 1.0),
            formula=_features(f"{layer} of {network.upper()}"),
        )
        for network in NETWORKS
        for layer in activations(network)
    ]
    grams = [
        LossSpec(
            name=f"gram.{network}.{layer}",
            summary=f"Gram matrices of {network.upper()} {layer} features",
            build=partial(build_gram, network, layer),
            formula=f"‖Gram φ(ŷ) - Gram φ(y)‖², Gram φ = φ φᵀ / (c h w), φ: features {layer} of {network.upper()}",
            paper="arXiv:1603.08155",
        )
        for network in NETWORKS
        for layer in {name[:5]: name for name in activations(network)}.values()  # the last of each block
    ]
    fastai = LossSpec(
        name="fastai-features",
        summary="L1 of pixels, VGG16-BN features and their Gram matrices, weighted as in fastai's lesson 7",
        build=build_fastai,
        formula="mean |ŷ - y| / d + ∑ (w · mean |φ(ŷ) - φ(y)| + "
        f"{FASTAI_GRAM:g} · w² · mean |Gram φ(ŷ) - Gram φ(y)|), d: ImageNet's standard deviations, "
        "Gram φ = φ φᵀ / (c h w), "
        f"φ and w of VGG16-BN: {', '.join(f'{layer} {weight:g}' for layer, weight in FASTAI)}",
        paper="arXiv:1603.08155",
    )
    esrgan = LossSpec(
        name="esrgan-features",
        summary="L1 of VGG19 conv5_4 features, before the activation",
        build=build_esrgan,
        formula="mean |φ(ŷ) - φ(y)|, φ: features conv5_4 of VGG19",
        paper="arXiv:1809.00219",
    )
    return [*srgan, esrgan, fastai, *features, *grams]
