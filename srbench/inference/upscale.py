"""Run a network on LR of any size, and check its output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from srbench.errors import MethodError

if TYPE_CHECKING:
    from collections.abc import Callable


SEED = 0
"""Torch's seed before every forward pass: stochastic methods give the same output in any order of jobs."""


@torch.inference_mode()
def upscale(
    net: Callable[[torch.Tensor], torch.Tensor],
    lr: torch.Tensor,
    scale: int,
    multiple: int = 1,
    seed: int = SEED,
    smallest: int = 1,
) -> torch.Tensor:
    """Run a network on LR of any size, padding (edges replicated) to a size it takes.

    It gets a copy: it may change its input.

    Args:
        net: the method's network, or its ``sample``.
        lr: ``(N, 3, h, w)``, float32 in [0, 1].
        scale: the scale factor.
        multiple: h and w are padded to multiples of this.
        seed: random seed of stochastic networks.
        smallest: h and w are padded to at least this.

    Returns:
        ``(N, 3, h*scale, w*scale)``, float32, not clamped.

    Raises:
        MethodError: the output has a wrong type or shape, or is not finite.
    """
    height, width = lr.shape[-2:]
    down, right = (accepted(side, multiple, smallest) - side for side in (height, width))
    padded = functional.pad(lr, (0, right, 0, down), mode="replicate") if down or right else lr.clone()
    _seed(seed, lr.device)
    sr = net(padded)
    if not isinstance(sr, torch.Tensor):
        raise MethodError(f"output is {type(sr).__name__}, not a tensor")
    sr = torch.Tensor.as_subclass(sr, torch.Tensor)  # its own values, whatever a class of the plugin's would answer
    expected = (*padded.shape[:-2], padded.shape[-2] * scale, padded.shape[-1] * scale)
    if sr.shape != expected:
        raise MethodError(f"output has shape {tuple(sr.shape)}, expected {expected} for x{scale}")
    if not sr.is_floating_point():
        raise MethodError(f"output is {sr.dtype}, expected floating point in [0, 1]")
    sr = sr[..., : height * scale, : width * scale].float()
    if not bool(torch.isfinite(sr).all()):
        raise MethodError("output has NaN or infinite values")
    return sr


def accepted(side: int, multiple: int, smallest: int = 1) -> int:
    """Return the next side that a network takes: at least the smallest, and a multiple."""
    side = max(side, smallest)
    return side + -side % multiple


def _seed(seed: int, device: torch.device) -> None:
    """Seed what a pass on the device draws from.

    `torch.manual_seed` seeds GPUs too. Where none was used yet, it formats a stack trace at each call, a tenth of the
    time of a small image.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
