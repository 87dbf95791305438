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


@pytest.fixture
def faulty(tmp_path, save_image):
    """A folder with one good image and one of each fault."""
    good = save_image(tmp_path / "good.png")
    deep = np.arange(40 * 36, dtype=np.uint16).reshape(36, 40)
    Pillow.fromarray(deep).save(tmp_path / "deep.png")
    Pillow.fromarray(np.zeros((36, 40, 4), np.uint8)).save(tmp_path / "clear.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:-200])
    save_image(tmp_path / "tiny.png", 1, 1)
    frames = [Pillow.new("L", (40, 36), value) for value in (0, 255)]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    return tmp_path


FAULTS = {
    "clear.png": "has transparent pixels",
    "cut.png": "damaged or truncated",
    "deep.png": "is 16-bit",
    "empty.png": "the file is empty",
    "moves.gif": "is animated",
    "text.png": "is no PNG, JPEG",
    "tiny.png": "1x1 is smaller than the scale 4",
}


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
