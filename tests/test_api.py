"""srbench from Python does what the command line does."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import srbench as package
from srbench.errors import MethodError, UsageError

QUALITY = ["method", "dataset", "scale", "protocol", "status", "psnr", "ssim"]


@pytest.fixture
def photos(tmp_path, save_image):
    for i in range(2):
        save_image(tmp_path / "photos" / f"p{i}.png", seed=i)
    return tmp_path / "photos"


def test_run_gives_the_leaderboard_of_the_command(srbench, photos, tmp_path, capfd):
    frame = package.run(
        ["bicubic", "nearest"],
        photos,
        scale=[2, 4],
        metrics=["psnr", "ssim"],
        out=tmp_path / "api",
        speed=False,
        inline=True,
        quiet=True,
    )
    assert capfd.readouterr() == ("", "")
    options = [
        "--dataset",
        photos,
        "--scale",
        "2,4",
        "--metrics",
        "psnr,ssim",
        "--no-speed",
        "--inline",
        "--out",
        "cli",
    ]
    done = srbench("run", "--methods", "bicubic,nearest", *options)
    assert done.returncode == 0, done.stderr
    by_command = pd.read_csv(tmp_path / "cli" / "leaderboard.csv")
    pd.testing.assert_frame_equal(frame[QUALITY], by_command[QUALITY])
    assert (tmp_path / "api" / "leaderboard.md").is_file()
    assert frame.attrs["out"] == str(tmp_path / "api")


def test_run_of_a_plugin_file_and_a_method_that_fails(photos, tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from srbench import *\n@hookimpl\ndef srbench_models():\n"
        "    return [ModelSpec(name='mine', summary='fails', scales={2}, build=lambda scale: scale)]\n"
    )
    frame = package.run(
        ["nearest", "mine"],
        photos,
        scale=2,
        inline=True,
        metrics="psnr",
        speed=False,
        plugins=plugin,
        out=tmp_path / "o",
        quiet=True,
    ).set_index("method")
    assert frame.status.to_dict() == {"nearest": "ok", "mine": "failed"}
    assert "not a torch.nn.Module" in frame.reason["mine"]


def test_run_refuses_what_does_not_exist(photos, tmp_path):
    with pytest.raises(UsageError, match="did you mean 'bicubic'"):
        package.run("bicubi", photos, out=tmp_path / "o", quiet=True)
    with pytest.raises(UsageError, match="cannot sort by 'beauty'"):
        package.run("bicubic", photos, sort="beauty", out=tmp_path / "o", quiet=True)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"methods": []}, "methods must be one name or several, not ()"),
        ({"methods": None}, "methods must be one name or several, not (None,)"),
        ({"dataset": []}, "dataset must be one name or several"),
        ({"protocol": ()}, "protocol must be one name or several"),
        ({"metrics": []}, "metrics must be one name or several"),
        ({"scale": []}, "scale must be whole numbers from 2 to 16, not ()"),
        ({"scale": "4"}, "scale must be whole numbers from 2 to 16, not ('4',)"),
        ({"scale": 2.5}, "scale must be whole numbers from 2 to 16, not (2.5,)"),
        ({"scale": [2, 0]}, "scale must be whole numbers from 2 to 16, not (2, 0)"),
        ({"precision": "fp8"}, "precision must be one of fp32, bf16, fp16, not 'fp8'"),
        ({"speed": True, "speed_size": 0}, "speed_size must be a whole number from 8 to 8192, not 0"),
        ({"timeout_s": -1}, "timeout_s must be a number from 0, not -1"),
    ],
)
def test_run_refuses_what_cannot_be_meant(photos, tmp_path, options, reason):
    options = {"methods": "bicubic", "dataset": photos, "speed": False, **options}
    with pytest.raises(UsageError) as error:
        package.run(**options, out=tmp_path / "o", quiet=True)
    assert reason in str(error.value)
    assert not (tmp_path / "o").exists()


def test_load_equals_the_command_upscale(srbench, save_image, tmp_path):
    done = srbench("upscale", "lanczos", save_image(tmp_path / "a.png"), "b.png", "--scale", 3)
    assert done.returncode == 0, done.stderr
    expected = np.asarray(Image.open(tmp_path / "b.png"))
    upscaler = package.load("lanczos", scale=3)
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(upscaler(image)), expected)
        np.testing.assert_array_equal(upscaler(np.asarray(image)), expected)
    np.testing.assert_array_equal(np.asarray(upscaler(tmp_path / "a.png")), expected)
    np.testing.assert_array_equal(np.asarray(upscaler(str(tmp_path / "a.png"))), expected)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((6, 5), "uint8"), ((6, 5, 3), "uint16"), ((6, 5, 4), "uint8"), ((6, 5, 3), "float32"), ((6, 5), "float64")],
)
def test_arrays_keep_their_kind(shape, dtype):
    random = np.random.default_rng(0)
    image = random.random(shape).astype(dtype) if "float" in dtype else random.integers(8, 255, shape).astype(dtype)
    large = package.load("nearest", scale=2)(image)
    assert large.dtype == image.dtype
    repeated = image[..., :3].repeat(2, 0).repeat(2, 1) if image.ndim == 3 else image.repeat(2, 0).repeat(2, 1)
    found = large[..., :3] if large.ndim == 3 else large
    np.testing.assert_allclose(found, repeated, atol=1e-5)
    assert large.shape == (12, 10, *shape[2:])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16"])
def test_pillow_images_of_every_mode(mode):
    image = Image.new("I;16", (5, 4), 300) if mode == "I;16" else Image.new("RGB", (5, 4), "teal").convert(mode)
    large = package.load("nearest", scale=2)(image)
    assert large.size == (10, 8)
    assert large.mode == {"P": "RGB", "1": "L"}.get(mode, mode)


def test_tensors_keep_their_type_and_batch():
    upscaler = package.load("nearest", scale=4)
    lr = torch.rand(2, 3, 5, 6, dtype=torch.float64)
    large = upscaler(lr)
    assert large.dtype == lr.dtype
    torch.testing.assert_close(large, lr.repeat_interleave(4, -1).repeat_interleave(4, -2), atol=1e-6, rtol=0)
    assert upscaler(lr[0]).shape == (3, 20, 24)
    assert not large.is_inference()  # it can be trained on


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((4, 4), dtype=np.int64), r"not \(4, 4\) of int64"),
        (np.zeros((3, 4, 4, 3), dtype=np.uint8), r"not \(3, 4, 4, 3\) of uint8"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), r"not \(3, 4, 4\) of torch.uint8"),
        (torch.zeros(1, 4, 4), r"not \(1, 4, 4\)"),
        (7, "int is not an image"),
        (torch.full((3, 4, 4), 128.0), r"from 128 to 128; divide by 255"),
        (np.array([[0.0, 255.0]]), r"from 0 to 255; divide by 255"),
        (np.array([[-1.0, 1.0]], dtype=np.float32), r"from -1 to 1"),
        (torch.full((1, 3, 4, 4), float("nan")), r"holds NaN"),
        (np.zeros((0, 4, 3), dtype=np.uint8), r"not \(0, 4, 3\) of uint8"),
        (torch.zeros(3, 0, 4), r"not \(3, 0, 4\) of"),
    ],
)
def test_what_is_no_image_is_said(image, reason):
    with pytest.raises(UsageError, match=reason):
        package.load("nearest")(image)


def test_load_refuses_what_does_not_exist():
    with pytest.raises(UsageError, match="unknown method"):
        package.load("qqq")
    with pytest.raises(UsageError, match="espcn does not do x8; it does x2, x3, x4"):
        package.load("espcn", scale=8)
    with pytest.raises(UsageError, match="scale is a whole number, not '4'; espcn does x2, x3, x4"):
        package.load("espcn", scale="4")
    with pytest.raises(MethodError, match="no weights for x3"):
        package.load("espcn", scale=3)
    with pytest.raises(UsageError, match="weights='nowhere': no such file"):
        package.load("espcn", weights="nowhere")
    with pytest.raises(AttributeError, match="'srbench' has no attribute 'upscale'"):
        _ = package.upscale


def test_importing_srbench_imports_nothing_heavy():
    code = (
        "import sys, srbench; from srbench import *\n"
        "print([n for n in ('torch', 'pandas', 'numpy', 'PIL', 'click') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
