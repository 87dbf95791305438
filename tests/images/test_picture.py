"""Pictures in memory: cropped, and to and from Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

from srbench.errors import ImageError
from srbench.images.picture import Picture, from_pillow, mod_crop, to_pillow

GENERATOR = np.random.default_rng(5)
RGB = GENERATOR.integers(0, 256, (7, 9, 3), dtype=np.uint8)
ALPHA = GENERATOR.integers(0, 255, (7, 9, 1), dtype=np.uint8)


def test_mod_crop_keeps_the_top_left_corner():
    cropped = mod_crop(Picture(RGB, False, ALPHA[..., 0]), 4, "a")
    np.testing.assert_array_equal(cropped.pixels, RGB[:4, :8])
    np.testing.assert_array_equal(cropped.alpha, ALPHA[:4, :8, 0])
    with pytest.raises(ImageError, match="a: 9x7 is smaller than the scale 8"):
        mod_crop(Picture(RGB, False), 8, "a")


@pytest.mark.parametrize(("grey", "alpha", "mode"), [(0, 0, "RGB"), (0, 1, "RGBA"), (1, 0, "L"), (1, 1, "LA")])
def test_pictures_go_to_pillow_and_back(grey, alpha, mode):
    pixels = np.repeat(RGB[..., :1], 3, axis=2) if grey else RGB
    picture = Picture(pixels, bool(grey), ALPHA[..., 0] if alpha else None)
    image = to_pillow(picture)
    assert (image.mode, image.size, picture.size, picture.bits) == (mode, (9, 7), (9, 7), 8)
    back = from_pillow(image)
    assert back.grey == bool(grey)
    np.testing.assert_array_equal(back.pixels, pixels)
    np.testing.assert_array_equal(back.alpha, picture.alpha)


def test_what_pillow_has_no_mode_for_is_said():
    deep = Picture(RGB.astype(np.uint16), grey=False)
    assert deep.bits == 16
    with pytest.raises(ImageError, match="no image of 16 bits with colours"):
        to_pillow(deep)
    with pytest.raises(ImageError, match="floating-point"):
        from_pillow(Pillow.new("F", (3, 3)))
    flat = to_pillow(Picture(np.full((2, 3, 3), 40000, np.uint16), grey=True))
    assert (flat.mode, flat.getpixel((0, 0))) == ("I;16", 40000)
