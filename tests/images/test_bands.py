"""Files written in bands hold what was given, as independent readers see them."""

from __future__ import annotations

import numpy as np
import png
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from srbench.errors import ImageError
from srbench.images import bands as streams
from srbench.images.picture import Picture
from srbench.images.read import read
from srbench.images.write import joined, write, write_bands

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def some(height, width, *, bits=8, grey=False, alpha=False, seed=0):
    """Return a picture of which a part is smooth, so that each filter is the best of some rows."""
    generator = np.random.default_rng(seed)
    top = 2**bits - 1
    y, x, c = np.mgrid[:height, :width, :3]
    smooth = (x * 7 + c * 11) % top + generator.integers(0, 3, (height, width, 3))
    rough = generator.integers(0, top + 1, (height, width, 3))
    values = np.where((y // 3 % 3 == 0), smooth % top, np.where(y // 3 % 3 == 1, rough, rough[:1]))
    pixels = values.astype(np.uint16 if bits == 16 else np.uint8)
    if grey:
        pixels = pixels[..., :1].repeat(3, axis=2)
    plane = generator.integers(0, top + 1, (height, width)).astype(pixels.dtype) if alpha else None
    return Picture(pixels, grey, plane)


def bands(picture, *heights):
    first = 0
    for height in heights:
        rows = slice(first, first + height)
        alpha = None if picture.alpha is None else picture.alpha[rows]
        yield Picture(picture.pixels[rows], picture.grey, alpha, picture.icc)
        first += height


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("width", [1, 2, 37])
def test_png_in_bands_is_the_picture(tmp_path, monkeypatch, bits, grey, alpha, width):
    monkeypatch.setattr(streams, "STRIPE", 500)
    monkeypatch.setattr(streams, "CHUNK", 300)
    picture = some(29, width, bits=bits, grey=grey, alpha=alpha)
    path = tmp_path / "deep" / "a.png"
    write_bands(path, picture.size, bands(picture, 10, 1, 18))
    with path.open("rb") as file:  # pypng checks what Pillow forgives
        wide, high, rows, info = png.Reader(file=file).read()
        values = np.vstack([np.asarray(row) for row in rows]).reshape(high, wide, info["planes"])
    assert (wide, high, info["bitdepth"]) == (width, 29, bits)
    np.testing.assert_array_equal(values, picture.interleaved)
    again = read(path)
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    assert (again.grey, again.bits) == (grey, bits)
    assert (again.alpha is None) == (not alpha)
    if alpha:
        np.testing.assert_array_equal(again.alpha, picture.alpha)
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]


@pytest.mark.parametrize(("suffix", "grey"), [(".ppm", False), (".pgm", True), (".ppm", True)])
def test_ppm_in_bands_is_the_picture(tmp_path, suffix, grey):
    picture = some(9, 13, grey=grey)
    write_bands(tmp_path / f"a{suffix}", picture.size, bands(picture, 4, 5))
    with Pillow.open(tmp_path / f"a{suffix}") as image:
        assert image.mode == ("L" if grey else "RGB")
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), picture.pixels)


def test_profile_is_kept_and_bands_join(tmp_path):
    picture = Picture(some(9, 13).pixels, grey=False, icc=SRGB)
    write_bands(tmp_path / "a.png", picture.size, bands(picture, 4, 5))
    assert read(tmp_path / "a.png").icc == SRGB
    whole = joined(bands(some(9, 13, alpha=True), 4, 5))
    np.testing.assert_array_equal(whole.interleaved, some(9, 13, alpha=True).interleaved)


def test_filters_make_smooth_rows_small(tmp_path):
    y, x = np.mgrid[:200, :300]
    smooth = Picture(((x + y) % 256).astype(np.uint8)[..., None].repeat(3, axis=2), grey=False)
    write_bands(tmp_path / "a.png", smooth.size, [smooth])
    write(tmp_path / "b.png", smooth)
    assert (tmp_path / "a.png").stat().st_size < 2 * (tmp_path / "b.png").stat().st_size < smooth.pixels.nbytes / 20


def test_what_fails_on_the_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("old")

    def broken():
        yield some(4, 5)
        raise ImageError("no more")

    with pytest.raises(ImageError, match="no more"):
        write_bands(path, (5, 8), broken())
    with pytest.raises(ImageError, match=r"a\.ppm: keeping 16 bits needs a \.png"):
        write_bands(tmp_path / "a.ppm", (5, 4), [some(4, 5, bits=16)])
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.png", "old")]
