"""Convert between pictures and tensors: uint8 planes, float32 in [0, 1]."""

from __future__ import annotations

import numpy as np
import torch

from srbench.images.picture import Picture


def planes(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the pixels as ``(3, H, W)``, contiguous, ready for torch."""
    return np.ascontiguousarray(picture.pixels.transpose(2, 0, 1))


def to_float(image: torch.Tensor) -> torch.Tensor:
    """Turn ``(3, H, W)`` or ``(N, 3, H, W)`` uint8 into ``(N, 3, H, W)`` float32 in [0, 1]."""
    return (image if image.ndim == 4 else image[None]).float() / 255


def to_8bit(image: torch.Tensor) -> torch.Tensor:
    """Clamp to [0, 1] and round to uint8 (half up), as saving does."""
    return (image.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8)


def to_picture(sr: torch.Tensor, *, grey: bool) -> Picture:
    """Return ``(3, H, W)`` uint8 as a picture to write; greyscale if ``grey``."""
    pixels = sr.permute(1, 2, 0).cpu().numpy()
    if grey:
        from srbench.protocols import grey_values

        values = np.floor(grey_values(pixels.transpose(2, 0, 1).astype(np.float64)) + 0.5).astype(np.uint8)
        pixels = np.repeat(values.transpose(1, 2, 0), 3, axis=2)
    return Picture(np.ascontiguousarray(pixels), grey=grey)
