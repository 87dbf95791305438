"""Self-ensembles: ``NAME+`` is the mean of a method over the eight flips and rotations of its input."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from srbench.specs import ModelSpec


def _build(build: Callable[[int], Any], scale: int) -> Any:
    from torch import nn

    from srbench.blocks import SelfEnsemble

    net = build(scale)
    return SelfEnsemble(net) if isinstance(net, nn.Module) else net  # what is no network is refused where it is used


def with_ensemble(spec: ModelSpec) -> ModelSpec:
    """Return the method ``NAME+`` of a method; it has the same weights."""
    return replace(
        spec,
        name=f"{spec.name}+",
        summary=f"self-ensemble of {spec.name}: mean over the eight flips and rotations",
        build=partial(_build, spec.build),
        weights=spec.shipped,
        aliases=(),
        published=(),
        about=spec.read_about(),
        ensemble=True,
    )
