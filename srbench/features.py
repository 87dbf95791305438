"""Features of a frozen, pretrained network, for perceptual losses: any layer of a VGG by its usual name.

``relu2_2`` is the activation of the second convolution of the second block, ``conv2_2`` the value before it. The
features of Ledig et al. (phi_2,2, phi_5,4) are taken after the activation.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import nn

from srbench.errors import AssetError, UsageError
from srbench.store.backbones import load_features

if TYPE_CHECKING:
    from collections.abc import Sequence

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg16_bn": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions in each block; ``_bn`` has a batch norm behind each."""
PARTIAL = {"vgg16": "vgg16_to_relu2_2"}
"""A smaller backbone that holds the first layers."""


def layers(network: str) -> dict[str, int]:
    """Return where each layer stands in torchvision's ``features``, by name (``conv1_1``, ``relu1_1``, ...)."""
    indices, index = {}, 0
    stride = 3 if network.endswith("_bn") else 2
    for block, count in enumerate(CONVOLUTIONS[network], start=1):
        for i in range(1, count + 1):
            indices[f"conv{block}_{i}"], indices[f"relu{block}_{i}"] = index, index + stride - 1
            index += stride
        index += 1  # max pooling
    return indices


class FeatureMaps(nn.Module):
    """The features of RGB images in [0, 1] at several layers; ImageNet's normalisation is applied inside.

    Args:
        network: ``vgg16``, ``vgg16_bn`` or ``vgg19``.
        names: layers such as ``relu2_2``, in any order.

    Raises:
        UsageError: there is no such layer.
        AssetError: the weights could not be had.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: str, names: Sequence[str]) -> None:
        super().__init__()
        import torchvision

        self.lowered: torch.dtype | None = None
        """Type that the network computes in; what it returns is float32 all the same."""
        known = layers(network)
        for name in names:
            if name not in known:
                raise UsageError(f"{network} has no layer {name!r}; there are: {', '.join(known)}")
        self.places = [known[name] for name in names]
        last = max(self.places)
        backbone, state = _weights(network, last)
        self.uses = f"{backbone} {', '.join(names)}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body: Sequence[nn.Module] = getattr(torchvision.models, network)(weights=None).features[: last + 1]
        self.body = nn.Sequential(*body)
        own = {name: state[f"features.{name}"] for name in self.body.state_dict()}
        self.body.load_state_dict(own)
        for module in self.body:
            if isinstance(module, nn.ReLU):
                module.inplace = False
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.eval().requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return ``(N, c, h, w)`` of each layer for ``(N, 3, H, W)``."""
        maps = {}
        x = (image - self.mean) / self.std
        with torch.autocast(image.device.type, self.lowered, enabled=self.lowered is not None):
            for index, module in enumerate(self.body):
                x = module(x)
                if index in self.places:
                    maps[index] = x.float()
        return [maps[index] for index in self.places]


class Features(nn.Module):
    """The features at one layer; see `FeatureMaps`."""

    def __init__(self, network: str, layer: str) -> None:
        super().__init__()
        self.maps = FeatureMaps(network, [layer])
        self.uses = self.maps.uses

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return ``(N, c, h, w)`` for ``(N, 3, H, W)``."""
        maps: list[torch.Tensor] = self.maps(image)
        return maps[0]


def _weights(network: str, last: int) -> tuple[str, dict[str, torch.Tensor]]:
    """Load the network's weights; where the whole cannot be had and the first layers suffice, those."""
    try:
        return network, load_features(network)
    except AssetError:
        partial = PARTIAL.get(network)
        if partial is None or last > layers(network)["relu2_2"]:
            raise
        return partial, load_features(partial)
