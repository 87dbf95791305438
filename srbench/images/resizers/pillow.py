"""Pillow's six filters, on 8 bits (which round between the passes) and on floating point."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from srbench.images.resizers.resizer import PILLOW, Resizer, rounded

if TYPE_CHECKING:
    from srbench.images.resizers.resizer import Pixels

FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


def _shrink(pixels: Pixels, size: tuple[int, int], _scale: int, *, name: str) -> Pixels:
    import numpy as np
    from PIL import Image

    image = Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling[name.upper()])
    return np.array(image)


def _shrink_float(pixels: Pixels, size: tuple[int, int], _scale: int, *, name: str) -> Pixels:
    import numpy as np
    from PIL import Image

    planes = [Image.fromarray(pixels[..., channel].astype(np.float32)) for channel in range(3)]
    shrunk = [np.asarray(plane.resize((size[1], size[0]), Image.Resampling[name.upper()])) for plane in planes]
    return rounded(np.stack(shrunk, axis=2))


RESIZERS = (
    *(
        Resizer(
            f"pillow-{name}", f"Pillow's resize of 8-bit images, {name.upper()}", partial(_shrink, name=name), PILLOW
        )
        for name in FILTERS
    ),
    *(
        Resizer(
            f"pillow-{name}-float",
            f"Pillow's resize of floating-point images (mode F), {name.upper()}, rounded once",
            partial(_shrink_float, name=name),
            PILLOW,
        )
        for name in FILTERS
        if name != "nearest"  # the same values
    ),
)
