"""Test pictures, and the networks, losses and metrics that checks share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from srbench.conformance.outcome import FaultError
from srbench.inference.build import build_net
from srbench.inference.upscale import accepted, upscale
from srbench.resize import imresize

if TYPE_CHECKING:
    from pathlib import Path

    from srbench.catalog.catalog import Catalog
    from srbench.specs import DatasetSpec, LossSpec, MetricSpec, ModelSpec

SIDE = 24
"""LR height and width in pixels, unless a network needs more."""


@dataclass
class Bench:
    """The spec of a subject, and what its checks share."""

    spec: Any
    catalog: Catalog
    device: torch.device
    home: Path | None = None
    """File or folder of the plugin's code."""
    traces: dict[str, str] = field(default_factory=dict)
    """Change of the process -> first check in which it happened."""


@dataclass
class MethodBench(Bench):
    """A method. Its networks are built once."""

    spec: ModelSpec
    nets: dict[int, torch.nn.Module] = field(default_factory=dict)

    @property
    def scales(self) -> list[int]:
        """The scales of the spec, the smallest first."""
        return sorted(self.spec.scales)

    @property
    def scale(self) -> int:
        """The scale at which checks run that do not run at all scales."""
        return 4 if 4 in self.spec.scales else self.scales[0]

    @property
    def finished(self) -> list[int]:
        """The scales at which the output is meaningful: the method needs no training, or ships weights."""
        return [scale for scale in self.scales if self.spec.recipe is None or scale in self.spec.shipped]

    def build(self, scale: int, device: torch.device | None = None) -> torch.nn.Module:
        """Build the network as a run does, with the shipped weights.

        Without weights, parameters that are all zero are drawn at random: a last layer of zeros would hide the others.
        A file that is a method has its weights, and parameters of a network outside torch serve only to be counted.
        """
        weights = self.spec.shipped.get(scale)
        file = weights if weights is not None and weights.is_file() else None
        net = build_net(replace(self.spec, recipe=None), scale, device or self.device, file)
        if file is None and self.spec.file is None and not is_outside_torch(net):
            generator = torch.Generator().manual_seed(1)
            for parameter in net.parameters():
                if not parameter.detach().any():
                    drawn = torch.empty(parameter.shape).normal_(0, 0.02, generator=generator)
                    parameter.data = drawn.to(parameter)  # assigned, because elements may share memory (`expand`)
        return net

    def net(self, scale: int) -> torch.nn.Module:
        """Return the network of a scale, which checks share. One that computes outside torch is checked on the CPU."""
        if scale not in self.nets:
            self.nets[scale] = self.build(scale)
            if is_outside_torch(self.nets[scale]):
                self.device = torch.device("cpu")
                self.nets[scale].to(self.device)
        return self.nets[scale]

    def lr(self, seed: int = 0, height: int = SIDE, width: int = SIDE) -> torch.Tensor:
        """Return an LR picture ``(1, 3, h, w)`` in [0, 1], its sides rounded up to what the spec says."""
        self.net(self.scale)  # decides the device
        height, width = (accepted(side, self.spec.multiple, self.spec.smallest) for side in (height, width))
        return picture(height, width, seed).to(self.device)

    def sr(self, lr: torch.Tensor, scale: int | None = None, seed: int = 0) -> torch.Tensor:
        """Return the SR ``(N, 3, h*scale, w*scale)`` of an LR batch, upscaled as in a run."""
        scale = scale or self.scale
        return upscale(self.net(scale), lr, scale, self.spec.multiple, seed, self.spec.smallest)


@dataclass
class LossBench(Bench):
    """A loss."""

    spec: LossSpec

    def build(self) -> Any:
        """Build the loss, on the device."""
        loss = self.spec.build()
        return loss.to(self.device) if isinstance(loss, torch.nn.Module) else loss

    @cached_property
    def loss(self) -> Any:
        """The loss, built once."""
        return self.build()


@dataclass
class MetricBench(Bench):
    """A metric."""

    spec: MetricSpec

    @cached_property
    def metric(self) -> Any:
        """The metric, built once."""
        return self.spec.build()


@dataclass
class DatasetBench(Bench):
    """A dataset."""

    spec: DatasetSpec


BENCHES: dict[str, type[Bench]] = {
    "method": MethodBench,
    "loss": LossBench,
    "metric": MetricBench,
    "dataset": DatasetBench,
}


def is_outside_torch(net: torch.nn.Module) -> bool:
    """Return whether a network computes outside torch."""
    return bool(getattr(net, "outside_torch", False))


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Return a picture with gradients, edges and texture: ``(1, 3, height, width)`` in [0, 1], in steps of 1/255."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 6 + 2, width // 6 + 2, generator=generator)
    smooth = imresize(coarse, (height, width))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    edges = ((x + 2 * y) // 7 % 2).float() * 0.3
    noise = 0.05 * torch.rand(1, 3, height, width, generator=generator)
    return (((smooth * 0.6 + edges + noise).clamp(0, 1) * 255 + 0.5).floor() / 255).float()


def require(condition: bool, reason: str, fix: str = "") -> None:
    """Fail the check unless a condition holds.

    Raises:
        FaultError: the condition does not hold.
    """
    if not condition:
        raise FaultError(reason, fix)


def require_same(first: torch.Tensor, other: torch.Tensor, tolerance: float, reason: str, fix: str = "") -> None:
    """Fail the check if two tensors in [0, 1] differ by more than a tolerance.

    Raises:
        FaultError: they differ; says by how much and at which index.
    """
    gap = (first.float().cpu() - other.float().cpu()).abs()
    largest = float(gap.max())
    if not largest <= tolerance:
        index = tuple(int(i) for i in np.unravel_index(int(gap.argmax()), tuple(gap.shape)))
        raise FaultError(f"{reason}: by up to {largest:.3g} at {index}, more than {tolerance:g}", fix)
