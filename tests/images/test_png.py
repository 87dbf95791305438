"""What Pillow does not do for PNG files: 16 bits, damage, and sizes that are not believed."""

from __future__ import annotations

import numpy as np
import png
import pytest
from PIL import Image as Pillow

from srbench.errors import ImageError
from srbench.images.read import read
from srbench.images.write import write

GENERATOR = np.random.default_rng(5)
RGB = GENERATOR.integers(0, 256, (7, 9, 3), dtype=np.uint8)
DEEP = GENERATOR.integers(0, 65536, (7, 9, 4), dtype=np.uint16)


def save(path, array, **options):
    Pillow.fromarray(array).save(path, **options)
    return path


def save_png16(path, array, **options):
    height, width, planes = array.shape
    writer = png.Writer(width, height, greyscale=planes < 3, alpha=planes in {2, 4}, bitdepth=16, **options)
    with path.open("wb") as file:
        writer.write(file, array.reshape(height, width * planes).tolist())
    return path


def read_png16(path):
    with path.open("rb") as file:
        width, height, rows, info = png.Reader(file=file).read()
        assert info["bitdepth"] == 16
        return np.array([list(row) for row in rows]).reshape(height, width, info["planes"])


@pytest.mark.parametrize("planes", [1, 2, 3, 4])
def test_16_bit_png_keeps_its_bits_both_ways(tmp_path, planes):
    array = DEEP[..., :planes]
    picture = read(save_png16(tmp_path / "a.png", array))
    assert (picture.bits, picture.grey) == (16, planes < 3)
    np.testing.assert_array_equal(picture.pixels, np.broadcast_to(array[..., : 1 if planes < 3 else 3], (7, 9, 3)))
    write(tmp_path / "b.png", picture)
    np.testing.assert_array_equal(read_png16(tmp_path / "b.png"), array)


@pytest.mark.parametrize("planes", [1, 3])
def test_transparent_colour_of_16_bit_png_becomes_alpha(tmp_path, planes):
    colour = DEEP[2, 3, :planes]
    path = save_png16(tmp_path / "a.png", DEEP[..., :planes], transparent=tuple(map(int, colour)))
    expected = np.full((7, 9), 65535)
    expected[2, 3] = 0
    np.testing.assert_array_equal(read(path).alpha, expected)


def test_16_bit_png_cut_in_half_is_refused(tmp_path):
    path = save_png16(tmp_path / "cut.png", DEEP)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=r"cut\.png: damaged or truncated"):
        read(path)


def test_flipped_bit_in_a_png_is_noticed(tmp_path):
    path = save(tmp_path / "a.png", RGB)
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    with pytest.raises(ImageError, match="damaged"):
        read(path)
