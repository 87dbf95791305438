"""Between pictures and tensors: 8-bit rounding, planes, grey."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from srbench.images.read import read_8bit
from srbench.images.tensors import planes, to_8bit, to_float, to_picture
from srbench.images.write import write


def test_rounds_as_saving_does():
    values = torch.tensor([-1.0, 0.0, 0.49 / 255, 0.5 / 255, 254.6 / 255, 1.0, 9.0])
    assert to_8bit(values).tolist() == [0, 0, 0, 1, 255, 255, 255]
    every = torch.arange(256, dtype=torch.uint8).repeat(3, 2, 1)
    assert torch.equal(to_8bit(to_float(every))[0], every)


def test_float_images_are_batches_of_255ths():
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1)
    for given in (image, image[None]):
        result = to_float(given)
        assert (result.shape, result.dtype) == ((1, 3, 1, 1), torch.float32)
        assert result.flatten().tolist() == pytest.approx([0, 0.2, 1])


def image(channels):
    values = torch.arange(channels * 12, dtype=torch.uint8).reshape(channels, 3, 4) * 5
    return values.expand(3, -1, -1) if channels == 1 else values


def test_a_picture_has_the_values_of_the_tensor():
    picture = to_picture(image(3), grey=False)
    assert np.array_equal(picture.pixels, image(3).permute(1, 2, 0).numpy())
    assert not picture.grey


def test_equal_channels_of_a_grey_source_become_a_grey_file(tmp_path):
    picture = to_picture(image(1), grey=True)
    assert picture.grey
    write(tmp_path / "a.png", picture)
    assert read_8bit(tmp_path / "a.png").grey
    assert torch.equal(torch.from_numpy(planes(read_8bit(tmp_path / "a.png"))), image(1))


def test_what_a_network_coloured_is_written_as_it_was_scored(tmp_path):
    picture = to_picture(image(3), grey=True)
    write(tmp_path / "a.png", picture)
    assert not picture.grey
    assert torch.equal(torch.from_numpy(planes(read_8bit(tmp_path / "a.png"))), image(3))
