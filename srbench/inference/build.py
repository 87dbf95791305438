"""Build a method's network for inference, with its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from srbench.errors import Code, MethodError, say
from srbench.inference.upscale import SEED
from srbench.store.weights import load_weights

if TYPE_CHECKING:
    from pathlib import Path

    from srbench.specs import ModelSpec


BUILT_TWICE = 2**29
"""Most bytes of parameters of a network that is built a second time, to see what of it is random."""


def build_net(spec: ModelSpec, scale: int, device: torch.device, weights: Path | None = None) -> torch.nn.Module:
    """Build a method's network for inference, with its weights loaded.

    Raises:
        MethodError: the method needs weights and has none, they do not fit, or ``build`` fails.
    """
    if weights is None and spec.recipe is not None:
        raise MethodError(
            f"no weights for x{scale}: 'srbench train {spec.base} --scale {scale} --data ...' makes them, "
            f"'srbench run --train' does so first, --weights {spec.name}=PATH names others",
            Code.MISSING_WEIGHTS,
        )
    torch.manual_seed(SEED)
    try:
        net = spec.build(scale)
    except MethodError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise MethodError(f"the network cannot be built at x{scale}: {say(error)}") from error
    if not isinstance(net, torch.nn.Module):
        raise MethodError(f"build({scale}) returned {type(net).__name__}, not a torch.nn.Module")
    if weights is not None and spec.file is None:
        load_weights(net, weights)
    return net.eval().requires_grad_(requires_grad=False).to(device)


def random_weights(spec: ModelSpec, net: torch.nn.Module, scale: int) -> str:
    """Return a remark if parameters of a network are those that ``build`` drew at random; empty if none is.

    Another seed gives such parameters other values. Networks with weights are not built again, nor are those with a
    recipe, which do not run without weights.
    """
    parameters = dict(net.named_parameters())
    size = sum(parameter.numel() * parameter.element_size() for parameter in parameters.values())
    if spec.recipe is not None or spec.shipped or spec.file is not None or not 0 < size <= BUILT_TWICE:
        return ""
    torch.manual_seed(SEED + 1)
    try:
        other = dict(spec.build(scale).named_parameters())
    except (Exception, SystemExit):  # noqa: BLE001  (it was built once: what fails the second time says nothing of its weights)
        return ""
    drawn = [name for name, value in parameters.items() if name in other and not _equal(value, other[name])]
    if not drawn:
        return ""
    which = drawn[0] if len(drawn) == 1 else f"{drawn[0]} and {len(drawn) - 1} more"
    return f"no weights: as built, with random parameters ({which}); give its spec weights=, or recipe= to train it"


def _equal(first: torch.Tensor, other: torch.Tensor) -> bool:
    return first.shape == other.shape and torch.equal(first.detach().cpu(), other.detach().cpu())
