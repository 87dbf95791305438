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


def keys(x):
    """Keys 1981 with a = -0.5."""
    x = abs(x)
    return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def lanczos(x):
    return float(np.sinc(x) * np.sinc(x / 3)) if abs(x) < 3 else 0.0


BY_DEFINITION = {"bilinear": lambda x: max(0.0, 1 - abs(x)), "bicubic": keys, "lanczos3": lanczos}


def matrix(length, out, kernel, antialias, border):
    """Return what maps a line to its resized one, element by element as the documentation of imresize has it."""
    factor = out / length
    shrink = min(factor, 1.0) if antialias else 1.0
    rows = np.zeros((out, length))
    for i in range(out):
        centre = (i + 0.5) / factor - 0.5
        for j in range(-10 * length - 30, 11 * length + 30):
            weight = BY_DEFINITION[kernel](shrink * (centre - j))
            folded = j % (2 * length)
            mirrored = folded if folded < length else 2 * length - 1 - folded
            rows[i, mirrored if border == "mirror" else min(max(j, 0), length - 1)] += weight
    return rows / rows.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("border", ["mirror", "replicate"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("size", "out"), [((7, 9), (14, 27)), ((9, 8), (4, 5)), ((5, 6), (8, 6)), ((12, 3), (3, 4)), ((1, 2), (2, 1))]
)
def test_resizing_is_the_matrix_of_its_definition(size, out, kernel, antialias, border):
    image = np.random.default_rng(0).normal(size=(2, *size))
    rows, columns = (matrix(length, end, kernel, antialias, border) for length, end in zip(size, out, strict=True))
    resized = imresize(torch.from_numpy(image), out, kernel, antialias=antialias, border=border)
    np.testing.assert_allclose(resized.numpy(), rows @ image @ columns.T, atol=1e-12)
    single = imresize(torch.from_numpy(image).float(), out, kernel, antialias=antialias, border=border)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), resized.numpy(), atol=1e-5)


def test_without_a_choice_it_is_bicubic_widened_and_mirrored():
    image = torch.rand(9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for size in ((4, 3), (18, 21)):
        chosen = imresize(image, size, "bicubic", antialias=True, border="mirror")
        assert torch.equal(imresize(image, size), chosen)


def test_the_same_size_is_the_image_itself():
    image = torch.rand(3, 4, 5)
    assert imresize(image, (4, 5)) is image


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 8, 16])
def test_degrade_is_the_matrix_of_its_definition_rounded_half_up_after_each_pass(scale):
    """Sums that lie on a half are exact for powers of two; for other scales the published files tell."""
    hr = np.random.default_rng(scale).integers(0, 256, (2, 3 * scale, 4 * scale), dtype=np.uint8)
    hr[0, : 2 * scale] = 255 * (np.arange(4 * scale) // 2 % 2)  # overshoots on both sides
    lr = degrade(torch.from_numpy(hr), scale)
    assert (lr.dtype, lr.shape, lr.is_contiguous()) == (torch.uint8, (2, 3, 4), True)
    rows, columns = (matrix(n * scale, n, "bicubic", True, "replicate") for n in (3, 4))
    exact = scale & (scale - 1) == 0
    first = np.round(rows @ hr.astype(float), 9)
    between = np.clip(np.floor(first + 0.5), 0, 255)
    second = np.round(between @ columns.T, 9)
    expected = np.clip(np.floor(second + 0.5), 0, 255)
    on_half = (np.abs(second % 1 - 0.5) < 1e-8) & (not exact)
    if exact or not (np.abs(first % 1 - 0.5) < 1e-8).any():
        np.testing.assert_array_equal(np.where(on_half, 0, lr.numpy()), np.where(on_half, 0, expected))


def test_degrade_leaves_its_input_as_it_was():
    hr = torch.full((1, 4, 4), 7, dtype=torch.uint8)
    assert int(degrade(hr, 2).unique()) == 7
    assert int(hr.unique()) == 7


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

    def shrink(lines):
        result = np.empty((lines.shape[0] // scale, lines.shape[1]))
        for i in range(result.shape[0]):
            centre = scale * (i + 0.5) - 0.5
            taps = [j for j in range(-3 * scale, lines.shape[0] + 3 * scale) if abs(j - centre) < 2 * scale]
            weights = np.array([keys((j - centre) / scale) for j in taps])
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


def test_imresize_refuses_integers():
    with pytest.raises(ValueError, match="floating-point"):
        imresize(torch.zeros(4, 4, dtype=torch.uint8), (8, 8))


@pytest.mark.parametrize(
    ("shape", "size"), [((4, 4), (0, 8)), ((4, 4), (8, 0)), ((3, 0, 5), (2, 2)), ((3, 5, 0), (2, 2)), ((2, 0), (2, 2))]
)
def test_imresize_refuses_images_of_no_pixels(shape, size):
    height, width = shape[-2:]
    with pytest.raises(ValueError, match=rf"cannot resize \({height}, {width}\) to \({size[0]}, {size[1]}\)"):
        imresize(torch.zeros(shape), size)


def test_the_least_image_is_one_pixel_and_there_may_be_none():
    assert imresize(torch.ones(1, 1), (1, 1)).tolist() == [[1.0]]
    torch.testing.assert_close(imresize(torch.ones(2, 1, 1), (1, 3)), torch.ones(2, 1, 3))
    assert imresize(torch.ones(0, 4, 4), (2, 2)).shape == (0, 2, 2)
