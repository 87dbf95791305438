"""Losses in the features of a frozen VGG: the mean squared difference at one layer.

`vgg22` and `vgg54` are phi_2,2 and phi_5,4 of Ledig et al. 2017 (VGG19, after the activation), scaled by 1/12.75**2 as
there, so that ``0.006`` of the paper is already in it: ``vgg54`` stands for a loss of the size of a pixel loss.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from srbench import LossSpec, hookimpl

if TYPE_CHECKING:
    import torch
    from torch import nn

PAPER_SCALE = 0.006
"""(1 / 12.75)**2, by which Ledig et al. bring features to the size of pixels."""
VGG16 = tuple(f"relu{block}_{i}" for block, count in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, count + 1))
VGG19 = tuple(f"relu{block}_{i}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, count + 1))


def build(network: str, layer: str, scale: float) -> nn.Module:
    import torch
    from torch import nn
    from torch.nn import functional

    from srbench.features import Features

    class FeatureLoss(nn.Module):
        """Mean squared difference of features, times a fixed scale."""

        def __init__(self) -> None:
            super().__init__()
            self.features = Features(network, layer)
            self.uses = self.features.uses

        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                target = self.features(hr)
            return scale * functional.mse_loss(self.features(sr), target)

    return FeatureLoss()


def build_srgan(layer: str) -> nn.Module:
    """Take VGG19 as the paper does; where it cannot be had, VGG16's layer of the same name. The card says which."""
    from srbench.errors import AssetError

    try:
        return build("vgg19", layer, PAPER_SCALE)
    except AssetError as missing:
        try:
            return build("vgg16", layer, PAPER_SCALE)
        except AssetError:
            raise missing from None


@hookimpl
def srbench_losses() -> list[LossSpec]:
    paper = "arXiv:1609.04802"
    srgan = [
        LossSpec(
            name="vgg22",
            summary="VGG19 relu2_2 features, times 0.006",
            build=partial(build_srgan, "relu2_2"),
            paper=paper,
        ),
        LossSpec(
            name="vgg54",
            summary="VGG19 relu5_4 features, times 0.006",
            build=partial(build, "vgg19", "relu5_4", PAPER_SCALE),
            paper=paper,
        ),
    ]
    every = [
        LossSpec(
            name=f"{network}.{layer}",
            summary=f"{network.upper()} {layer} features",
            build=partial(build, network, layer, 1.0),
        )
        for network, layers in (("vgg16", VGG16), ("vgg19", VGG19))
        for layer in layers
    ]
    return srgan + every
