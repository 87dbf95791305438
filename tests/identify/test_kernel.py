"""An unknown kernel is found to 2 %, its shift to 0.02 HR pixels, linear light told from code values, noise to 10 %."""

from __future__ import annotations

import numpy as np
import pytest

from srbench.identify.describe import describe, named_kernels, on_window
from srbench.identify.kernel import estimate
from srbench.identify.samples import Window
from srbench.images.kernel_file import Kernel
from srbench.images.resizers.pillow import RESIZERS


def random_kernel():
    weights = np.random.default_rng(5).random((9, 9))
    return weights / weights.sum()


def oval(down=0.3, right=0.0):
    y, x = np.mgrid[:15, :15] - 7.0
    weights = np.exp(-(((x - right) / 2.2) ** 2 + ((y - down) / 1.3) ** 2) / 2)
    return weights / weights.sum()


def made(photos, weights, scale=2, **traits):
    top = -(len(weights) // 2)
    kernel = Kernel(scale, weights.tolist(), top, top, **traits)
    return kernel, [(hr, kernel.shrink(hr, np.random.default_rng(i))) for i, hr in enumerate(photos)]


def distance(kernel, true):
    window = Window.around(true.scale)
    return np.linalg.norm(on_window(kernel, window) - on_window(true, window)) / np.linalg.norm(on_window(true, window))


@pytest.mark.parametrize("linear_light", [False, True])
@pytest.mark.parametrize("weights", [random_kernel(), oval()], ids=["random", "oval"])
def test_a_kernel_without_noise_is_found(photos, weights, linear_light):
    true, pairs = made(photos, weights, linear_light=linear_light)
    found = estimate(pairs, 2)
    assert found.kernel.linear_light is linear_light
    assert distance(found.kernel, true) < 0.02
    assert found.kernel.noise == 0
    assert 0.27 < found.residual < 0.31
    assert distance(found.kernel, true) < 3 * found.error + 0.004


def test_the_support_is_cut_to_what_matters(photos):
    found = estimate(made(photos, random_kernel())[1], 2)
    assert found.weights.shape == (9, 9)
    assert (found.kernel.top, found.kernel.left) == (-4, -4)


@pytest.mark.parametrize("linear_light", [False, True])
def test_noise_is_measured(photos, linear_light):
    found = estimate(made(photos, oval(), linear_light=linear_light, noise=2.0)[1], 2)
    assert found.kernel.linear_light is linear_light
    assert found.kernel.noise == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize(("down", "right"), [(0.3, 0.0), (-0.25, 0.4)])
def test_a_shift_is_measured_in_hr_pixels(photos, down, right):
    found = describe(estimate(made(photos, oval(down, right))[1], 2).kernel)
    assert found.shift == pytest.approx((down - 0.5, right - 0.5), abs=0.02)  # the LR pixel's centre is at 0.5


def test_an_oval_gaussian_is_described(photos):
    found = describe(estimate(made(photos, oval())[1], 2).kernel)
    assert found.gaussian.sigmas == pytest.approx((2.2, 1.3), rel=0.02)
    assert abs(found.gaussian.angle) < 2
    assert found.gaussian.distance < 0.02
    assert found.separable > 0.999
    assert found.asymmetry < 0.02
    random = describe(made(photos, random_kernel())[0])
    assert random.asymmetry > 0.1
    assert random.separable < 0.95


def test_values_that_were_cut_off_have_an_offset(photos):
    pairs = [(hr, np.floor(hr.reshape(132, 2, 156, 2, 3).mean(axis=(1, 3))).astype(np.uint8)) for hr in photos]
    assert estimate(pairs, 2).kernel.offset == pytest.approx(-0.375, abs=0.05)  # the mean of 0, .25, .5 and .75


def test_the_kernel_of_a_resizer_is_the_nearest_named(photos):
    resizer = next(resizer for resizer in RESIZERS if resizer.name == "pillow-hamming")
    pairs = [(hr, resizer.shrink(hr, (hr.shape[0] // 4, hr.shape[1] // 4), 4)) for hr in photos]
    found = describe(estimate(pairs, 4).kernel)
    assert {found.nearest, *found.alike} >= {"pillow-hamming", "pillow-hamming-float"}
    assert found.nearest_distance < 0.08


def test_named_kernels_are_what_they_are():
    kernels = named_kernels(2)
    window = Window.around(2)
    box = np.zeros((window.height, window.width))
    box[-window.top : 2 - window.top, -window.left : 2 - window.left] = 0.25
    np.testing.assert_allclose(kernels["box"], box, atol=5e-4)
    assert kernels["scipy-zoom"] is None  # its centres wander over the image


def test_images_that_are_too_small_give_none():
    assert estimate([(np.zeros((24, 24, 3), np.uint8), np.zeros((6, 6, 3), np.uint8))], 4) is None


@pytest.mark.parametrize("value", [0, 128, 255])
def test_images_without_detail_give_none(value):
    hr, lr = (np.full((side, side, 3), value, np.uint8) for side in (192, 96))
    assert estimate([(hr, lr)], 2) is None
    ramp = np.repeat(np.arange(192, dtype=np.uint8)[None, :, None], 192, axis=0).repeat(3, axis=2)
    assert estimate([(ramp, ramp[::2, ::2])], 2) is None
