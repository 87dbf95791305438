"""One method on one image: LR in, SR out, checked against the contract and rounded to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from srbench.datasets import load_pair, planes
from srbench.degradations import BICUBIC
from srbench.errors import MethodError, say
from srbench.images import Picture
from srbench.weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from srbench.degradations import Degradation
    from srbench.specs import ImagePair, ModelSpec

SEED = 0
"""Seeds torch before every forward pass, so that a stochastic method gives the same output in any order of jobs."""


@dataclass(frozen=True)
class Sample:
    """An image on the device: HR ``(3, H, W)`` and LR ``(3, h, w)``, uint8; ``grey`` says how HR is stored."""

    name: str
    hr: torch.Tensor
    lr: torch.Tensor
    grey: bool
    scale: int


def load_sample(pair: ImagePair, scale: int, device: torch.device, degradation: Degradation = BICUBIC) -> Sample:
    """Decode an image pair, make LR where the set has none, and put both on the device.

    A degradation other than bicubic is what was asked for: it also takes the place of LR that the set has.

    Raises:
        AssetError: a file could not be had.
        ImageError: a file cannot be used.
    """
    hr_picture, lr_picture = load_pair(pair, scale)
    hr = torch.from_numpy(planes(hr_picture))
    if lr_picture is None or degradation is not BICUBIC:
        lr = degradation(hr, scale)
    else:
        lr = torch.from_numpy(planes(lr_picture))
    return Sample(pair.name, hr.to(device), lr.to(device), hr_picture.grey, scale)


def build_net(spec: ModelSpec, scale: int, device: torch.device, weights: Path | None = None) -> torch.nn.Module:
    """Build a method's network for inference, with its weights loaded.

    Raises:
        MethodError: it has to learn and there are no weights, or they do not fit.
    """
    if weights is None and spec.recipe is not None:
        raise MethodError(
            f"no weights for x{scale}: 'srbench train {spec.name} --scale {scale} --data ...' makes them, "
            f"'srbench run --train' does so first, --weights {spec.name}=PATH names others"
        )
    torch.manual_seed(SEED)
    try:
        net = spec.build(scale)
    except Exception as error:  # a plugin may raise anything
        raise MethodError(f"build({scale}) failed: {say(error)}") from error
    if not isinstance(net, torch.nn.Module):
        raise MethodError(f"build({scale}) returned {type(net).__name__}, not a torch.nn.Module")
    if weights is not None and spec.file is None:
        load_weights(net, weights)
    return net.eval().requires_grad_(requires_grad=False).to(device)


@torch.inference_mode()
def upscale(
    net: Callable[[torch.Tensor], torch.Tensor], lr: torch.Tensor, scale: int, multiple: int = 1, seed: int = SEED
) -> torch.Tensor:
    """Run a network on LR of any size, padding (edges replicated) to the multiple it needs.

    Args:
        net: the method's network, or its ``sample``.
        lr: ``(N, 3, h, w)``, float32 in [0, 1].
        scale: the factor its output must be larger by.
        multiple: what h and w are padded to a multiple of.
        seed: of what is random in it.

    Returns:
        ``(N, 3, h*scale, w*scale)``, float32, not clamped.

    Raises:
        MethodError: the output has the wrong type or shape, or is not finite.
    """
    height, width = lr.shape[-2:]
    down, right = -height % multiple, -width % multiple
    padded = functional.pad(lr, (0, right, 0, down), mode="replicate") if down or right else lr
    torch.manual_seed(seed)
    sr = net(padded)
    if not isinstance(sr, torch.Tensor):
        raise MethodError(f"output is {type(sr).__name__}, not a tensor")
    expected = (*padded.shape[:-2], padded.shape[-2] * scale, padded.shape[-1] * scale)
    if sr.shape != expected:
        raise MethodError(f"output has shape {tuple(sr.shape)}, expected {expected} for x{scale}")
    if not sr.is_floating_point():
        raise MethodError(f"output is {sr.dtype}, expected floating point in [0, 1]")
    sr = sr[..., : height * scale, : width * scale].float()
    if not bool(torch.isfinite(sr).all()):
        raise MethodError("output has NaN or infinite values")
    return sr


def to_float(image: torch.Tensor) -> torch.Tensor:
    """Turn ``(3, H, W)`` or ``(N, 3, H, W)`` uint8 into ``(N, 3, H, W)`` float32 in [0, 1]."""
    return (image if image.ndim == 4 else image[None]).float() / 255


def to_8bit(image: torch.Tensor) -> torch.Tensor:
    """Clamp to [0, 1] and round to uint8 (half up), as saving does."""
    return (image.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8)


def to_picture(sr: torch.Tensor, *, grey: bool) -> Picture:
    """Turn ``(3, H, W)`` uint8 into a picture that can be written; grey where the source was."""
    pixels = sr.permute(1, 2, 0).cpu().numpy()
    if grey:
        from srbench.protocols import grey_values

        values = np.floor(grey_values(pixels.transpose(2, 0, 1).astype(np.float64)) + 0.5).astype(np.uint8)
        pixels = np.repeat(values.transpose(1, 2, 0), 3, axis=2)
    return Picture(np.ascontiguousarray(pixels), grey=grey)
