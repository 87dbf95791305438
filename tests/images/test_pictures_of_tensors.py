"""Tensors as pictures: what is written is what was scored."""

from __future__ import annotations

import numpy as np
import torch

from srbench.images.picture import Picture
from srbench.images.read import read_8bit
from srbench.images.tensors import planes, to_picture
from srbench.images.write import write


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
    assert isinstance(picture, Picture)
    assert not picture.grey
    assert torch.equal(torch.from_numpy(planes(read_8bit(tmp_path / "a.png"))), image(3))
