"""Every kind of file is read as it is meant, or refused by name; what is written holds what was asked to be kept."""

from __future__ import annotations

import struct
import zlib
from types import SimpleNamespace

import numpy as np
import png
import pytest
from PIL import ExifTags, ImageCms, ImageOps, features
from PIL import Image as Pillow
from skimage.color import lab2rgb

from srbench.errors import ImageError, UsageError
from srbench.images.modern import loses_bits
from srbench.images.read import is_image, list_folder, read, read_8bit, read_size

GENERATOR = np.random.default_rng(5)
RGB = GENERATOR.integers(0, 256, (7, 9, 3), dtype=np.uint8)
GREY = RGB[..., 0]
ALPHA = GENERATOR.integers(0, 255, (7, 9, 1), dtype=np.uint8)
DEEP = GENERATOR.integers(0, 65536, (7, 9, 4), dtype=np.uint16)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def save(path, array, **options):
    Pillow.fromarray(array).save(path, **options)
    return path


def save_png16(path, array, **options):
    height, width, planes = array.shape
    writer = png.Writer(width, height, greyscale=planes < 3, alpha=planes in {2, 4}, bitdepth=16, **options)
    with path.open("wb") as file:
        writer.write(file, array.reshape(height, width * planes).tolist())
    return path


def opened(path):
    with Pillow.open(path) as image:
        return image.copy()


def save_tiff(path, array, photometric, sample_format=1):
    """Write an uncompressed TIFF of kinds that Pillow does not write."""
    height, width, planes = np.atleast_3d(array).shape
    bits = np.full(planes, array.itemsize * 8, "<u2").tobytes()
    tags = 11
    start = 8 + 2 + 12 * tags + 4
    shorts = {256: width, 257: height, 259: 1, 262: photometric, 277: planes, 278: height, 339: sample_format}
    entries = {tag: struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in shorts.items()}
    inline = struct.pack("<I", start) if planes > 2 else bits.ljust(4, b"\0")
    entries[258] = struct.pack("<HHI", 258, 3, planes) + inline
    for tag, value in {273: start + len(bits), 279: array.nbytes, 305: 0}.items():
        entries[tag] = struct.pack("<HHII", tag, 4 if tag != 305 else 2, 1, value)
    body = b"".join(entries[tag] for tag in sorted(entries))
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, tags) + body + bytes(4) + bits + array.tobytes())
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".ppm", ".PNG"])
def test_lossless_formats_give_the_pixels_stored(tmp_path, suffix):
    picture = read(save(tmp_path / f"a{suffix}", RGB))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert (picture.grey, picture.alpha, picture.bits, picture.size) == (False, None, 8, (9, 7))


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".tga", {}),
        (".tga", {"compression": "tga_rle"}),
        (".jp2", {}),
        (".j2k", {}),
        (".webp", {"lossless": True}),
        (".apng", {"format": "PNG"}),
        (".dib", {"format": "BMP"}),
        (".pnm", {}),
    ],
)
def test_kinds_beside_png_give_the_pixels_stored(tmp_path, suffix, options):
    for array in (RGB, np.ascontiguousarray(GREY)):
        picture = read(save(tmp_path / f"a{suffix}", array, **options))
        np.testing.assert_array_equal(picture.pixels, np.broadcast_to(array.reshape(7, 9, -1), RGB.shape))
        assert is_image(f"a{suffix}")


def test_jfif_is_jpeg(tmp_path):
    path = save(tmp_path / "a.jfif", RGB, format="JPEG")
    np.testing.assert_array_equal(read(path).pixels, np.asarray(opened(path)))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif_is_read_upright(tmp_path):
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = save(tmp_path / "a.avif", np.tile(RGB, (4, 4, 1)), quality=90, exif=exif)
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels, np.asarray(ImageOps.exif_transpose(opened(path))))
    assert picture.size == read_size(path) == (28, 36)


@pytest.mark.parametrize(("flags", "loses"), [(0x00, False), (0x0C, False), (0x4C, True), (0x60, True)])
def test_avif_of_more_than_8_bits_would_lose_some(tmp_path, flags, loses):
    # AV1-ISOBMFF 2.3.3: marker and version, profile and level, then tier, high_bitdepth, twelve_bit, monochrome, ...
    (tmp_path / "a.avif").write_bytes(b"\0\0\0\x0cav1C\x81\x00" + bytes([flags]) + b"\0")
    assert loses_bits(tmp_path / "a.avif", SimpleNamespace(format="AVIF", mode="RGB")) is loses


def test_jpeg_2000_of_16_bits_of_grey_is_read_and_of_12_bits_refused(tmp_path):
    path = save(tmp_path / "a.jp2", DEEP[..., 0])
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels[..., 0], DEEP[..., 0])
    assert picture.bits == 16
    content = path.read_bytes()
    depth = content.index(b"\xff\x4f\xff\x51") + 42  # ISO/IEC 15444-1, A.5.1: Ssiz, bits - 1
    assert content[depth] == 15
    path.write_bytes(content[:depth] + bytes([11]) + content[depth + 1 :])
    with pytest.raises(ImageError, match=r"a\.jp2: of JPEG2000 files"):
        read(path)


def test_floating_point_is_refused_by_name(tmp_path):
    with pytest.raises(ImageError, match=r"a\.tif: .*(floating|8 bits, or 12)"):
        read(save(tmp_path / "a.tif", RGB[..., 0].astype(np.float32)))


def test_only_a_suffix_makes_a_tga(tmp_path):
    save(tmp_path / "a.tga", RGB).rename(tmp_path / "a.png")
    with pytest.raises(ImageError, match="is no PNG"):
        read(tmp_path / "a.png")


def test_kinds_that_are_not_read_are_known(tmp_path):
    assert [is_image(f"a{suffix}") for suffix in (".JXL", ".hdr", ".exr", ".txt", "")] == [
        *(False, False, False),
        *(None, None),
    ]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".gif"])
def test_lossy_formats_give_what_pillow_decodes(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", np.tile(RGB, (4, 4, 1)))
    picture = read(path)
    with Pillow.open(path) as image:
        np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))
    assert not picture.grey
    assert picture.alpha is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".pgm"])
def test_grey_files_have_three_equal_channels(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", GREY, **({"quality": 100} if suffix == ".jpg" else {}))
    picture = read(path)
    assert picture.grey
    with Pillow.open(path) as image:
        for channel in range(3):
            np.testing.assert_array_equal(picture.pixels[..., channel], np.asarray(image))


def test_equal_channels_stored_as_colour_are_colour(tmp_path):
    assert not read(save(tmp_path / "a.png", np.repeat(GREY[..., None], 3, axis=2))).grey


def test_one_bit_files_are_black_and_white(tmp_path):
    picture = read(save(tmp_path / "a.png", GREY > 100))
    assert picture.grey
    np.testing.assert_array_equal(picture.pixels[..., 1], np.where(GREY > 100, 255, 0))


@pytest.mark.parametrize(("colours", "grey"), [("grey", True), ("coloured", False)])
def test_palette_says_whether_there_is_colour(tmp_path, colours, grey):
    palette = np.arange(0, 256, 17, dtype=np.uint8).repeat(3).reshape(16, 3)
    if colours == "coloured":
        palette[3] = (200, 0, 0)
    indices = GREY // 16
    image = Pillow.fromarray(indices).convert("P")
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "a.png")
    assert opened(tmp_path / "a.png").mode == "P"
    picture = read(tmp_path / "a.png")
    assert picture.grey is grey
    np.testing.assert_array_equal(picture.pixels, palette[indices])


def test_transparent_palette_entry_becomes_alpha(tmp_path):
    image = Pillow.fromarray(GREY % 4).convert("P")
    image.putpalette(RGB.tobytes()[:12])
    image.save(tmp_path / "a.png", transparency=2)
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.alpha, np.where(GREY % 4 == 2, 0, 255))
    np.testing.assert_array_equal(picture.pixels, RGB.reshape(-1, 3)[:4][GREY % 4])


@pytest.mark.parametrize("colour", [GREY[..., None], RGB], ids=["LA", "RGBA"])
def test_alpha_is_kept_apart(tmp_path, colour):
    picture = read(save(tmp_path / "a.png", np.concatenate([colour, ALPHA], axis=2)))
    np.testing.assert_array_equal(picture.alpha, ALPHA[..., 0])
    np.testing.assert_array_equal(picture.pixels, np.broadcast_to(colour, RGB.shape))
    assert picture.grey is (colour.shape[2] == 1)


def test_opaque_alpha_is_scored_and_transparency_refused(tmp_path):
    opaque = save(tmp_path / "opaque.png", np.concatenate([RGB, np.full_like(ALPHA, 255)], axis=2))
    np.testing.assert_array_equal(read_8bit(opaque).pixels, RGB)
    assert read_8bit(opaque).alpha is None
    one = np.full_like(ALPHA, 255)
    one[0, 0] = 254
    with pytest.raises(ImageError, match=r"clear\.png: has transparent pixels"):
        read_8bit(save(tmp_path / "clear.png", np.concatenate([RGB, one], axis=2)))


def test_cmyk_is_converted_as_pillow_does(tmp_path):
    image = Pillow.fromarray(RGB).convert("CMYK")
    image.save(tmp_path / "a.tif")
    picture = read(tmp_path / "a.tif")
    assert not picture.grey
    np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))


def test_16_bit_grey_tiff_and_pgm_keep_their_bits(tmp_path):
    for name in ("a.tif", "a.pgm"):
        picture = read(save(tmp_path / name, DEEP[..., 0]))
        assert (picture.bits, picture.grey) == (16, True)
        np.testing.assert_array_equal(picture.pixels[..., 2], DEEP[..., 0])


def test_scoring_refuses_16_bits(tmp_path):
    with pytest.raises(ImageError, match=r"a\.png: is 16-bit; scores are defined on 8 bits"):
        read_8bit(save_png16(tmp_path / "a.png", DEEP[..., :3]))


@pytest.mark.parametrize(
    ("array", "photometric", "sample_format"),
    [
        (DEEP[..., :3], 2, 1),
        (DEEP, 5, 1),
        (DEEP[..., 0], 0, 1),
        (DEEP[..., 0].astype(np.uint32), 1, 1),
        (DEEP[..., 0].astype(np.int16), 1, 2),
        (DEEP[..., 0].astype(np.float32), 1, 3),
        (GREY.astype(np.int8), 1, 2),
    ],
    ids=["rgb16", "cmyk16", "white-is-zero", "uint32", "int16", "float", "int8"],
)
def test_tiff_that_would_lose_bits_is_refused(tmp_path, array, photometric, sample_format):
    path = save_tiff(tmp_path / "a.tif", np.ascontiguousarray(array), photometric, sample_format)
    with pytest.raises(ImageError, match=r"a\.tif: of TIFF files, 8 bits, or 12 or 16 bits of grey"):
        read(path)


def packed_tiff(path, values, bits, order="<"):
    """Write grey samples of any number of bits, one after the other, each row from a new byte (TIFF 6.0, page 29)."""
    rows = ["".join(f"{int(value):0{bits}b}" for value in row) for row in values]
    data = b"".join(int(row.ljust(-(-len(row) // 8) * 8, "0"), 2).to_bytes(-(-len(row) // 8)) for row in rows)
    height, width = values.shape
    numbers = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(data)}
    tags = b"".join(struct.pack(f"{order}2H2I", tag, 4, 1, value) for tag, value in numbers.items())
    path.write_bytes(
        struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(data))
        + data
        + struct.pack(f"{order}H", len(numbers))
        + tags
        + bytes(4)
    )
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_12_bit_tiff_is_stretched_to_16_bits(tmp_path, order):
    values = np.arange(8 * 6).reshape(6, 8) * 87 % 4096
    values[0, :2] = 0, 4095
    picture = read(packed_tiff(tmp_path / "a.tif", values, 12, order))
    assert (picture.bits, picture.grey) == (16, True)
    exact = values * 65535 / 4095
    assert np.abs(picture.pixels[..., 0] - exact).max() <= 0.5


@pytest.mark.parametrize("bits", [9, 10, 11, 13, 14, 15])
def test_other_depths_of_tiff_are_named(tmp_path, bits):
    with pytest.raises(ImageError, match=rf"a\.tif: is a TIFF of {bits} bits per sample; 8 bits"):
        read(packed_tiff(tmp_path / "a.tif", np.zeros((6, 8), int), bits))


@pytest.mark.parametrize("top", [511, 1023, 4095, 16383, 32767])
@pytest.mark.parametrize("kind", ["P2", "P5"])
def test_pgm_of_9_to_15_bits_is_stretched_to_16(tmp_path, top, kind):
    values = np.linspace(0, top, 48).astype(int).reshape(6, 8)
    data = values.astype(">u2").tobytes() if kind == "P5" else " ".join(map(str, values.ravel())).encode()
    (tmp_path / "a.pgm").write_bytes(b"%s 8 6 %d\n" % (kind.encode(), top) + data)
    pixels = read(tmp_path / "a.pgm").pixels[..., 0]
    assert np.abs(pixels - values * 65535 / top).max() < 1


def test_png_with_fewer_significant_bits_is_as_stored(tmp_path):
    path = save_png16(tmp_path / "a.png", DEEP[..., :3])  # PNG stores samples stretched to 16 bits, whatever sBIT says
    content = path.read_bytes()
    chunk = b"sBIT" + bytes([12, 12, 12])
    chunk = struct.pack(">I", 3) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:33] + chunk + content[33:])
    np.testing.assert_array_equal(read(path).pixels, DEEP[..., :3])


def test_lab_has_no_transparency_and_looks_the_same(tmp_path):
    pale = RGB // 4 + 96  # inside the gamut, where a unit of a* or b* is little
    lab = ImageCms.profileToProfile(
        Pillow.fromarray(pale), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    lab.save(tmp_path / "a.tif")
    picture = read(tmp_path / "a.tif")
    assert picture.alpha is None
    assert np.abs(picture.pixels.astype(int) - pale).max() < 4


def cmyk_profile():
    """Return a profile whose ink K makes L* go linearly from 100 to 0 (ICC.1:2001-04, 6.1 and 6.5.8)."""
    colours = [(255, 128, 128), (0, 128, 128)] * 8
    table = (
        b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    )
    table += bytes(range(256)) * 4 + b"".join(map(bytes, colours)) + bytes(range(256)) * 3
    header = struct.pack(
        ">I4sI4s4s4s12x4s28x3I",
        144 + len(table),
        b"",
        0x02400000,
        b"prtr",
        b"CMYK",
        b"Lab ",
        b"acsp",
        63190,
        65536,
        54061,
    )
    return header.ljust(128, b"\0") + struct.pack(">I4s2I", 1, b"A2B0", 144, len(table)) + table


def test_cmyk_is_shown_through_its_profile(tmp_path):
    inks = np.zeros((4, 256, 4), np.uint8)
    inks[..., 3] = np.arange(256)
    Pillow.fromarray(inks, "CMYK").save(tmp_path / "a.tif", icc_profile=cmyk_profile())
    picture = read(tmp_path / "a.tif")
    lab = np.stack([100 - np.arange(256) * 100 / 255, np.zeros(256), np.zeros(256)], axis=-1)
    assert np.abs(picture.pixels[0] - lab2rgb(lab) * 255).max() < 2
    assert picture.icc == b""


def test_8_bit_tiff_of_the_same_writer_is_read(tmp_path):
    np.testing.assert_array_equal(read(save_tiff(tmp_path / "a.tif", RGB, 2)).pixels, RGB)
    np.testing.assert_array_equal(read(save_tiff(tmp_path / "b.tif", GREY.copy(), 0)).pixels[..., 0], 255 - GREY)


def test_ppm_of_16_bits_is_refused_and_of_4_bits_stretched(tmp_path):
    (tmp_path / "deep.ppm").write_bytes(b"P6 9 7 65535\n" + DEEP[..., :3].astype(">u2").tobytes())
    with pytest.raises(ImageError, match="of PPM files, 8 bits"):
        read(tmp_path / "deep.ppm")
    (tmp_path / "flat.ppm").write_bytes(b"P6 9 7 15\n" + (RGB // 16).tobytes())
    np.testing.assert_array_equal(read(tmp_path / "flat.ppm").pixels, RGB // 16 * 17)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_whatever_the_bits(tmp_path, orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    upright = Pillow.fromarray(RGB)
    upright.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(upright))
    for suffix in (".png", ".tif", ".webp"):
        path = save(tmp_path / f"a{suffix}", RGB, exif=exif, **({"lossless": True} if suffix == ".webp" else {}))
        np.testing.assert_array_equal(read(path).pixels, expected, err_msg=suffix)
        assert read_size(path) == expected.shape[1::-1], suffix
    jpeg = save(tmp_path / "a.jpg", RGB, exif=exif)
    with Pillow.open(jpeg) as image:
        np.testing.assert_array_equal(read(jpeg).pixels, np.asarray(ImageOps.exif_transpose(image)))
    deep = save_png16(tmp_path / "deep.png", np.concatenate([RGB, ALPHA], axis=2).astype(np.uint16) * 257)
    content, tags = deep.read_bytes(), exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(tags)) + b"eXIf" + tags + struct.pack(">I", zlib.crc32(b"eXIf" + tags))
    for at in (33, -12):  # behind the header, behind the pixels
        deep.write_bytes(content[:at] + chunk + content[at:])
        assert read_size(deep) == expected.shape[1::-1]
        np.testing.assert_array_equal(read(deep).pixels, expected.astype(np.uint16) * 257)
    assert read(deep).alpha.shape == expected.shape[:2]


def test_damaged_exif_does_not_matter(tmp_path):
    path = save(tmp_path / "a.jpg", RGB, exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01")
    assert read(path).size == (9, 7)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_several_frames_are_refused(tmp_path, suffix):
    save(tmp_path / f"a{suffix}", RGB, save_all=True, append_images=[Pillow.fromarray(255 - RGB)])
    with pytest.raises(ImageError, match="is animated or has several pages"):
        read(tmp_path / f"a{suffix}")


def test_camera_jpeg_with_previews_gives_the_first_image(tmp_path):
    other = Pillow.fromarray(255 - RGB)
    save(tmp_path / "a.jpg", RGB, format="MPO", save_all=True, append_images=[other], quality=95)
    with Pillow.open(tmp_path / "a.jpg") as image:
        np.testing.assert_array_equal(read(tmp_path / "a.jpg").pixels, np.asarray(image))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".gif", ".ppm"])
def test_file_cut_in_half_is_refused_by_name(tmp_path, suffix):
    path = save(tmp_path / f"cut{suffix}", np.tile(RGB, (8, 8, 1)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=rf"cut{suffix}: damaged or truncated"):
        read(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"the file is empty \(0 bytes\)"),
        (b"a letter, not a picture", "is no PNG, JPEG, "),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "is no PNG, JPEG, "),
        (b"\x89PNG\r\n\x1a\n", "image.png: "),
    ],
    ids=["empty", "text", "eps", "signature-only"],
)
def test_what_is_no_image_is_refused(tmp_path, content, reason):
    (tmp_path / "image.png").write_bytes(content)
    with pytest.raises(ImageError, match=reason) as caught:
        read(tmp_path / "image.png")
    assert "\n" not in str(caught.value)


def test_missing_files_folders_and_impossible_names_are_refused(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(ImageError, match="no such file"):
            read(path)
    with pytest.raises(ImageError, match="cannot be read"):
        read(tmp_path / ("x" * 300 + ".png"))


def test_content_decides_not_the_suffix(tmp_path):
    Pillow.fromarray(RGB).save(tmp_path / "a.jpg", format="PNG")
    np.testing.assert_array_equal(read(tmp_path / "a.jpg").pixels, RGB)


def test_single_pixel_survives(tmp_path):
    picture = read(save(tmp_path / "a.png", RGB[:1, :1]))
    assert picture.size == (1, 1)
    np.testing.assert_array_equal(picture.pixels, RGB[:1, :1])


def test_max_pixels_is_the_users_to_set(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", RGB)
    monkeypatch.setenv("SRBENCH_MAX_PIXELS", "63")
    assert read(path).size == (9, 7)
    monkeypatch.setenv("SRBENCH_MAX_PIXELS", "62")
    with pytest.raises(ImageError, match="9x7 is more than 62 pixels; raise SRBENCH_MAX_PIXELS"):
        read(path)


@pytest.mark.parametrize("value", ["", "0", "-5", "1e6", "many", "²"])
def test_max_pixels_that_is_no_number_is_said(tmp_path, monkeypatch, value):
    monkeypatch.setenv("SRBENCH_MAX_PIXELS", value)
    with pytest.raises(UsageError, match=r"SRBENCH_MAX_PIXELS=.* is no positive whole number"):
        read(save(tmp_path / "a.png", RGB))


def test_pillows_own_limit_of_pixels_does_not_hold(tmp_path):
    header = struct.pack(">IIBBBBB", 15000, 12500, 1, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "wide.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT\x35\xaf\x06\x1e")
    with pytest.raises(
        ImageError, match="image file is truncated"
    ):  # decoding began: there is nothing behind the header
        read(tmp_path / "wide.png")


def test_colour_profile_of_another_colour_space_is_dropped(tmp_path):
    assert read(save(tmp_path / "a.png", GREY, icc_profile=SRGB)).icc == b""
    cmyk = Pillow.fromarray(RGB).convert("CMYK")
    cmyk.save(tmp_path / "a.jpg", icc_profile=SRGB[:16] + b"CMYK" + SRGB[20:])
    assert read(tmp_path / "a.jpg").icc == b""


def test_folder_lists_images_by_name_and_nothing_else(tmp_path):
    for name in ("b.PNG", "a.jpg", ".hidden.png", "notes.txt", "c.webp"):
        (tmp_path / name).touch()
    (tmp_path / "sub.png").mkdir()
    assert [path.name for path in list_folder(tmp_path)] == ["a.jpg", "b.PNG", "c.webp"]


def test_folder_without_images_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no image file"):
        list_folder(tmp_path)
    with pytest.raises(UsageError, match="cannot be read as a folder"):
        list_folder(tmp_path / "nowhere")
