"""LPIPS (Zhang et al. 2018): a distance between network features, weighted to agree with human judgements.

It is a metric and a loss. A method trained on LPIPS should be judged by the LPIPS of another network.

The learned weights (v0.1) and the networks' layout come from the lpips package, the backbone's ImageNet weights from
srbench's store. LPIPS takes whole RGB images: a protocol's channel and border do not apply.
"""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from srbench import LossSpec, Metric, MetricSpec, hookimpl
from srbench.errors import UndefinedScoreError, UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from srbench.protocols import Protocol

NETS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
"""srbench's name of a backbone, by lpips' name."""
SMALLEST = {"alex": 31, "vgg": 16, "squeeze": 17}
"""Smallest height and width in pixels for which a backbone has an output, by lpips' name."""


def build(net: str) -> Metric:
    return LPIPS(net)


class LPIPS:
    """LPIPS as a metric. `prepare` computes HR's normalised features, half of the work, once for all methods.

    Args:
        net: a key of `NETS`.

    Raises:
        AssetError: the backbone's weights are not available.
    """

    def __init__(self, net: str) -> None:
        from srbench.store.backbones import load_features

        features = load_features(NETS[net])
        import lpips

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lpips calls a deprecated API of torchvision
            self.model: Any = lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False)
        self.net = net
        self._load(features)
        self.model.eval().requires_grad_(requires_grad=False)
        self.device: Any = None
        """The device that the network is on; None before its first use."""

    def _load(self, features: dict[str, torch.Tensor]) -> None:
        """Load torchvision's weights into lpips' slices, whose layers keep torchvision's indices."""
        state = self.model.net.state_dict()
        for key in state:
            _, layer = key.split(".", 1)  # slice2.3.weight -> 3.weight
            state[key] = features[f"features.{layer}"]
        self.model.net.load_state_dict(state)

    def _features(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return the normalised features of RGB images in [0, 1], ``(N, c, h, w)`` for each layer.

        Raises:
            ValueError: the images are not float RGB in [0, 1].
        """
        import lpips
        import torch

        if image.shape[-3] != 3 or not torch.is_floating_point(image):
            raise ValueError(f"LPIPS takes float RGB (..., 3, H, W), not {image.dtype} {tuple(image.shape)}")
        low, high = torch.stack(image.aminmax()).tolist()
        if low < 0 or high > 1:
            raise ValueError(f"LPIPS takes values in [0, 1], not [{low:.3g}, {high:.3g}]")
        if image.device != self.device:
            self.model.to(image.device)
            self.device = image.device
        scaled = self.model.scaling_layer(image.float().reshape(-1, *image.shape[-3:]) * 2 - 1)
        return [lpips.normalize_tensor(feature) for feature in self.model.net(scaled)]

    def prepare(self, hr: torch.Tensor, protocol: Protocol) -> list[torch.Tensor]:
        height, width = hr.shape[-2:]
        least = SMALLEST[self.net]
        if min(height, width) < least:
            raise UndefinedScoreError(f"too small: {width}x{height}, LPIPS ({self.net}) needs {least}x{least}")
        return self._features(hr)

    def score(self, sr: torch.Tensor, prepared: list[torch.Tensor]) -> torch.Tensor:
        """Return the LPIPS of each image: ``(N, 3, H, W)`` to ``(N,)``, or ``(3, H, W)`` to a scalar."""
        import torch

        layers = zip(self.model.lins, self._features(sr), prepared, strict=False)
        distances = [lin((output - target).square()).mean(dim=(-3, -2, -1)) for lin, output, target in layers]
        return torch.stack(distances).sum(dim=0).view(sr.shape[:-3])


def build_loss(net: str) -> nn.Module:
    from torch import nn

    class LPIPSLoss(nn.Module):
        """Mean LPIPS of a batch ``(N, 3, H, W)`` of RGB in [0, 1]; H and W are at least `SMALLEST`."""

        def __init__(self) -> None:
            super().__init__()
            self.model = LPIPS(net).model
            self.uses = f"{NETS[net]} lpips v0.1"

        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            if min(sr.shape[-2:]) < SMALLEST[net]:
                raise UsageError(
                    f"the loss lpips ({net}) needs patches of at least {SMALLEST[net]} pixels: raise --patch"
                )
            distances: torch.Tensor = self.model(sr, hr, normalize=True)
            return distances.mean()

    return LPIPSLoss()


@hookimpl
def srbench_losses() -> list[LossSpec]:
    return [
        LossSpec(
            name="lpips" if net == "alex" else f"lpips-{net}",
            summary=f"LPIPS, {NETS[net]} v0.1",
            build=partial(build_loss, net),
            formula="mean over images of ∑ over layers of mean over positions of w · (φ(ŷ) - φ(y))², "
            f"φ: features of {NETS[net]}, normalised over channels, w: weights learned by LPIPS",
            paper="arXiv:1801.03924",
        )
        for net in ("alex", "vgg")
    ]


@hookimpl
def srbench_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            name="lpips" if net == "alex" else f"lpips-{net}",
            summary=f"learned perceptual distance, {backbone} v0.1, RGB uncropped; 0 is perfect",
            build=partial(build, net),
            better="lower",
            version="0.1",
            bounds=(0, math.inf),
            uses_protocol=False,
            batched=True,
            backbone=backbone,
            paper="arXiv:1801.03924",
        )
        for net, backbone in NETS.items()
    ]
