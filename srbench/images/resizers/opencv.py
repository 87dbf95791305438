"""OpenCV's ``resize``, on 8 bits and on floating point."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from srbench.images.resizers.resizer import OPENCV, Resizer, rounded

if TYPE_CHECKING:
    from srbench.images.resizers.resizer import Pixels

FLAGS = ("nearest", "nearest_exact", "linear", "linear_exact", "cubic", "area", "lanczos4")
FLOAT_FLAGS = ("linear", "cubic", "area", "lanczos4")


def _shrink(pixels: Pixels, size: tuple[int, int], _scale: int, *, flag: str, floating: bool) -> Pixels:
    import cv2
    import numpy as np

    image = pixels.astype(np.float32) if floating else pixels
    shrunk: Any = np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=getattr(cv2, f"INTER_{flag.upper()}")))
    return rounded(shrunk) if floating else np.asarray(shrunk, np.uint8)


def _resizer(flag: str, *, floating: bool) -> Resizer:
    name = f"opencv-{flag.replace('_', '-')}{'-float' if floating else ''}"
    kind = "floating-point images, rounded once" if floating else "8-bit images"
    shrink = partial(_shrink, flag=flag, floating=floating)
    return Resizer(name, f"OpenCV's resize of {kind}, INTER_{flag.upper()}", shrink, OPENCV)


RESIZERS = (
    *(_resizer(flag, floating=False) for flag in FLAGS),
    *(_resizer(flag, floating=True) for flag in FLOAT_FLAGS),
)
