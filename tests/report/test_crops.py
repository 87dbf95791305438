"""The window where methods differ most, against every window tried one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from srbench.report.crops import Crop, differences, most_different


@pytest.mark.parametrize(("scale", "width", "height"), [(1, 5, 4), (2, 6, 4), (3, 7, 8), (4, 100, 8)])
def test_is_the_best_of_all_windows(scale, width, height):
    generator = np.random.default_rng(scale)
    images = [generator.integers(0, 256, (24, 36, 3), dtype=np.uint8) for _ in range(3)]
    expected = np.stack(images).astype(float).var(axis=0).mean(axis=2)
    expected[:scale] = expected[-scale:] = 0
    expected[:, :scale] = expected[:, -scale:] = 0
    variance = differences(images, scale)
    np.testing.assert_allclose(variance, expected, atol=1e-9)
    width, height = min(width, 36) // scale * scale, min(height, 24) // scale * scale
    sums = {
        (x, y): expected[y : y + height, x : x + width].sum()
        for y, x in itertools.product(range(0, 25 - height, scale), range(0, 37 - width, scale))
    }
    crop = most_different(variance, width, height, scale)
    assert (crop.x, crop.y) == max(sums, key=sums.get)
    assert crop[2:] == (width, height)


def test_one_image_alone_differs_nowhere_and_the_first_window_is_taken():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert most_different(differences([image], 2), 8, 8, 2) == Crop(0, 0, 8, 8)


def test_a_crop_of_lr_shows_the_same_part():
    hr = np.arange(64).reshape(8, 8)
    crop = Crop(4, 2, 4, 4)
    np.testing.assert_array_equal(crop.of(hr[::2, ::2], 2), crop.of(hr)[::2, ::2])
