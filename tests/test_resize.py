"""Resizing equals MATLAB's imresize and the LR files that the field uses, in every pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from srbench.resize import KERNELS, degrade, imresize


def planes(path):
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_degrade_equals_the_lr_files_of_set5(mirror, scale):
    folder = mirror / "datasets" / "set5" / f"image_SRF_{scale}"
    files = sorted(folder.glob("*_HR.png"))
    assert len(files) == 5
    for file in files:
        hr = planes(file)
        hr = hr[:, : hr.shape[1] // scale * scale, : hr.shape[2] // scale * scale]
        expected = planes(file.with_name(file.name.replace("HR", "LR")))
        assert int((degrade(hr, scale) != expected).sum()) == 0, file.name


@pytest.mark.parametrize(("scale", "length"), [(2, 8), (4, 8), (3, 15)])
def test_shrinking_equals_matlab(reference, scale, length):
    from scipy.io import loadmat

    stored = loadmat(reference / "matlab-imresize" / f"down_down_x{scale}_aa.mat")
    expected = next(value for key, value in stored.items() if not key.startswith("__"))
    image = torch.arange(length**2, dtype=torch.float64).reshape(length, length)
    small = imresize(image, (length // scale, length // scale))
    np.testing.assert_allclose(small.numpy(), expected, atol=1e-9, rtol=0)


def test_bicubic_weights_are_those_of_keys():
    impulse = torch.zeros(1, 9, dtype=torch.float64)
    impulse[0, 4] = 1
    # Keys 1981 with a = -0.5 at distances 1.75, 1.25, 0.75, 0.25 and mirrored
    expected = [-0.0234375, -0.0703125, 0.2265625, 0.8671875, 0.8671875, 0.2265625, -0.0703125, -0.0234375]
    np.testing.assert_allclose(imresize(impulse, (1, 18))[0, 5:13].numpy(), expected, atol=1e-15)


@pytest.mark.parametrize("kernel", KERNELS)
@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    out_height=st.integers(1, 40),
    out_width=st.integers(1, 40),
    border=st.sampled_from(["mirror", "replicate"]),
)
@settings(deadline=None, max_examples=60)
def test_flat_stays_flat_and_shape_is_as_asked(kernel, height, width, out_height, out_width, border):
    flat = torch.full((2, 3, height, width), 0.7, dtype=torch.float64)
    result = imresize(flat, (out_height, out_width), kernel, border=border)
    assert result.shape == (2, 3, out_height, out_width)
    np.testing.assert_allclose(result.numpy(), 0.7, atol=1e-12)


@given(length=st.integers(1, 12), factor=st.integers(2, 8), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_bilinear_enlargement_equals_torch(length, factor, seed):
    image = torch.rand(1, 2, length, length + 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    size = (length * factor, (length + 1) * factor)
    expected = torch.nn.functional.interpolate(image, size=size, mode="bilinear")
    np.testing.assert_allclose(imresize(image, size, "bilinear").numpy(), expected.numpy(), atol=1e-12)


@given(factor=st.integers(2, 8), kernel=st.sampled_from(list(KERNELS)), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_whole_factors_equal_the_general_way(factor, kernel, seed):
    """Enlarging by a whole factor takes another path than enlarging to any size; both must agree."""
    from srbench.resize import _contributions, _inside

    image = torch.rand(7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    expected = image
    for dim in (0, 1):
        length = expected.shape[dim]
        index, weights = _contributions(length, length * factor, kernel, antialias=False)
        matrix = torch.zeros(length * factor, length, dtype=torch.float64)
        matrix.scatter_add_(1, _inside(index, length, "mirror"), weights)
        expected = matrix @ expected if dim == 0 else expected @ matrix.T
    np.testing.assert_allclose(imresize(image, (7 * factor, 9 * factor), kernel).numpy(), expected.numpy(), atol=1e-12)


@given(scale=st.sampled_from([2, 3, 4, 8]), rows=st.integers(1, 6), columns=st.integers(1, 6), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=40)
def test_degrade_rounds_between_the_passes(scale, rows, columns, seed):
    """Against a plain numpy loop over pixels."""
    hr = np.random.default_rng(seed).integers(0, 256, (rows * scale, columns * scale), dtype=np.uint8)

    def cubic(x):
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0

    def shrink(lines):
        result = np.empty((lines.shape[0] // scale, lines.shape[1]))
        for i in range(result.shape[0]):
            centre = scale * (i + 0.5) - 0.5
            taps = [j for j in range(-3 * scale, lines.shape[0] + 3 * scale) if abs(j - centre) < 2 * scale]
            weights = np.array([cubic((j - centre) / scale) for j in taps])
            inside = [min(max(j, 0), lines.shape[0] - 1) for j in taps]
            result[i] = (weights / weights.sum()) @ lines[inside]
        return np.clip(np.floor(result + 0.5 + 1e-9), 0, 255)

    expected = shrink(shrink(hr.astype(float)).T).T
    found = degrade(torch.from_numpy(hr), scale).numpy().astype(float)
    assert np.abs(found - expected).max() <= 1  # exact halves may fall either way in the loop
    assert (found != expected).mean() < 0.05


@pytest.mark.parametrize(
    "bad", [torch.zeros(3, 9, 8, dtype=torch.uint8), torch.zeros(3, 8, 8), torch.zeros(3, 0, 8).byte()]
)
def test_degrade_refuses_what_it_cannot_do(bad):
    with pytest.raises(ValueError, match=r"multiple of 4|uint8"):
        degrade(bad, 4)


def test_imresize_refuses_integers_and_nothing():
    with pytest.raises(ValueError, match="floating-point"):
        imresize(torch.zeros(4, 4, dtype=torch.uint8), (8, 8))
    with pytest.raises(ValueError, match="cannot resize"):
        imresize(torch.zeros(4, 4), (0, 8))
