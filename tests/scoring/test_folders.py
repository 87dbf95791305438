"""Whole files and folders: each picture comes out as what went in, and scores are those of independent tools."""

from __future__ import annotations

import numpy as np
import pytest
import skimage
import torch
from PIL import Image as Pillow

from srbench.catalog.catalog import Catalog
from srbench.errors import AssetError, ImageError, UsageError
from srbench.images.degradations import degrade_file
from srbench.images.read import read
from srbench.protocols import get_protocol
from srbench.resize import degrade
from srbench.scoring.folders import score_folders
from srbench.scoring.pairing import FilePair, list_names, pair_files
from srbench.specs import MetricSpec

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def fidelity():
    metrics = Catalog.load(()).metrics
    return [metrics["psnr"], metrics["ssim"]]


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
    sr, hr = list_names(tmp_path / "sr", "_net_X4"), list_names(tmp_path / "hr", "_HR")
    pairing = pair_files(sr, hr, 4)
    expected = [("a", "a_NET_x4.png", "a_HR.png"), ("b", "b_NET_x4.jpg", "b_HR.bmp")]
    assert [(name, sr.name, hr.name) for name, sr, hr in pairing.pairs] == expected
    assert pairing.notes == []
    alone = [
        f"{tmp_path / 'sr' / 'c_NET_x4.png'} has no HR partner",
        f"{tmp_path / 'hr' / 'd_HR.png'} has no SR partner",
    ]
    assert pairing.warnings == alone
    without = pair_files(list_names(tmp_path / "sr"), list_names(tmp_path / "hr"), 4)
    assert [(sr.name, hr.name) for _, sr, hr in without.pairs] == [names[1:] for names in expected]
    assert (without.warnings, without.images) == (alone, 3)
    assert without.notes == ["paired by name: SR names end in '_net_x4' and HR names end in '_hr'"]


def test_files_with_other_names_are_left_out_and_counted(tmp_path):
    sr = {f"{name}_{kind}": tmp_path / f"{name}_{kind}.png" for name in "abc" for kind in ("x2", "x4")}
    pairing = pair_files(sr, {name: tmp_path / name for name in "abc"}, 4)
    assert [pair.sr.name for pair in pairing.pairs] == ["a_x4.png", "b_x4.png", "c_x4.png"]
    assert (pairing.warnings, pairing.images) == ([], 3)
    assert pairing.notes == ["paired by name: SR names end in '_x4'", "3 files with other names are left out"]


def test_images_of_subfolders_are_listed_where_the_folder_has_none(tmp_path):
    for name in (
        "one/a/a_4000.png",
        "one/b/b_4000.png",
        "two/x/0.png",
        "two/y/0.png",
        "three/a.png",
        "three/sub/b.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(list_names(tmp_path / "one")) == ["a_4000", "b_4000"]
    assert list(list_names(tmp_path / "two")) == ["x/0", "y/0"]
    assert list(list_names(tmp_path / "three")) == ["a"]
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="holds no image file"):
        list_names(tmp_path / "none")


def test_two_files_of_one_name_are_not_guessed_between(tmp_path):
    for name in ("sr/a.png", "sr/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"a\.jpg and a\.png have the same name"):
        list_names(tmp_path / "sr")


def luma(rgb):
    return 16 + rgb.astype(float) @ np.array([65.481, 128.553, 24.966]) / 255


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("protocol", ["y", "rgb", "y-uint8"])
def test_scores_are_those_of_scikit_image(tmp_path, save_image, fidelity, mode, protocol):
    scale = 3
    hr_path = save_image(tmp_path / "hr.png", 43, 38, mode)
    sr_path = save_image(tmp_path / "sr.png", 42, 36, mode, seed=1)
    result = score_folders(
        [FilePair("a", sr_path, hr_path)], scale, [get_protocol(protocol)], fidelity, CPU, lambda _: None
    )
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
    scores = score_folders([FilePair("a", path, path)], 2, [get_protocol("y")], fidelity, CPU, lambda _: None).scores[
        "a", "y"
    ]
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
    scores = score_folders([FilePair("a", sr, hr)], 2, [get_protocol("y")], fidelity, CPU, lambda _: None).scores[
        "a", "y"
    ]
    for name, reason in reasons.items():
        assert scores[name].reason.startswith(reason)
        assert (scores[name].value is None) is bool(reason)


def test_pair_that_cannot_be_scored_is_named_and_the_rest_goes_on(tmp_path, save_image, fidelity):
    hr = save_image(tmp_path / "hr.png", 41, 38)
    good, small = save_image(tmp_path / "good.png", 40, 36, seed=1), save_image(tmp_path / "small.png", 20, 18)
    (tmp_path / "empty.png").touch()
    done = []
    pairs = [FilePair("small", small, hr), FilePair("empty", tmp_path / "empty.png", hr), FilePair("good", good, hr)]
    result = score_folders(pairs, 4, [get_protocol("y")], fidelity, CPU, done.append)
    assert list(result.scores) == [("good", "y")]
    assert list(result.faults.values()) == [
        f"{small}: is 20x18, but hr.png cropped to multiples of 4 is 40x36",
        f"{tmp_path / 'empty.png'}: the file is empty (0 bytes)",
    ]
    assert done == ["small", "empty", "good"]


def test_the_mean_is_over_the_images_that_have_a_value_and_says_how_many(tmp_path, save_image, fidelity):
    pairs = []
    for name, size in {"a": 12, "b": 20, "c": 28}.items():
        hr = save_image(tmp_path / f"{name}.png", size, size)
        pairs.append(FilePair(name, save_image(tmp_path / f"{name}_sr.png", size, size, seed=1), hr))
    result = score_folders(pairs, 2, [get_protocol("rgb")], fidelity, CPU)
    expected = []
    for _, sr, hr in pairs:
        sr, hr = (np.asarray(Pillow.open(path))[2:-2, 2:-2] for path in (sr, hr))  # noqa: PLW2901
        expected.append(skimage.metrics.peak_signal_noise_ratio(hr, sr, data_range=255))
    mean, count = result.mean("psnr", "rgb")
    assert (mean, count) == (pytest.approx(np.mean(expected)), 3)
    assert result.mean("ssim", "rgb")[1] == 2  # 8x8 pixels are left of a
    assert result.mean("lpips", "rgb") == (None, 0)


@pytest.mark.parametrize(
    ("sr_mode", "hr_mode", "remarked"), [("L", "RGB", True), ("L", "L", False), ("RGB", "RGB", False)]
)
def test_grey_sr_of_a_colour_image_is_remarked_on(tmp_path, save_image, fidelity, sr_mode, hr_mode, remarked):
    sr, hr = save_image(tmp_path / "s.png", mode=sr_mode), save_image(tmp_path / "h.png", mode=hr_mode)
    result = score_folders([FilePair("a", sr, hr)], 2, [get_protocol("rgb")], fidelity, CPU)
    assert bool(result.remarks) is remarked
    if remarked:
        (text,) = result.remarks
        assert text.startswith("SR is grey, but HR has colours")


def test_metric_without_its_files_is_asked_for_once(tmp_path, save_image, fidelity):
    asked = []

    def build():
        asked.append(1)
        raise AssetError("backbone is missing")

    absent = MetricSpec(name="absent", summary="a metric", build=build, better="lower")
    sr, hr = save_image(tmp_path / "s.png"), save_image(tmp_path / "h.png", seed=1)
    pairs = [FilePair(name, sr, hr) for name in "ab"]
    result = score_folders(pairs, 2, [get_protocol("y")], [absent, *fidelity], CPU, lambda _: None)
    assert len(asked) == 1
    assert result.missing == {"absent": "backbone is missing"}
    assert [set(scores) for scores in result.scores.values()] == [{"psnr", "ssim"}] * 2
