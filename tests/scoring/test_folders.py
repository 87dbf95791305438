"""Whole files and folders: each picture comes out as what went in, and scores are those of independent tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from PIL import Image as Pillow

from srbench.catalog.catalog import Catalog
from srbench.errors import AssetError, ImageError, MethodError, UsageError
from srbench.images.degradations import degrade_file
from srbench.images.picture import Picture
from srbench.images.read import read
from srbench.images.write import write
from srbench.inference.enlarger import Enlarger
from srbench.inference.files import each, outputs, upscale_picture
from srbench.inference.tiler import Tiler
from srbench.protocols import get_protocol
from srbench.resize import degrade
from srbench.scoring.folders import pair_files, score_folders
from srbench.specs import MetricSpec, ModelSpec

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


@pytest.fixture(scope="module")
def fidelity():
    metrics = Catalog.load(()).metrics
    return [metrics["psnr"], metrics["ssim"]]


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
    with pytest.raises(UsageError, match=r"a\.png.* exists already"):
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


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_lr_of_a_file_is_the_benchmarks(tmp_path, save_image, mode):
    path = save_image(tmp_path / "a.png", 41, 39, mode)
    picture = degrade_file(path, 4)
    with Pillow.open(path) as image:
        stored = np.asarray(image.convert("RGB"))[:36, :40].transpose(2, 0, 1)
    expected = degrade(torch.from_numpy(stored.copy()), 4).numpy()
    np.testing.assert_array_equal(picture.pixels.transpose(2, 0, 1), expected)
    assert picture.grey is (mode == "L")


def test_lr_of_a_flat_picture_is_flat_and_a_tiny_one_is_refused(tmp_path):
    Pillow.new("RGB", (9, 9), (10, 200, 255)).save(tmp_path / "flat.png")
    picture = degrade_file(tmp_path / "flat.png", 3)
    np.testing.assert_array_equal(picture.pixels, np.broadcast_to(np.uint8([10, 200, 255]), (3, 3, 3)))
    with pytest.raises(ImageError, match=r"flat\.png: 9x9 is smaller than the scale 16"):
        degrade_file(tmp_path / "flat.png", 16)


def test_files_pair_by_name_after_suffixes_are_taken_off(tmp_path):
    for name in ("sr/a_NET_x4.png", "sr/b_NET_x4.jpg", "sr/c_NET_x4.png", "hr/a_HR.png", "hr/b_HR.bmp", "hr/d_HR.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    pairs, alone = pair_files(tmp_path / "sr", tmp_path / "hr", "_NET_x4", "_HR")
    assert [(name, sr.name, hr.name) for name, sr, hr in pairs] == [
        ("a", "a_NET_x4.png", "a_HR.png"),
        ("b", "b_NET_x4.jpg", "b_HR.bmp"),
    ]
    assert alone == [
        f"{tmp_path / 'sr' / 'c_NET_x4.png'} has no HR partner",
        f"{tmp_path / 'hr' / 'd_HR.png'} has no SR partner",
    ]
    with pytest.raises(UsageError, match=r"for example a_NET_x4\.png and a_HR\.png\); --sr-suffix"):
        pair_files(tmp_path / "sr", tmp_path / "hr")


def test_two_files_of_one_name_are_not_guessed_between(tmp_path):
    for name in ("sr/a.png", "sr/a.jpg", "hr/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"a\.jpg and a\.png have the same name"):
        pair_files(tmp_path / "sr", tmp_path / "hr")


def luma(rgb):
    return 16 + rgb.astype(float) @ np.array([65.481, 128.553, 24.966]) / 255


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("protocol", ["y", "rgb", "y-uint8"])
def test_scores_are_those_of_scikit_image(tmp_path, save_image, fidelity, mode, protocol):
    scale = 3
    hr_path = save_image(tmp_path / "hr.png", 43, 38, mode)
    sr_path = save_image(tmp_path / "sr.png", 42, 36, mode, seed=1)
    result = score_folders([("a", sr_path, hr_path)], scale, [get_protocol(protocol)], fidelity, CPU, lambda _: None)
    sr, hr = (read(path).pixels[:36, :42][scale:-scale, scale:-scale].astype(float) for path in (sr_path, hr_path))
    if mode == "L":
        sr, hr = sr[..., :1], hr[..., :1]
    elif protocol != "rgb":
        sr, hr = luma(sr)[..., None], luma(hr)[..., None]
        if protocol == "y-uint8":
            sr, hr = np.floor(sr + 0.5), np.floor(hr + 0.5)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    scores = result.scores["a", protocol]
    assert scores["psnr"].value == pytest.approx(
        skimage.metrics.peak_signal_noise_ratio(hr, sr, data_range=255), abs=1e-9
    )
    expected = skimage.metrics.structural_similarity(hr, sr, channel_axis=2, **options)
    assert scores["ssim"].value == pytest.approx(expected, abs=1e-9)
    assert not result.faults


def test_equal_images_are_infinite_with_a_reason(tmp_path, save_image, fidelity):
    path = save_image(tmp_path / "a.png")
    scores = score_folders([("a", path, path)], 2, [get_protocol("y")], fidelity, CPU, lambda _: None).scores["a", "y"]
    assert scores["psnr"].value == float("inf")
    assert "SR equals HR" in scores["psnr"].reason
    assert scores["ssim"].value == pytest.approx(1, abs=1e-12)
    assert not scores["ssim"].reason


@pytest.mark.parametrize(
    ("size", "reasons"),
    [
        (16, {"psnr": "", "ssim": ""}),
        (14, {"psnr": "", "ssim": "too small: 10x10 after the border cut, SSIM needs 11x11"}),
        (4, {"psnr": "too small: 0x0", "ssim": "too small: 0x0"}),
        (2, {"psnr": "too small: 0x0", "ssim": "too small: 0x0"}),
    ],
)
def test_small_images_say_what_is_undefined(tmp_path, save_image, fidelity, size, reasons):
    sr, hr = save_image(tmp_path / "s.png", size, size), save_image(tmp_path / "h.png", size, size, seed=1)
    scores = score_folders([("a", sr, hr)], 2, [get_protocol("y")], fidelity, CPU, lambda _: None).scores["a", "y"]
    for name, reason in reasons.items():
        assert scores[name].reason.startswith(reason)
        assert (scores[name].value is None) is bool(reason)


def test_pair_that_cannot_be_scored_is_named_and_the_rest_goes_on(tmp_path, save_image, fidelity):
    hr = save_image(tmp_path / "hr.png", 41, 38)
    good, small = save_image(tmp_path / "good.png", 40, 36, seed=1), save_image(tmp_path / "small.png", 20, 18)
    (tmp_path / "empty.png").touch()
    done = []
    pairs = [("small", small, hr), ("empty", tmp_path / "empty.png", hr), ("good", good, hr)]
    result = score_folders(pairs, 4, [get_protocol("y")], fidelity, CPU, done.append)
    assert list(result.scores) == [("good", "y")]
    assert result.faults == [
        f"{small}: is 20x18, but hr.png cropped to multiples of 4 is 40x36",
        f"{tmp_path / 'empty.png'}: the file is empty (0 bytes)",
    ]
    assert done == ["small", "empty", "good"]


def test_metric_without_its_files_is_asked_for_once(tmp_path, save_image, fidelity):
    asked = []

    def build():
        asked.append(1)
        raise AssetError("backbone is missing")

    absent = MetricSpec(name="absent", summary="a metric", build=build, better="lower")
    sr, hr = save_image(tmp_path / "s.png"), save_image(tmp_path / "h.png", seed=1)
    pairs = [(name, sr, hr) for name in "ab"]
    result = score_folders(pairs, 2, [get_protocol("y")], [absent, *fidelity], CPU, lambda _: None)
    assert len(asked) == 1
    assert result.missing == {"absent": "backbone is missing"}
    assert [set(scores) for scores in result.scores.values()] == [{"psnr", "ssim"}] * 2
