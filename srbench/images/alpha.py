"""Colours beside transparency: what nobody sees must not bleed into what is seen when an image is enlarged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from srbench.images.picture import Picture

FAINT = 8 / 255
"""Below this opacity a colour is replaced, the more the fainter it is: files round it, or hold black there."""
REACH = 64
"""Pixels around what is visible that are filled; farther colours reach nothing that is seen."""
STRIPE = 256
"""Rows filled at a time, so that memory stays small."""


def extend_colours(picture: Picture) -> Picture:
    """Return a picture whose transparent pixels have the colour of the nearest visible pixel, alpha as it was.

    Files mostly hold black where alpha is 0; enlarging mixes it into visible edges as dark fringes.
    """
    alpha = picture.alpha
    if alpha is None:
        return picture
    faint = FAINT * np.iinfo(alpha.dtype).max
    if alpha.min() >= faint or alpha.max() < faint:
        return picture
    pixels = picture.pixels.copy()
    for top in range(0, len(pixels), STRIPE):
        first = max(0, top - REACH)
        rows = slice(first, top + STRIPE + REACH)
        filled = _filled(picture.pixels[rows], alpha[rows], faint)
        pixels[top : top + STRIPE] = filled[top - first : top - first + STRIPE]
    return replace(picture, pixels=pixels)


def _filled(pixels: NDArray[Any], alpha: NDArray[Any], faint: float) -> NDArray[Any]:
    """Blend faint pixels with the nearest visible one, by their opacity."""
    from scipy.ndimage import distance_transform_edt

    hidden = alpha < faint
    if hidden.all() or not hidden.any():
        return pixels
    rows, columns = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    filled = pixels.copy()
    own = (alpha[hidden] / faint)[:, None]
    nearest = pixels[rows[hidden], columns[hidden]]
    filled[hidden] = np.rint(own * pixels[hidden] + (1 - own) * nearest).astype(pixels.dtype)
    return filled
