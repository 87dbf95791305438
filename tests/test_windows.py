"""Windows and filters: the examples in their docstrings, scipy's filters and MATLAB's definitions."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from srbench import windows
from srbench.windows import filter_separably, gaussian, laplacian_of_gaussian


def test_examples_in_docstrings():
    assert doctest.testmod(windows).failed == 0
    assert doctest.testmod(windows).attempted == 4


@pytest.mark.parametrize(("size", "sigma"), [(11, 1.5), (5, 1.0), (3, 0.4), (1, 2.0)])
def test_gaussian_is_scipys_normalised(size, sigma):
    expected = signal.windows.gaussian(size, sigma)
    np.testing.assert_allclose(gaussian(size, sigma).numpy(), expected / expected.sum(), rtol=1e-13)


def test_gaussian_is_the_impulse_response_of_scipys_filter():
    impulse = np.zeros(31)
    impulse[15] = 1
    response = ndimage.gaussian_filter1d(impulse, 1.5, truncate=5 / 1.5)  # 5 pixels to either side
    np.testing.assert_allclose(gaussian(11, 1.5).numpy(), response[10:21], rtol=1e-12)


def test_taps_have_the_type_that_was_chosen():
    assert gaussian(11, 1.5).dtype == torch.float64
    assert gaussian(11, 1.5, dtype=torch.float32).dtype == torch.float32
    assert gaussian(11, 1.5, device=torch.device("meta")).device.type == "meta"


@pytest.mark.parametrize(("size", "sigma"), [(15, 1.5), (5, 0.5), (7, 2.0)])
def test_laplacian_of_gaussian_is_matlabs(size, sigma):
    """fspecial('log', size, sigma): the Gaussian has sum 1, and then the mean is subtracted."""
    half = size // 2
    axis = [(i, j) for i in range(-half, half + 1) for j in range(-half, half + 1)]
    weights = [math.exp(-(i * i + j * j) / (2 * sigma**2)) for i, j in axis]
    values = [
        weight / sum(weights) * (i * i + j * j - 2 * sigma**2) / sigma**4
        for (i, j), weight in zip(axis, weights, strict=True)
    ]
    expected = np.reshape(values, (size, size)) - sum(values) / size**2
    np.testing.assert_allclose(laplacian_of_gaussian(size, sigma).numpy(), expected, atol=1e-15)


def test_laplacian_of_gaussian_is_scipys_up_to_the_mean():
    impulse = np.zeros((31, 31))
    impulse[15, 15] = 1
    response = ndimage.gaussian_laplace(impulse, 1.5)[8:23, 8:23]
    np.testing.assert_allclose(laplacian_of_gaussian(15, 1.5).numpy(), response, atol=1e-4)


@pytest.mark.parametrize("shape", [(13, 17), (3, 11, 11), (2, 3, 20, 12)])
def test_separable_filter_is_scipys_correlation_in_the_valid_part(shape):
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    taps = torch.tensor([0.1, 0.2, 0.4, 0.2, 0.3], dtype=torch.float64)
    expected = image.numpy()
    for axis in (-2, -1):
        expected = ndimage.correlate1d(expected, taps.numpy(), axis=axis)
    np.testing.assert_allclose(filter_separably(image, taps).numpy(), expected[..., 2:-2, 2:-2], rtol=1e-12)
