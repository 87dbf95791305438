"""Feature maps of a frozen, pretrained VGG, for perceptual losses.

Layers are named as in `srbench.vgg`: ``relu2_2`` is the activation of the second convolution of the second block, and
``conv2_2`` the value before it. The features phi_2,2 and phi_5,4 of Ledig et al. 2017 (arXiv:1609.04802) are taken
after the activation: ``relu2_2`` and ``relu5_4`` of ``vgg19``.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import nn

from srbench.errors import AssetError, UsageError
from srbench.store.backbones import load_features
from srbench.vgg import layer_indices

if TYPE_CHECKING:
    from collections.abc import Sequence

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of R, G and B over ImageNet, of values in [0, 1]."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of R, G and B over ImageNet, of values in [0, 1]."""
PARTIAL = {"vgg16": "vgg16_to_relu2_2"}
"""By network, a smaller backbone that contains only its first layers, up to ``relu2_2``."""


class FeatureMaps(nn.Module):
    """Feature maps of RGB images in [0, 1] at several layers of a VGG; the input is normalised as ImageNet's.

    Args:
        network: ``vgg16``, ``vgg16_bn`` or ``vgg19``.
        names: layers such as ``relu2_2``, in any order.

    Raises:
        UsageError: the network has no layer of such a name.
        AssetError: the weights are neither in the cache nor in the mirror, and cannot be downloaded.
    """

    mean: torch.Tensor
    """`IMAGENET_MEAN`, ``(1, 3, 1, 1)``."""
    std: torch.Tensor
    """`IMAGENET_STD`, ``(1, 3, 1, 1)``."""

    def __init__(self, network: str, names: Sequence[str]) -> None:
        super().__init__()
        import torchvision

        self.lowered: torch.dtype | None = None
        """Lower precision in which the network computes, by autocast; None: float32. The output is always float32."""
        known = layer_indices(network)
        for name in names:
            if name not in known:
                raise UsageError(f"{network} has no layer {name!r}; there are: {', '.join(known)}")
        self.indices = [known[name] for name in names]
        last = max(self.indices)
        backbone, state = _weights(network, last)
        self.uses = f"{backbone} {', '.join(names)}"
        """Backbone and layers as recorded in the card of weights, e.g. ``vgg19 relu2_2``."""
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
        """Return the float32 feature maps ``(N, c, h, w)`` of ``(N, 3, H, W)``, in the order of the names."""
        maps = {}
        x = (image - self.mean) / self.std
        with torch.autocast(image.device.type, self.lowered, enabled=self.lowered is not None):
            for index, module in enumerate(self.body):
                x = module(x)
                if index in self.indices:
                    maps[index] = x.float()
        return [maps[index] for index in self.indices]


class Features(nn.Module):
    """The feature map at one layer; arguments and errors are those of `FeatureMaps`."""

    def __init__(self, network: str, layer: str) -> None:
        super().__init__()
        self.maps = FeatureMaps(network, [layer])
        self.uses = self.maps.uses

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the float32 feature map ``(N, c, h, w)`` of ``(N, 3, H, W)``."""
        maps: list[torch.Tensor] = self.maps(image)
        return maps[0]


def _weights(network: str, last: int) -> tuple[str, dict[str, torch.Tensor]]:
    """Return the backbone's name and its weights; if it is missing and its first layers suffice, the smaller backbone.

    Args:
        network: a VGG.
        last: index of the last layer that is needed.

    Raises:
        AssetError: no sufficient backbone is available.
    """
    try:
        return network, load_features(network)
    except AssetError:
        partial = PARTIAL.get(network)
        if partial is None or last > layer_indices(network)["relu2_2"]:
            raise
        return partial, load_features(partial)
