"""Enlargers: networks with the properties needed for tiling."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from srbench.inference.output_range import OutputRange
from srbench.inference.precision import Inference
from srbench.inference.upscale import SEED, upscale

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from srbench.specs import ModelSpec


@dataclass(frozen=True)
class Enlarger:
    """A network that enlarges ``(N, 3, h, w)``, with the properties needed for tiling."""

    name: str
    """Name of the method, for messages."""
    run: Callable[[torch.Tensor, int], torch.Tensor]
    """Returns SR of LR and a seed, as `srbench.inference.upscale.upscale` does."""
    probe: Callable[[torch.Tensor], object] | None
    """The same without compilation, to measure memory; None for networks outside torch."""
    scale: int
    multiple: int
    """Tiles start at multiples of this, so that they are aligned with the strides of the network."""
    halo: int | None
    """Radius of the receptive field in LR pixels; None if the network cannot run on tiles."""
    why: str = ""
    """Why the network cannot run on tiles, if there is no halo."""
    ranges: tuple[OutputRange, ...] = field(default_factory=lambda: (OutputRange(),))
    """The ranges of what it was given and returned, one for each network that it runs."""

    @classmethod
    def of(cls, spec: ModelSpec, net: Any, scale: int, *, sample: bool = False) -> Enlarger:
        """Return an enlarger of a method's network, or of its ``sample``."""
        why = "samples are drawn at random, and tiles would be drawn apart" if sample else spec.indivisible
        answer = net.sample if sample else net
        plain = net.eager() if isinstance(net, Inference) else answer
        outside = getattr(net, "outside_torch", False)
        output_range = OutputRange()
        sizes = {"multiple": spec.multiple, "smallest": spec.smallest}

        def run(lr: torch.Tensor, seed: int) -> torch.Tensor:
            sr = upscale(answer, lr, scale, seed=seed, **sizes)
            output_range.see(lr, sr)
            return sr

        return cls(
            name=spec.name,
            run=run,
            probe=None
            if outside
            else partial(upscale, plain, scale=scale, multiple=spec.multiple, smallest=spec.smallest),
            scale=scale,
            multiple=spec.multiple,
            halo=None if why else spec.halo,
            why=why,
            ranges=(output_range,),
        )

    def take_remark(self) -> str:
        """Return what is wrong with the range of the outputs since the last call; empty if nothing is."""
        return next(filter(None, [output_range.take() for output_range in self.ranges]), "")

    def then(self, second: Enlarger) -> Enlarger:
        """Return an enlarger that applies a second one to the output of this one, clamped to [0, 1]."""
        first, multiple = self, second.multiple // math.gcd(second.multiple, self.scale)

        def run(lr: torch.Tensor, seed: int) -> torch.Tensor:
            return second.run(first.run(lr, seed).clamp(0, 1), seed)

        halos = self.halo, second.halo
        known = None not in halos
        return Enlarger(
            name=self.name,
            run=run,
            probe=None if self.probe is None or second.probe is None else lambda lr: run(lr, SEED),
            scale=self.scale * second.scale,
            multiple=math.lcm(self.multiple, multiple),
            halo=(halos[0] or 0) + math.ceil((halos[1] or 0) / self.scale) if known else None,
            why=self.why or second.why,
            ranges=(*self.ranges, *second.ranges),
        )
