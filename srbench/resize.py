"""Image resizing as in MATLAB's ``imresize``, and benchmark LR images made with it, in torch on any device.

Benchmark LR files come from MATLAB: bicubic with a = -0.5, with the kernel widened when shrinking (antialiasing).
Bicubic in other libraries differs (OpenCV: a = -0.75, no antialiasing), which costs up to 1.2 dB.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

Kernel = Literal["bilinear", "bicubic", "lanczos3"]
Border = Literal["mirror", "replicate"]


def _triangle(x: torch.Tensor) -> torch.Tensor:
    return (1 - x.abs()).clamp(min=0)


def _cubic(x: torch.Tensor) -> torch.Tensor:
    """Keys' cubic convolution kernel with a = -0.5 (IEEE TASSP 29(6), 1981)."""
    x = x.abs()
    inner = (1.5 * x - 2.5) * x**2 + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, inner, torch.where(x <= 2, outer, torch.zeros_like(x)))


def _lanczos3(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


KERNELS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], int]] = {
    "bilinear": (_triangle, 2),
    "bicubic": (_cubic, 4),
    "lanczos3": (_lanczos3, 6),
}


@lru_cache(maxsize=256)
def _contributions(length: int, out: int, kernel: str, antialias: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the input positions (beyond the borders too) and weights of each output position.

    Both are ``(out, taps)``: int64 and float64.
    """
    function, width = KERNELS[kernel]
    scale = out / length
    stretch = scale if antialias and scale < 1 else 1.0
    support = width / stretch
    centre = (torch.arange(out, dtype=torch.float64) + 0.5) / scale - 0.5
    first = torch.floor(centre - support / 2)
    index = first[:, None] + torch.arange(math.ceil(support) + 2, dtype=torch.float64)
    weights = stretch * function(stretch * (centre[:, None] - index))
    weights = weights / weights.sum(dim=1, keepdim=True)
    used = weights.abs().amax(dim=0) > 0
    return index[:, used].long(), weights[:, used]


def _inside(index: torch.Tensor, length: int, border: str) -> torch.Tensor:
    """Map positions beyond the borders to positions inside the image."""
    if border == "replicate":
        return index.clamp(0, length - 1)
    # mirrored with the edge pixel repeated, as in MATLAB; the divisor is a tensor because ONNX export needs one
    index = index.remainder(torch.full_like(index, 2 * length))
    return torch.where(index < length, index, 2 * length - 1 - index)


def _resize_dim(x: torch.Tensor, dim: int, out: int, kernel: str, antialias: bool, border: str) -> torch.Tensor:
    length = x.shape[dim]
    if length == out:
        return x
    if out % length == 0:
        return _enlarge_dim(x, dim, int(out // length), kernel, border)  # int: sizes are symbolic in an export
    index, weights = _contributions(length, out, kernel, antialias)
    index, weights = _inside(index, length, border).to(x.device), weights.to(x)
    shape = [1] * x.ndim
    shape[dim] = out
    result = x.index_select(dim, index[:, 0]) * weights[:, 0].view(shape)
    for tap in range(1, index.shape[1]):  # few large products are faster than gathering all taps at once
        result.addcmul_(x.index_select(dim, index[:, tap]), weights[:, tap].view(shape))
    return result


def _enlarge_dim(x: torch.Tensor, dim: int, factor: int, kernel: str, border: str) -> torch.Tensor:
    """Enlarge by an integer factor: weights repeat with that period, so each phase is a sum of shifted copies."""
    length = x.shape[dim]
    before, after, taps = _phases(factor, kernel)
    padded = x.index_select(dim, _inside(torch.arange(-before, length + after, device=x.device), length, border))
    phases = []
    for (first, first_weight), *remaining in taps:
        phase = padded.narrow(dim, first, length) * first_weight
        for start, weight in remaining:
            phase.add_(padded.narrow(dim, start, length), alpha=weight)
        phases.append(phase)
    return torch.stack(phases, dim=dim + 1).flatten(dim, dim + 1)


def _phases(factor: int, kernel: str) -> tuple[int, int, tuple[tuple[tuple[int, float], ...], ...]]:
    return _cached_phases(factor, kernel)


# torch.compile treats the result as a constant (torch.compiler.assume_constant_result, without its slow import)
_phases._dynamo_marked_constant = True  # type: ignore[attr-defined]  # noqa: SLF001


@lru_cache(maxsize=64)
def _cached_phases(factor: int, kernel: str) -> tuple[int, int, tuple[tuple[tuple[int, float], ...], ...]]:
    """Return the padding before and after the input, and the (start, weight) pairs of each phase."""
    index, weights = _contributions(1, factor, kernel, antialias=False)
    before, after = int(-index.min()), int(index.max())
    rows = zip((index + before).tolist(), weights.tolist(), strict=True)
    taps = tuple(tuple((start, weight) for start, weight in zip(*row, strict=True) if weight) for row in rows)
    return before, after, taps


def imresize(
    x: torch.Tensor,
    size: tuple[int, int],
    kernel: Kernel = "bicubic",
    *,
    antialias: bool = True,
    border: Border = "mirror",
) -> torch.Tensor:
    """Resize floating-point images as MATLAB's ``imresize(x, size, kernel, 'Antialiasing', antialias)``.

    Args:
        x: ``(..., H, W)``, floating point, any range.
        size: output height and width, at least 1.
        kernel: ``bilinear``, ``bicubic`` (a = -0.5) or ``lanczos3``.
        antialias: widen the kernel when shrinking.
        border: ``mirror`` (MATLAB's) or ``replicate``.

    Returns:
        ``(..., *size)``, same dtype and device; values may overshoot the input's range.

    Raises:
        ValueError: x is not floating point or a size is below 1.
    """
    if not x.is_floating_point():
        raise ValueError("imresize takes floating-point images")
    if min(*size, *x.shape[-2:]) < 1:
        raise ValueError(f"cannot resize {tuple(x.shape[-2:])} to {size}")
    x = _resize_dim(x, x.ndim - 2, size[0], kernel, antialias, border)
    return _resize_dim(x, x.ndim - 1, size[1], kernel, antialias, border)


def degrade(hr: torch.Tensor, scale: int) -> torch.Tensor:
    """Return the bicubic LR of HR images, equal to the published LR files of benchmarks in every pixel.

    As MATLAB does with uint8 images: bicubic with antialiasing and replicated borders, along the height first, rounded
    (half up) and clamped to 8 bits, then along the width, rounded again.

    Args:
        hr: ``(..., H, W)``, uint8, H and W multiples of the scale.
        scale: integer downscaling factor.

    Returns:
        ``(..., H/scale, W/scale)``, uint8.

    Raises:
        ValueError: hr is not uint8, or H or W is not a multiple of the scale.
    """
    height, width = hr.shape[-2:]
    if hr.dtype != torch.uint8:
        raise ValueError("degrade takes uint8 images")
    if height % scale or width % scale or not height or not width:
        raise ValueError(f"{width}x{height} is not a multiple of {scale}")
    if scale & (scale - 1) == 0 and scale <= 8:  # weights are dyadic fractions: float32 is exact
        lr = _shrink_rows(_shrink_rows(hr, scale).mT, scale).mT
        return lr.to(torch.uint8, memory_format=torch.contiguous_format)
    x = hr.double()
    for dim, length in ((hr.ndim - 2, height), (hr.ndim - 1, width)):
        x = _to_8bit(_resize_dim(x, dim, length // scale, "bicubic", antialias=True, border="replicate"))
    return x.to(torch.uint8)


def _shrink_rows(x: torch.Tensor, scale: int) -> torch.Tensor:
    """Shrink the height by an integer factor and round; all outputs share their weights: a sum of strided slices."""
    index, weights = _contributions(scale, 1, "bicubic", antialias=True)
    before, after = int(-index.min()), int(index.max()) + 1 - scale
    first, last = (
        edge.expand(*x.shape[:-2], count, -1) for edge, count in ((x[..., :1, :], before), (x[..., -1:, :], after))
    )
    end = x.shape[-2] - scale + 1
    x = torch.cat((first, x, last), dim=-2).float()
    slices = [x[..., tap : tap + end : scale, :] for tap in range(weights.numel())]
    total = slices[0] * weights[0, 0].item()
    for part, weight in zip(slices[1:], weights[0, 1:].tolist(), strict=True):
        total.add_(part, alpha=weight)
    return _to_8bit(total)


def _to_8bit(x: torch.Tensor) -> torch.Tensor:
    """Round half up and clamp, in place."""
    return x.add_(0.5).floor_().clamp_(0, 255)
