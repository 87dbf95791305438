"""Whole files and folders are enlarged: each picture comes out as what went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from srbench.errors import ImageError, MethodError, UsageError
from srbench.images.picture import Picture
from srbench.images.write import write
from srbench.inference.enlarger import Enlarger
from srbench.inference.files import each, outputs, upscale_picture
from srbench.inference.tiler import Tiler
from srbench.specs import ModelSpec

CPU = torch.device("cpu")


class Repeat(torch.nn.Module):
    """Each pixel repeated: what numpy does with the same pixels is exact."""

    def forward(self, lr):
        self.seen = lr.shape
        return lr.repeat_interleave(3, -1).repeat_interleave(3, -2)


class Broken(torch.nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, lr):
        raise self.error


def tiler(net, multiple=1, tile="off"):
    spec = ModelSpec(name="x", summary="x", scales={3}, build=lambda scale: net, multiple=multiple, halo=0)
    return Tiler(Enlarger.of(spec, net, 3), CPU, tile)


def repeated(array):
    return array.repeat(3, axis=0).repeat(3, axis=1)


def test_outputs_of_a_folder_are_png_under_the_same_names(tmp_path):
    for name in ("a.jpg", "b.png"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).touch()
    pairs = outputs(tmp_path / "in", tmp_path / "out", overwrite=False)
    assert [(source.name, target) for source, target in pairs] == [
        ("a.jpg", tmp_path / "out" / "a.png"),
        ("b.png", tmp_path / "out" / "b.png"),
    ]


@pytest.mark.parametrize(
    ("target", "written"), [("new.webp", "new.webp"), ("folder", "folder/a.png"), ("there.d", "there.d/a.png")]
)
def test_output_of_a_file_is_the_name_asked_for_or_in_the_folder(tmp_path, target, written):
    (tmp_path / "there.d").mkdir()
    (tmp_path / "a.jpg").touch()
    assert outputs(tmp_path / "a.jpg", tmp_path / target, overwrite=False) == [(tmp_path / "a.jpg", tmp_path / written)]


def test_nothing_is_overwritten_unasked(tmp_path):
    for name in ("in/a.png", "in/b.png", "in/c.png", "out/b.png", "out/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"b\.png \(and 1 more\) exists already; nothing was written"):
        outputs(tmp_path / "in", tmp_path / "out", overwrite=False)
    with pytest.raises(UsageError, match=r"a\.png: OUT would replace IN"):
        outputs(tmp_path / "in", tmp_path / "in", overwrite=False)
    assert len(outputs(tmp_path / "in", tmp_path / "out", overwrite=True)) == 3


def test_outputs_that_cannot_be_are_refused(tmp_path):
    for name in ("in/a.png", "in/a.jpg", "file"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"two inputs would both be written to .*a\.png"):
        outputs(tmp_path / "in", tmp_path / "out", overwrite=True)
    with pytest.raises(UsageError, match="file: is a file; a folder of inputs needs a folder"):
        outputs(tmp_path / "in", tmp_path / "file", overwrite=True)
    with pytest.raises(UsageError, match="none: no such file or folder"):
        outputs(tmp_path / "none", tmp_path / "out", overwrite=False)
    with pytest.raises(UsageError, match="cannot be read"):
        outputs(tmp_path / ("x" * 300), tmp_path / "out", overwrite=False)


def test_one_fault_does_not_stop_the_others(tmp_path):
    pairs = [(Path(name), tmp_path / name) for name in ("a.png", "b.png", "c.png")]

    def work(path, target):
        if path.name == "a.png":
            raise MethodError("no luck")
        if path.name == "b.png":
            raise ImageError("b.png: is empty")
        write(target, Picture(np.zeros((2, 2, 3), np.uint8), grey=False))

    assert each(pairs, work) == ["a.png: no luck", "b.png: is empty"]
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (6, 8)])
def test_upscaled_pixels_keep_every_bit(dtype, size):
    pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (*size, 3), dtype=dtype)
    large = upscale_picture(Picture(pixels, grey=False, icc=b"profile"), tiler(Repeat()))
    assert large.pixels.dtype == dtype
    np.testing.assert_array_equal(large.pixels, repeated(pixels))
    assert (large.grey, large.alpha, large.icc) == (False, None, b"profile")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_upscaled_grey_stays_grey(dtype):
    values = np.random.default_rng(2).integers(0, np.iinfo(dtype).max + 1, (4, 5, 1), dtype=dtype).repeat(3, axis=2)
    large = upscale_picture(Picture(values, grey=True), tiler(Repeat()))
    assert large.grey
    np.testing.assert_array_equal(large.pixels, repeated(values))


def test_colour_that_a_method_adds_to_grey_becomes_its_luma():
    class Tint(Repeat):
        def forward(self, lr):
            return super().forward(lr) * torch.tensor([0.5, 1, 0.25]).view(3, 1, 1)

    large = upscale_picture(Picture(np.full((4, 5, 3), 200, np.uint8), grey=True), tiler(Tint()))
    expected = round(0.299 * 100 + 0.587 * 200 + 0.114 * 50)
    np.testing.assert_array_equal(large.pixels, np.full((12, 15, 3), expected))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_enlarged_with_the_picture(dtype):
    top = np.iinfo(dtype).max
    pixels = np.zeros((8, 8, 3), dtype)
    alpha = np.zeros((8, 8), dtype)
    alpha[:, 4:] = top
    large = upscale_picture(Picture(pixels, False, alpha), tiler(Repeat())).alpha
    assert (large.dtype, large.shape) == (dtype, (24, 24))
    np.testing.assert_array_equal(large[:, :6], 0)
    np.testing.assert_array_equal(large[:, -6:], top)
    assert (np.diff(large[0, 11:13].astype(int)) > 0).all()
    np.testing.assert_array_equal(large + large[:, ::-1], top)


def test_picture_is_padded_to_the_multiple_and_cropped_back():
    pixels = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    net = Repeat()
    large = upscale_picture(Picture(pixels, grey=False), tiler(net, multiple=8))
    assert net.seen == (1, 3, 8, 8)
    np.testing.assert_array_equal(large.pixels, repeated(pixels))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("two\nlines"), "the method failed: ValueError: two lines"),
        (SystemExit(5), "the method failed: SystemExit: 5"),
        (KeyError("x"), "the method failed: KeyError: 'x'"),
        (MethodError("own words"), "own words"),
    ],
)
def test_method_that_fails_is_said_in_one_line(error, said):
    picture = Picture(np.zeros((4, 4, 3), np.uint8), grey=False)
    with pytest.raises(MethodError) as caught:
        upscale_picture(picture, tiler(Broken(error)))
    assert str(caught.value) == said
