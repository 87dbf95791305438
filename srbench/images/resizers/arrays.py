"""scikit-image's ``resize`` and ``rescale``, and SciPy's ``zoom``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from srbench.images.resizers.resizer import SCIKIT_IMAGE, SCIPY, Resizer, rounded

if TYPE_CHECKING:
    from srbench.images.resizers.resizer import Pixels


def _resize(pixels: Pixels, size: tuple[int, int], _scale: int, *, order: int, antialias: bool) -> Pixels:
    from skimage.transform import resize

    shrunk = resize(pixels, size, order=order, anti_aliasing=antialias)  # type: ignore[no-untyped-call]
    return rounded(shrunk * 255)


def _rescale(pixels: Pixels, size: tuple[int, int], scale: int) -> Pixels:
    from skimage.transform import rescale

    shrunk = rescale(pixels, 1 / scale, channel_axis=2)
    if shrunk.shape[:2] != size:
        raise ValueError(f"rescale gives {shrunk.shape[:2]}, not {size}")
    return rounded(shrunk * 255)


def _zoom(pixels: Pixels, size: tuple[int, int], _scale: int, *, order: int, grid: bool) -> Pixels:
    import numpy as np
    from scipy.ndimage import zoom

    factors = tuple(small / large for small, large in zip(size, pixels.shape[:2], strict=True))
    mode = "nearest" if grid else "constant"
    planes = [
        zoom(pixels[..., channel].astype(np.float64), factors, order=order, grid_mode=grid, mode=mode)
        for channel in range(3)
    ]
    return rounded(np.stack(planes, axis=2))


RESIZERS = (
    *(
        Resizer(
            f"skimage-resize{'' if order == 1 else '-cubic'}{'' if antialias else '-noaa'}",
            f"scikit-image's resize, order {order}, {'after' if antialias else 'without'} its Gaussian blur",
            partial(_resize, order=order, antialias=antialias),
            SCIKIT_IMAGE,
        )
        for order in (1, 3)
        for antialias in (True, False)
    ),
    Resizer("skimage-rescale", "scikit-image's rescale with its defaults", _rescale, SCIKIT_IMAGE),
    *(
        Resizer(
            f"scipy-zoom{'' if order == 3 else '-linear'}{'-grid' if grid else ''}",
            f"SciPy's zoom, order {order}, {'grid_mode' if grid else 'centres of the corners aligned'}",
            partial(_zoom, order=order, grid=grid),
            SCIPY,
        )
        for order in (3, 1)
        for grid in (False, True)
    ),
)
