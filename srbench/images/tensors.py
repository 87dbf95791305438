"""Convert between pictures and tensors: uint8 planes, float32 in [0, 1]."""

from __future__ import annotations

import math

import numpy as np
import torch

from srbench.errors import UsageError
from srbench.images.picture import Picture


def planes(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the pixels as ``(3, H, W)``, contiguous, ready for torch."""
    return np.ascontiguousarray(picture.pixels.transpose(2, 0, 1))


OVERSHOOT = 0.5
"""How far floating-point images may leave [0, 1]; networks and filters overshoot."""


def check_range(lowest: float, highest: float, name: str = "image") -> None:
    """Reject floating-point images outside [0, 1] by more than `OVERSHOOT`.

    Raises:
        UsageError: the image has another range, or holds NaN.
    """
    if not (lowest >= -OVERSHOOT and highest <= 1 + OVERSHOOT):
        if math.isnan(lowest):
            raise UsageError(f"a floating-point {name} must be in [0, 1], but this one holds NaN")
        is_signed = highest <= 1 + OVERSHOOT
        hint = "add 1 to what is in [-1, 1] and halve it" if is_signed else "divide by 255 what is in [0, 255]"
        raise UsageError(
            f"a floating-point {name} must be in [0, 1], but this one reaches from {lowest:.4g} to {highest:.4g}; "
            f"{hint}"
        )


def to_float(image: torch.Tensor) -> torch.Tensor:
    """Turn ``(3, H, W)`` or ``(N, 3, H, W)`` uint8 into ``(N, 3, H, W)`` float32 in [0, 1]."""
    return (image if image.ndim == 4 else image[None]).float() / 255


def to_8bit(image: torch.Tensor) -> torch.Tensor:
    """Clamp to [0, 1] and round to uint8 (half up), as saving does."""
    return (image.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8)


def to_picture(image: torch.Tensor, *, grey: bool) -> Picture:
    """Return ``(3, H, W)`` uint8 as a picture to write, which reads back as the same values.

    Args:
        image: SR, HR or LR.
        grey: whether HR is stored without colour. A network may colour such an image all the same: then the picture is
            in colour too, since grey would be another image than the one that was scored.
    """
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
    return Picture(pixels, grey=grey and bool((pixels == pixels[..., :1]).all()))
