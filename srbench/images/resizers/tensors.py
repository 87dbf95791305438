"""torch's ``interpolate`` on floats in [0, 1], and torchvision's ``resize`` of 8-bit tensors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from srbench.images.resizers.resizer import TORCH, TORCHVISION, Resizer

if TYPE_CHECKING:
    from srbench.images.resizers.resizer import Pixels


def _interpolate(
    pixels: Pixels, size: tuple[int, int], scale: int, *, mode: str, by_factor: bool = False, **options: Any
) -> Pixels:
    import numpy as np
    import torch
    from torch.nn import functional

    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    target: dict[str, Any] = {"scale_factor": 1 / scale} if by_factor else {"size": size}
    y = functional.interpolate(x, mode=mode, **target, **options)
    if tuple(y.shape[-2:]) != size:
        raise ValueError(f"scale_factor gives {tuple(y.shape[-2:])}, not {size}")
    y = (y.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8)
    return np.ascontiguousarray(y[0].permute(1, 2, 0).numpy())


def _torchvision(pixels: Pixels, size: tuple[int, int], _scale: int, *, mode: str, antialias: bool) -> Pixels:
    import numpy as np
    import torch
    from torchvision.transforms.functional import InterpolationMode, resize

    x = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    y = resize(x, list(size), InterpolationMode[mode.upper()], antialias=antialias)
    return np.ascontiguousarray(y.permute(1, 2, 0).numpy())


def _torch(suffix: str, text: str, **options: Any) -> Resizer:
    return Resizer(f"torch-{suffix}", f"torch's interpolate, {text}", partial(_interpolate, **options), TORCH)


RESIZERS = (
    *(
        resizer
        for mode in ("bilinear", "bicubic")
        for resizer in (
            _torch(mode, f"{mode} to a size", mode=mode),
            _torch(f"{mode}-factor", f"{mode} by scale_factor", mode=mode, by_factor=True),
            _torch(f"{mode}-corners", f"{mode}, align_corners", mode=mode, align_corners=True),
            _torch(f"{mode}-aa", f"{mode} to a size, antialiased", mode=mode, antialias=True),
            _torch(
                f"{mode}-aa-factor", f"{mode} by scale_factor, antialiased", mode=mode, antialias=True, by_factor=True
            ),
        )
    ),
    _torch("area", "area", mode="area"),
    _torch("nearest-exact", "nearest-exact", mode="nearest-exact"),
    *(
        Resizer(
            f"torchvision-{mode}{'' if antialias else '-noaa'}",
            f"torchvision's resize of 8-bit tensors, {mode}{', antialiased' if antialias else ''}",
            partial(_torchvision, mode=mode, antialias=antialias),
            TORCHVISION,
        )
        for mode in ("bilinear", "bicubic")
        for antialias in (True, False)
    ),
)
