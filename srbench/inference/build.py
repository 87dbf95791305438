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


def build_net(spec: ModelSpec, scale: int, device: torch.device, weights: Path | None = None) -> torch.nn.Module:
    """Build a method's network for inference, with its weights loaded.

    Raises:
        MethodError: the method needs weights and has none, they do not fit, or ``build`` fails.
    """
    if weights is None and spec.recipe is not None:
        raise MethodError(
            f"no weights for x{scale}: 'srbench train {spec.name} --scale {scale} --data ...' makes them, "
            f"'srbench run --train' does so first, --weights {spec.name}=PATH names others",
            Code.MISSING_WEIGHTS,
        )
    torch.manual_seed(SEED)
    try:
        net = spec.build(scale)
    except MethodError:
        raise
    except Exception as error:  # a plugin may raise anything
        raise MethodError(f"the network cannot be built at x{scale}: {say(error)}") from error
    if not isinstance(net, torch.nn.Module):
        raise MethodError(f"build({scale}) returned {type(net).__name__}, not a torch.nn.Module")
    if weights is not None and spec.file is None:
        load_weights(net, weights)
    return net.eval().requires_grad_(requires_grad=False).to(device)
