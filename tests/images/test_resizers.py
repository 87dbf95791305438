"""Resizers equal the libraries' own calls; families keep the pixels that their names say; versions are recorded."""

from __future__ import annotations

import json
from importlib.metadata import version

import numpy as np
import pytest
import skimage
import torch
from PIL import Image
from scipy import ndimage
from torch.nn import functional

from srbench.errors import UsageError
from srbench.images.degradations import DEGRADATIONS, get_degradation
from srbench.images.resizers import RESIZERS
from srbench.images.resizers.resizer import Library
from srbench.resize import degrade


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(skimage.data.astronaut()[:96, 96:216])


def shrunk(name, photo, scale):
    lr = get_degradation(name)(torch.from_numpy(photo).permute(2, 0, 1).contiguous(), scale)
    return lr.permute(1, 2, 0).numpy()


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", RESIZERS)
def test_every_resizer_shrinks_and_is_the_same_each_time(photo, name, scale):
    if missing := RESIZERS[name].library and RESIZERS[name].library.missing:
        pytest.skip(missing)
    lr = shrunk(name, photo, scale)
    assert lr.shape == (96 // scale, 120 // scale, 3)
    np.testing.assert_array_equal(lr, shrunk(name, photo, scale))
    assert np.abs(lr.mean() - photo.mean()) < 8


@pytest.mark.parametrize("name", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_pillows_filters_are_pillows(photo, name):
    expected = np.asarray(Image.fromarray(photo).resize((30, 24), Image.Resampling[name.upper()]))
    np.testing.assert_array_equal(shrunk(f"pillow-{name}", photo, 4), expected)


@pytest.mark.parametrize("flag", ["nearest", "linear", "cubic", "area", "lanczos4"])
def test_opencvs_are_opencvs(photo, flag):
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV: pip install 'srbench[resizers]'")
    expected = cv2.resize(photo, (40, 32), interpolation=getattr(cv2, f"INTER_{flag.upper()}"))
    np.testing.assert_array_equal(shrunk(f"opencv-{flag}", photo, 3), expected)


@pytest.mark.parametrize("antialias", [False, True])
def test_torchs_are_torchs(photo, antialias):
    x = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
    y = functional.interpolate(x, size=(24, 30), mode="bicubic", antialias=antialias).clamp(0, 1)
    expected = (y * 255 + 0.5).byte()[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(shrunk(f"torch-bicubic{'-aa' if antialias else ''}", photo, 4), expected)


def test_zoom_is_scipys(photo):
    expected = np.stack([ndimage.zoom(photo[..., c].astype(float), 0.25, order=3) for c in range(3)], 2)
    np.testing.assert_array_equal(shrunk("scipy-zoom", photo, 4), np.clip(np.floor(expected + 0.5), 0, 255))


def test_matlabs_variants_differ_from_the_benchmarks_only_where_they_say(photo):
    benchmark = degrade(torch.from_numpy(photo).permute(2, 0, 1), 4).permute(1, 2, 0).numpy()
    mirrored = shrunk("matlab-bicubic", photo, 4)
    assert (mirrored != benchmark).any()
    np.testing.assert_array_equal(mirrored[2:-2, 2:-2], benchmark[2:-2, 2:-2])
    unrounded = shrunk("matlab-bicubic-float-replicate", photo, 4).astype(int)
    assert 0 < np.abs(unrounded - benchmark).max() <= 2


def test_box_means_round_as_named():
    photo = np.zeros((2, 4, 3), np.uint8)
    photo[0, 0], photo[0, 2:] = 2, 3  # means 0.5 and 1.5
    assert [shrunk(name, photo, 2)[0, :, 0].tolist() for name in ("box", "box-even", "box-floor")] == [
        [1, 2],
        [0, 2],
        [0, 1],
    ]


def test_families_keep_the_pixels_of_their_phase(photo):
    np.testing.assert_array_equal(shrunk("decimate-1-3", photo, 4), photo[1::4, 3::4])
    weights = np.exp(-((np.arange(7) - 3.0) ** 2) / (2 * 1.6**2))
    weights /= weights.sum()
    blurred = ndimage.convolve(photo.astype(float), np.outer(weights, weights)[..., None], mode="nearest")
    np.testing.assert_array_equal(shrunk("bd7-2-0", photo, 4), np.floor(blurred + 0.5)[2::4, 0::4])


def test_a_phase_that_blocks_do_not_have_is_refused(photo):
    with pytest.raises(UsageError, match="no row 4, column 0 in blocks of 4x4"):
        shrunk("decimate-4-0", photo, 4)


def test_the_librarys_version_is_part_of_the_identity():
    assert get_degradation("pillow-box").identity == f"pillow-box/1@{version('pillow')}"
    assert get_degradation("box").identity == "box/1"
    assert get_degradation("bd13-0-1").identity == "bd13-0-1/1"


def test_a_library_that_is_missing_is_said_in_one_line(monkeypatch):
    absent = Library("OpenCV", "no_such_module", ("no-such-distribution",))
    assert absent.version == "none"
    degradation = DEGRADATIONS["opencv-area"]
    monkeypatch.setitem(
        DEGRADATIONS, "opencv-area", type(degradation)(degradation.name, "", degradation.make, library=absent)
    )
    with pytest.raises(UsageError, match=r"opencv-area: OpenCV is not installed: pip install 'srbench\[resizers\]'"):
        get_degradation("opencv-area")


def test_a_run_takes_a_resizer(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png", 60, 56)
    done = here(
        *("run", "--methods", "nearest", "--dataset", "set", "--metrics", "psnr", "--no-speed", "--scale", 2),
        *("--degradation", "Pillow-Bicubic", "--out", "out"),
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    (row,) = [row for row in rows if row["kind"] == "score"]
    assert row["dataset"] == "set+pillow-bicubic"
    assert row["degradation"] == f"pillow-bicubic/1@{version('pillow')}"
