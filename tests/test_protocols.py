"""Protocols: which channels are scored, how they are rounded and cut."""

from __future__ import annotations

import numpy as np
import pytest
import skimage
import torch

from srbench.errors import UsageError
from srbench.protocols import PROTOCOLS, get_protocol


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (3, 20, 24)).astype(np.float64)


def test_luma_is_that_of_bt601(rgb):
    expected = skimage.color.rgb2ycbcr(rgb.astype(np.uint8), channel_axis=0)[0]
    np.testing.assert_allclose(PROTOCOLS["y"].channels(rgb, grey=False)[0], expected, atol=1e-9)


def test_rounded_luma_is_whole_and_near(rgb):
    exact = PROTOCOLS["y"].channels(rgb, grey=False)
    rounded = PROTOCOLS["y-uint8"].channels(rgb, grey=False)
    assert (rounded == np.floor(rounded)).all()
    assert np.abs(rounded - exact).max() <= 0.5


HALVES = np.array([[[0.0, 10.4], [10.5, 255]]] * 3)


def test_only_the_rounding_protocol_rounds_and_it_rounds_half_up():
    rounded = [[0, 10], [11, 255]]
    for name, grey_values_of in (("y", HALVES[0]), ("y-uint8", rounded), ("rgb", HALVES[0])):
        np.testing.assert_allclose(PROTOCOLS[name].channels(HALVES, grey=True)[0], grey_values_of, atol=1e-12)
    np.testing.assert_array_equal(PROTOCOLS["rgb"].channels(HALVES, grey=False), HALVES)
    one = np.array([30.0, 20, 10]).reshape(3, 1, 1)  # (65.481 * 30 + 128.553 * 20 + 24.966 * 10) / 255 + 16 = 34.766
    assert PROTOCOLS["y-uint8"].channels(one, grey=False).item() == 35


def test_grey_values_of_colour_are_full_range_bt601(rgb):
    expected = np.tensordot([0.299, 0.587, 0.114], rgb, axes=1)
    for name in ("y", "rgb"):
        grey = PROTOCOLS[name].channels(rgb, grey=True)
        assert grey.shape == (1, 20, 24)
        np.testing.assert_allclose(grey[0], expected, atol=1e-9)


def test_luma_has_one_channel(rgb):
    assert PROTOCOLS["y"].channels(rgb, grey=False).shape == (1, 20, 24)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_border_is_as_wide_as_the_scale(rgb, name):
    assert PROTOCOLS[name].view(rgb, grey=False, scale=4).shape[1:] == (12, 16)
    assert PROTOCOLS[name].view(rgb[:, :8, :8], grey=False, scale=4).shape[1:] == (0, 0)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_grey_files_are_scored_on_their_own_values(name):
    grey = np.arange(256.0).repeat(3).reshape(16, 16, 3).transpose(2, 0, 1)
    assert (PROTOCOLS[name].channels(grey, grey=True) == grey[:1]).all()


def test_arrays_and_tensors_agree(rgb):
    for protocol in PROTOCOLS.values():
        tensor = protocol.view(torch.from_numpy(rgb), grey=False, scale=2)
        assert (tensor.numpy() == protocol.view(rgb, grey=False, scale=2)).all()


def test_identity_names_the_version():
    assert [protocol.identity for protocol in PROTOCOLS.values()] == ["y/1", "y-uint8/1", "rgb/1"]


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'y-uint8'"):
        get_protocol("y-unit8")
