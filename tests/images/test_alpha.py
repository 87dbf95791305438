"""Colours that nobody sees stay out of what is seen."""

from __future__ import annotations

import numpy as np
import pytest

from srbench.images import alpha as module
from srbench.images.alpha import extend_colours
from srbench.images.picture import Picture

COLOUR = np.array([240, 230, 220])


def sprite(size=48, dtype=np.uint8, hidden=0):
    """Return a disc of one colour with a soft edge; other pixels hold what is given."""
    top = np.iinfo(dtype).max
    y, x = np.mgrid[:size, :size]
    opacity = np.clip(size / 3 + 0.5 - np.hypot(x - size / 2, y - size / 2), 0, 1)
    pixels = np.where(opacity[..., None] > 0, COLOUR * (top // 255), hidden).astype(dtype)
    return Picture(pixels, grey=False, alpha=np.rint(opacity * top).astype(dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("stripe", [7, 256])
def test_a_sprite_of_one_colour_has_it_everywhere(monkeypatch, dtype, stripe):
    monkeypatch.setattr(module, "STRIPE", stripe)
    picture = sprite(dtype=dtype)
    extended = extend_colours(picture)
    np.testing.assert_array_equal(extended.alpha, picture.alpha)
    assert np.abs(extended.pixels / (np.iinfo(dtype).max // 255) - COLOUR).max() <= 1


def test_visible_pixels_stay_and_what_is_hidden_does_not_matter():
    black, white = sprite(hidden=0), sprite(hidden=255)
    seen = black.alpha >= 8
    np.testing.assert_array_equal(extend_colours(black).pixels[seen], black.pixels[seen])
    unseen = black.alpha == 0
    np.testing.assert_array_equal(extend_colours(black).pixels[unseen], extend_colours(white).pixels[unseen])


def test_the_nearest_visible_colour_is_taken():
    pixels = np.zeros((1, 9, 3), np.uint8)
    pixels[0, 1], pixels[0, 7] = (255, 0, 0), (0, 0, 255)
    alpha = np.zeros((1, 9), np.uint8)
    alpha[0, [1, 7]] = 255
    extended = extend_colours(Picture(pixels, grey=False, alpha=alpha)).pixels[0]
    assert [tuple(extended[i]) for i in (0, 2, 3)] == [(255, 0, 0)] * 3
    assert [tuple(extended[i]) for i in (5, 6, 8)] == [(0, 0, 255)] * 3


@pytest.mark.parametrize("opacity", [0, 255])
def test_pictures_without_an_edge_are_left_alone(opacity):
    picture = Picture(np.full((4, 4, 3), 9, np.uint8), grey=False, alpha=np.full((4, 4), opacity, np.uint8))
    assert extend_colours(picture) is picture
    opaque = Picture(picture.pixels, grey=False)
    assert extend_colours(opaque) is opaque
