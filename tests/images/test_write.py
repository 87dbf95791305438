"""What is written holds what was asked to be kept, or is refused by name and leaves nothing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from srbench.errors import ImageError
from srbench.images.picture import Picture
from srbench.images.read import read
from srbench.images.write import write

GENERATOR = np.random.default_rng(5)
RGB = GENERATOR.integers(0, 256, (7, 9, 3), dtype=np.uint8)
GREY = RGB[..., 0]
ALPHA = GENERATOR.integers(0, 255, (7, 9, 1), dtype=np.uint8)
DEEP = GENERATOR.integers(0, 65536, (7, 9, 4), dtype=np.uint16)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def save(path, array, **options):
    Pillow.fromarray(array).save(path, **options)
    return path


def opened(path):
    with Pillow.open(path) as image:
        return image.copy()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".ppm"])
def test_what_is_written_is_read_back_equal(tmp_path, suffix):
    write(tmp_path / "deep" / f"a{suffix}", Picture(RGB, grey=False))
    np.testing.assert_array_equal(np.asarray(opened(tmp_path / "deep" / f"a{suffix}")), RGB)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_grey_is_written_as_grey(tmp_path, suffix):
    write(tmp_path / f"a{suffix}", Picture(np.repeat(GREY[..., None], 3, axis=2), grey=True))
    assert opened(tmp_path / f"a{suffix}").mode == "L"


@pytest.mark.parametrize(("grey", "mode"), [(True, "LA"), (False, "RGBA")])
def test_alpha_is_written(tmp_path, grey, mode):
    pixels = np.repeat(GREY[..., None], 3, axis=2)
    write(tmp_path / "a.png", Picture(pixels, grey, ALPHA[..., 0]))
    image = opened(tmp_path / "a.png")
    assert image.mode == mode
    np.testing.assert_array_equal(np.asarray(image)[..., -1], ALPHA[..., 0])
    np.testing.assert_array_equal(np.asarray(image)[..., 0], GREY)


@pytest.mark.parametrize(
    ("name", "picture", "reason"),
    [
        ("a.jpg", Picture(RGB, False, ALPHA[..., 0]), r"keeping transparency needs a \.png"),
        ("a.tif", Picture(DEEP[..., :3], False), r"keeping 16 bits needs a \.png"),
        ("a.gif", Picture(RGB, False), r"cannot write \.gif; use \.png"),
        ("a.xyz", Picture(RGB, False), r"cannot write \.xyz; use \.png"),
        ("a", Picture(RGB, False), r"cannot write a file without suffix; use \.png"),
        ("a.webp", Picture(np.zeros((1, 16384, 3), np.uint8), False), "cannot be written .*16383"),
        ("x" * 300 + ".png", Picture(RGB, False), "cannot be written"),
    ],
    ids=["alpha-jpg", "deep-tif", "gif", "unknown", "none", "webp-limit", "long-name"],
)
def test_what_a_format_cannot_hold_is_refused_and_leaves_nothing(tmp_path, name, picture, reason):
    with pytest.raises(ImageError, match=reason):
        write(tmp_path / name, picture)
    assert not list(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", RGB)
    before = path.read_bytes()

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Pillow.Image, "save", full)
    with pytest.raises(ImageError, match=r"a\.png: cannot be written \(No space left on device\)"):
        write(path, Picture(255 - RGB, grey=False))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_colour_profile_is_kept(tmp_path, suffix):
    picture = read(save(tmp_path / "in.png", RGB, icc_profile=SRGB))
    write(tmp_path / f"out{suffix}", picture)
    assert opened(tmp_path / f"out{suffix}").info["icc_profile"] == SRGB


def test_colour_profile_of_16_bits_is_kept(tmp_path):
    write(tmp_path / "a.png", Picture(DEEP[..., :3], grey=False, icc=SRGB))
    assert opened(tmp_path / "a.png").info["icc_profile"] == SRGB
    picture = read(tmp_path / "a.png")
    assert picture.icc == SRGB
    np.testing.assert_array_equal(picture.pixels, DEEP[..., :3])
