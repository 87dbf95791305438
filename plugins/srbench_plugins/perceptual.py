"""LPIPS, Zhang et al. 2018: distance in the features of a network, weighted to agree with human judgements.

As a metric, and as a loss to train with: a method trained on it is to be judged by the LPIPS of another network.

The lpips package brings the learned weights (v0.1) and the networks' layout; the backbone's ImageNet weights come
through srbench's store. Always on whole RGB images: a protocol's channel and border do not apply.
"""

from __future__ import annotations

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
SMALLEST = {"alex": 31, "vgg": 16, "squeeze": 17}
"""Height and width below which a backbone has no output."""


def build(net: str) -> Metric:
    return LPIPS(net)


class LPIPS:
    """``prepare`` keeps HR's normalised features, half of the work, for all methods."""

    def __init__(self, net: str) -> None:
        from srbench.store.backbones import load_features

        features = load_features(NETS[net])
        import lpips

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lpips calls torchvision in a way that is deprecated
            self.model: Any = lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False)
        self.net = net
        self._fill(features)
        self.model.eval().requires_grad_(requires_grad=False)
        self.device: Any = None
        """Where the network is now."""

    def _fill(self, features: dict[str, torch.Tensor]) -> None:
        """Put torchvision's weights into lpips' slices, whose layers keep torchvision's numbers."""
        state = self.model.net.state_dict()
        for key in state:
            _, layer = key.split(".", 1)  # slice2.3.weight -> 3.weight
            state[key] = features[f"features.{layer}"]
        self.model.net.load_state_dict(state)

    def _features(self, image: torch.Tensor) -> list[torch.Tensor]:
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
        import torch

        layers = zip(self.model.lins, self._features(sr), prepared, strict=False)
        of_layers = [lin((ours - theirs).square()).mean(dim=(-3, -2, -1)) for lin, ours, theirs in layers]
        return torch.stack(of_layers).sum(dim=0).view(sr.shape[:-3])


def build_loss(net: str) -> nn.Module:
    from torch import nn

    class LPIPSLoss(nn.Module):
        """Mean LPIPS of a batch; patches must be no smaller than `SMALLEST`."""

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
            formula="mean over images of ∑ over layers of mean over places of w · (φ(ŷ) - φ(y))², "
            f"φ the features of {NETS[net]}, normalised over channels, w the weights that LPIPS learned",
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
            uses_protocol=False,
            batched=True,
            backbone=backbone,
            paper="arXiv:1801.03924",
        )
        for net, backbone in NETS.items()
    ]
