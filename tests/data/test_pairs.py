"""Pairs of image files: decoded, cropped, held against each other, their faults named."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image as Pillow

from srbench.data.folder import folder_dataset
from srbench.data.pairs import load_pair, usable
from srbench.errors import ImageError
from srbench.images.picture import Picture
from srbench.images.tensors import planes
from srbench.specs import ImagePair
from tests.data.conftest import FAULTS


def test_hr_is_cropped_to_multiples_of_the_scale(tmp_path, save_image):
    path = save_image(tmp_path / "a.png", 41, 39)
    hr, lr = load_pair(ImagePair("a", path), 4)
    assert lr is None
    with Pillow.open(path) as image:
        np.testing.assert_array_equal(hr.pixels, np.asarray(image)[:36, :40])


def test_lr_may_belong_to_uncropped_hr(tmp_path, save_image):
    hr, lr = save_image(tmp_path / "h.png", 41, 39), save_image(tmp_path / "l.png", 10, 9)
    assert load_pair(ImagePair("a", hr, lr), 4)[0].size == (40, 36)


def test_wrong_lr_size_names_both_sizes(tmp_path, save_image):
    hr, lr = save_image(tmp_path / "h.png", 40, 36), save_image(tmp_path / "l.png", 20, 18)
    with pytest.raises(ImageError, match=r"l\.png: is 20x18, but x4 of it should be 40x36 as h\.png is"):
        load_pair(ImagePair("a", hr, lr), 4)


def test_usable_names_each_fault_and_keeps_the_rest(faulty):
    good, faults = usable(folder_dataset(faulty).pairs(4), 4)
    assert [pair.name for pair in good] == ["good"]
    assert len(faults) == len(FAULTS)
    for fault, (name, reason) in zip(faults, FAULTS.items(), strict=True):
        assert fault.startswith(str(faulty / name))
        assert reason in fault


def test_usable_leaves_the_filters_of_warnings_alone(tmp_path, save_image):
    pairs = [ImagePair(str(i), save_image(tmp_path / f"{i}.png", seed=i)) for i in range(16)]
    before = list(warnings.filters)
    for _ in range(20):
        usable(pairs, 2)
    assert list(warnings.filters) == before


def test_planes_are_channels_first():
    pixels = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 3)
    array = planes(Picture(pixels, grey=False))
    assert array.flags.c_contiguous
    assert array.shape == (3, 2, 5)
    assert array[2, 1, 4] == pixels[1, 4, 2]
