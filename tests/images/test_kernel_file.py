"""Kernel files: written and read back, applied as they say, refused in one line where they are damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from srbench.errors import UsageError
from srbench.images.degradations import get_degradation
from srbench.images.kernel_file import Kernel, read_kernel, save_kernel, to_code, to_linear

BOX = Kernel(2, [[0.25, 0.25], [0.25, 0.25]], 0, 0)


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (24, 36, 3), np.uint8)


def test_a_kernel_is_read_back_as_it_was_written(tmp_path):
    kernel = Kernel(3, [[0.1, 0.9, 1e-9]], -4, 2, linear_light=True, noise=1.5, offset=-0.5)
    save_kernel(kernel, tmp_path / "k.json")
    assert read_kernel(tmp_path / "k.json")[0] == kernel


def test_a_box_is_the_mean_of_blocks_and_a_pixel_is_that_pixel(photo):
    random = np.random.default_rng(0)
    mean = photo.reshape(12, 2, 18, 2, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(BOX.shrink(photo, random), np.floor(mean + 0.5))
    np.testing.assert_array_equal(Kernel(2, [[1.0]], 1, 0).shrink(photo, random), photo[1::2, ::2])
    np.testing.assert_array_equal(Kernel(2, [[1.0]], -1, 0).shrink(photo, random)[0], photo[0, ::2])  # replicated
    light = to_code(to_linear(photo).reshape(12, 2, 18, 2, 3).mean(axis=(1, 3)))
    linear = Kernel(2, BOX.weights, 0, 0, linear_light=True).shrink(photo, random)
    np.testing.assert_array_equal(linear, np.floor(light + 0.5))


def test_the_curve_is_srgbs_and_its_inverse():
    codes = np.arange(256)
    np.testing.assert_allclose(to_code(to_linear(codes)), codes, atol=1e-4)
    assert to_linear(np.array(128)) == pytest.approx(0.21586, abs=1e-5)


def test_a_file_is_a_degradation_whose_identity_is_its_content(tmp_path, photo):
    save_kernel(BOX, tmp_path / "a.json")
    save_kernel(Kernel(2, [[1.0]], 0, 0, noise=3.0), tmp_path / "b.json")
    hr = torch.from_numpy(photo).permute(2, 0, 1).contiguous()
    first, noisy = (get_degradation(f"kernel:{tmp_path / name}.json") for name in "ab")
    assert torch.equal(first(hr, 2), get_degradation("box")(hr, 2))
    assert (first.label, first.name) == ("kernel-a", f"kernel:{tmp_path / 'a.json'}")
    assert first.identity.startswith("kernel/1-")
    assert first.identity != noisy.identity
    assert torch.equal(noisy(hr, 2), noisy(hr, 2))
    assert not torch.equal(noisy(hr, 2), noisy(hr, 2, seed=1))
    with pytest.raises(UsageError, match=r"a\.json: is a kernel of x2, not of x3"):
        first(hr, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 1},
        {"scale": 2.0},
        {"scale": True},
        {"top": 10**9},
        {"left": "0"},
        {"weights": []},
        {"weights": [[]]},
        {"weights": [[0.5, 0.5], [1.0]]},
        {"weights": [[float("nan")]]},
        {"weights": [["1"]]},
        {"weights": [[1.0]] * 129},
        {"weights": 5},
        {"noise": -1.0},
        {"noise": 10**400},
        {"linear_light": 1},
        {"offset": 1e300},
        {"kind": "other"},
        {"version": 2},
        {"more": 1},
    ],
)
def test_a_wrong_field_is_refused(tmp_path, change):
    save_kernel(BOX, tmp_path / "k.json")
    fields = json.loads((tmp_path / "k.json").read_text())
    (tmp_path / "k.json").write_text(json.dumps(fields | change))
    with pytest.raises(UsageError, match=r"k\.json: is no kernel file"):
        read_kernel(tmp_path / "k.json")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]", b"5", b"{}", b"[" * 100_000, b" " * (5 * 2**20)])
def test_what_is_no_kernel_file_is_refused(tmp_path, content):
    (tmp_path / "k.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"k\.json: is no kernel file"):
        read_kernel(tmp_path / "k.json")


def test_a_file_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="no such kernel file; 'srbench identify LR HR --save-kernel FILE' writes"):
        get_degradation("kernel:nothing.json")
