"""Pictures in memory: cropped, and to and from Pillow."""

from __future__ import annotations

import numpy as np
import pytest

from srbench.errors import ImageError
from srbench.images.picture import Picture, mod_crop

GENERATOR = np.random.default_rng(5)
RGB = GENERATOR.integers(0, 256, (7, 9, 3), dtype=np.uint8)
ALPHA = GENERATOR.integers(0, 255, (7, 9, 1), dtype=np.uint8)


def test_mod_crop_keeps_the_top_left_corner():
    cropped = mod_crop(Picture(RGB, False, ALPHA[..., 0]), 4, "a")
    np.testing.assert_array_equal(cropped.pixels, RGB[:4, :8])
    np.testing.assert_array_equal(cropped.alpha, ALPHA[:4, :8, 0])
    with pytest.raises(ImageError, match="a: 9x7 is smaller than the scale 8"):
        mod_crop(Picture(RGB, False), 8, "a")
