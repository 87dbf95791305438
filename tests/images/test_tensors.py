"""Between pictures and tensors: 8-bit rounding, planes, grey."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from srbench.images.tensors import to_8bit, to_float, to_picture
from srbench.scoring.samples import Sample


def test_rounds_as_saving_does():
    values = torch.tensor([-1.0, 0.0, 0.49 / 255, 0.5 / 255, 254.6 / 255, 1.0, 9.0])
    assert to_8bit(values).tolist() == [0, 0, 0, 1, 255, 255, 255]
    every = torch.arange(256, dtype=torch.uint8).repeat(3, 2, 1)
    assert torch.equal(to_8bit(to_float(every))[0], every)


def sample(size=32, grey=False, seed=0):
    hr = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, size, size), dtype=np.uint8))
    return Sample("a", hr, hr[:, ::2, ::2], grey, 2)


def test_grey_sources_become_grey_pictures():
    colour = to_picture(sample().hr, grey=False)
    assert np.array_equal(colour.pixels, sample().hr.permute(1, 2, 0).numpy())
    grey = to_picture(sample().hr, grey=True).pixels
    assert (grey == grey[..., :1]).all()


def test_float_images_are_batches_of_255ths():
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1)
    for given in (image, image[None]):
        result = to_float(given)
        assert (result.shape, result.dtype) == ((1, 3, 1, 1), torch.float32)
        assert result.flatten().tolist() == pytest.approx([0, 0.2, 1])


def test_grey_is_the_rounded_luma_of_colour():
    colour = torch.tensor([10, 20, 31], dtype=torch.uint8).view(3, 1, 1)  # 0.299 * 10 + 0.587 * 20 + 0.114 * 31
    assert to_picture(colour, grey=True).pixels.tolist() == [[[18, 18, 18]]]
    assert to_picture(colour, grey=False).pixels.tolist() == [[[10, 20, 31]]]
