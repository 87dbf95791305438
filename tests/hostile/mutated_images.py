"""Damaged image files by number, and what srbench's readers make of them; a number makes the same bytes in each run.

``python tests/hostile/mutated_images.py make 1234 FILE`` writes one and says how it was made;
``read FIRST STOP FOLDER`` reads a range of them, with a JSON line before and one after each.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import png
from PIL import Image as Pillow
from PIL import ImageCms, features

MEMORY = 1536 * 2**20
"""Bytes of address space: many times what a file within PIXELS needs."""
PIXELS = 2**22
NUMBERS = (0, 1, 2, 3, 6, 8, 0x7F, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def encoded(image: Pillow.Image, kind: str, *more: Pillow.Image, **options) -> bytes:
    """Return a file of one image, or of several frames; of copies, as `save` leaves its settings on an image."""
    stream = io.BytesIO()
    frames = {"save_all": True, "append_images": [frame.copy() for frame in more]} if more else {}
    image.copy().save(stream, kind, **options, **frames)
    return stream.getvalue()


def deep_png(planes: int, **options) -> bytes:
    values = np.random.default_rng(planes).integers(0, 65536, (13, 11 * planes), dtype=np.uint16)
    stream = io.BytesIO()
    writer = png.Writer(11, 13, greyscale=planes < 3, alpha=planes in {2, 4}, bitdepth=16, **options)
    writer.write(stream, values.tolist())
    return stream.getvalue()


def with_chunk(content: bytes, kind: bytes, data: bytes, *, behind: bool = False) -> bytes:
    """Add a chunk to a PNG, after its header or before its end."""
    parts = chunks(content)
    parts.insert(len(parts) - 1 if behind else 1, (kind, data))
    return joined(parts)


def chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        found.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def joined(parts: list[tuple[bytes, bytes]]) -> bytes:
    whole = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + whole


def seeds() -> dict[str, bytes]:
    """Return sound files of all the kinds that are read, by name."""
    coarse = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    rgb = Pillow.fromarray(coarse).resize((23, 17), Pillow.Resampling.BICUBIC)
    grey, palette, rgba = rgb.convert("L"), rgb.quantize(16), rgb.convert("RGBA")
    rgba.putalpha(grey)
    deep = Pillow.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    tags = exif.tobytes().removeprefix(b"Exif\0\0")
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    interlaced = io.BytesIO()
    png.Writer(23, 17, greyscale=False, interlace=True).write(interlaced, np.asarray(rgb).reshape(17, -1).tolist())
    plain = encoded(rgb, "PNG")
    frame = grey.convert("RGB")
    return {
        "png rgb": plain,
        "png grey": encoded(grey, "PNG"),
        "png 1 bit": encoded(rgb.convert("1"), "PNG"),
        "png palette": encoded(palette, "PNG", transparency=3),
        "png alpha": encoded(rgba, "PNG"),
        "png transparent colour": encoded(rgb, "PNG", transparency=(1, 2, 3)),
        "png interlaced": interlaced.getvalue(),
        "png profile": encoded(rgb, "PNG", icc_profile=icc),
        "png exif": encoded(rgb, "PNG", exif=exif),
        "png exif behind": with_chunk(plain, b"eXIf", tags, behind=True),
        "png text": with_chunk(plain, b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(b'<x tiff:Orientation="6"/>')),
        "png animated": encoded(rgb, "PNG", frame),
        "png 16 bits": with_chunk(deep_png(3), b"eXIf", tags),
        "png 16 bits grey": deep_png(1, transparent=77),
        "png 16 bits alpha": deep_png(4),
        "png 16 bits interlaced": deep_png(3, interlace=True),
        "jpeg": encoded(rgb, "JPEG", exif=exif, quality=85),
        "jpeg progressive": encoded(rgb, "JPEG", progressive=True, icc_profile=icc),
        "jpeg grey": encoded(grey, "JPEG"),
        "jpeg cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
        "jpeg of a camera": encoded(rgb, "MPO", frame),
        "webp": encoded(rgb, "WEBP", exif=exif),
        "webp lossless": encoded(rgba, "WEBP", lossless=True, icc_profile=icc),
        "webp animated": encoded(rgb, "WEBP", frame),
        "jpeg 2000": encoded(rgb, "JPEG2000"),
        **({"avif": encoded(rgb, "AVIF", exif=exif)} if features.check("avif") else {}),
        "tiff": encoded(rgb, "TIFF", exif=exif),
        "tiff lzw": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "tiff deflate": encoded(rgba, "TIFF", compression="tiff_adobe_deflate"),
        "tiff jpeg": encoded(rgb, "TIFF", compression="jpeg"),
        "tiff packbits": encoded(palette, "TIFF", compression="packbits"),
        "tiff fax": encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "tiff 16 bits": encoded(deep, "TIFF"),
        "tiff pages": encoded(rgb, "TIFF", frame),
        "bmp": encoded(rgb, "BMP"),
        "bmp palette": encoded(palette, "BMP"),
        "gif": encoded(palette, "GIF", transparency=2),
        "gif animated": encoded(rgb, "GIF", frame),
        "ppm": encoded(rgb, "PPM"),
        "pgm": encoded(grey, "PPM"),
        "pgm 16 bits": encoded(deep, "PPM"),
        "ppm in letters": b"P3\n# colours\n2 2 255\n" + b"1 2 3 " * 4,
    }


class Mutation:
    """Sound files and the ways in which they are damaged."""

    def __init__(self) -> None:
        self.seeds = list(seeds().items())

    def make(self, number: int) -> tuple[bytes, str]:
        """Return the file of a number and what was done to which seed."""
        draw = random.Random(number)
        name, content = self.seeds[number % len(self.seeds)]
        ways = [flip, overwrite, number_lie, cut, splice_out, repeat, swap]
        ways += [png_chunks, png_header, png_chunk_data, png_pixels] * 2 if name.startswith("png") else []
        done = []
        for way in draw.choices(ways, k=draw.choice((1, 1, 1, 2, 3))):
            content = way(content, draw)
            done.append(way.__name__)
        if draw.random() < 0.08:
            other, tail = self.seeds[draw.randrange(len(self.seeds))]
            content = content[: draw.randrange(len(content) + 1)] + tail[draw.randrange(len(tail)) :]
            done.append(f"spliced with {other}")
        return content, f"{name}: {', '.join(done)}"


def place(content: bytes, draw: random.Random) -> int:
    """Return a position, more often than not where headers are."""
    return draw.randrange(min(len(content), 96) if draw.random() < 0.6 else len(content)) if content else 0


def flip(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8)) if changed else 0):
        changed[place(content, draw)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, draw: random.Random) -> bytes:
    at, length = place(content, draw), draw.randrange(1, 17)
    run = draw.choice((bytes(length), b"\xff" * length, draw.randbytes(length)))
    return content[:at] + run + content[at + length :]


def number_lie(content: bytes, draw: random.Random) -> bytes:
    """Put a number that is often a length, a size or an offset."""
    at, code = place(content, draw), draw.choice(("<I", ">I", "<H", ">H"))
    lie = struct.pack(code, draw.choice(NUMBERS) & (0xFFFF if code[1] == "H" else 0xFFFFFFFF))
    return content[:at] + lie + content[at + len(lie) :]


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def splice_out(content: bytes, draw: random.Random) -> bytes:
    at = place(content, draw)
    return content[:at] + content[at + draw.randrange(1, 40) :]


def repeat(content: bytes, draw: random.Random) -> bytes:
    at, length = place(content, draw), draw.randrange(1, 200)
    return content[:at] + content[at : at + length] * draw.choice((2, 2, 3, 50)) + content[at + length :]


def swap(content: bytes, draw: random.Random) -> bytes:
    a, b = sorted((place(content, draw), place(content, draw)))
    length = draw.randrange(1, 32)
    middle = content[a + length : b]
    return content[:a] + content[b : b + length] + middle + content[a : a + length] + content[b + length :]


def png_chunks(content: bytes, draw: random.Random) -> bytes:
    """Leave a chunk out, double it or move it; the sums are right."""
    parts = chunks(content)
    if not parts:
        return content
    part = parts.pop(draw.randrange(len(parts)))
    for _ in range(draw.choice((0, 1, 2, 9))):
        parts.insert(draw.randrange(len(parts) + 1), part)
    return joined(parts)


def png_header(content: bytes, draw: random.Random) -> bytes:
    """Lie about size, bits, kind of colour, interlacing; the sums are right."""
    parts = chunks(content)
    if not parts or len(parts[0][1]) != 13:
        return content
    fields = list(struct.unpack(">IIBBBBB", parts[0][1]))
    field = draw.randrange(7)
    near = (fields[field] ^ 1, fields[field] + 1, fields[field] * 2, 300)
    fields[field] = draw.choice(NUMBERS + near if field < 2 else (0, 1, 2, 3, 4, 6, 8, 16, 255))
    parts[0] = parts[0][0], struct.pack(">IIBBBBB", *fields)
    return joined(parts)


def png_chunk_data(content: bytes, draw: random.Random) -> bytes:
    """Damage what is in a chunk; the sums are right."""
    parts = chunks(content)
    if not parts:
        return content
    at = draw.randrange(len(parts))
    parts[at] = parts[at][0], draw.choice((flip, overwrite, number_lie, cut, repeat))(parts[at][1], draw)
    return joined(parts)


def png_pixels(content: bytes, draw: random.Random) -> bytes:
    """Damage the rows, their filters too, inside of a sound stream; or make them too few or too many."""
    parts = chunks(content)
    places = [i for i, (kind, _) in enumerate(parts) if kind == b"IDAT"]
    try:
        rows = zlib.decompress(b"".join(parts[i][1] for i in places))
    except zlib.error:
        return content
    rows = draw.choice((overwrite, flip, cut, lambda rows, _: rows * 40))(rows, draw)
    if places:
        parts[places[0]] = b"IDAT", zlib.compress(rows)
    return joined([part for i, part in enumerate(parts) if i not in places[1:]])


def outcome(path: Path) -> dict[str, object]:
    """Read a file in each way; return whether it could be read, and what is wrong with that."""
    from srbench.errors import ImageError
    from srbench.images.read import read, read_8bit, read_size

    found, said, results = [], os.fstat(2).st_size, {}
    for reader in (read, read_size, read_8bit):
        try:
            results[reader] = reader(path)
        except ImageError as error:
            text = str(error)
            if not text.isprintable() or len(text) > 600:
                found.append(f"{reader.__name__} says {text!r}")
            if "does not fit in memory" in text:
                found.append(f"{reader.__name__} needed more memory than {MEMORY // 2**20} MiB")
        except BaseException as error:  # noqa: BLE001  (whatever it is, it is what is looked for)
            found.append(f"{reader.__name__} raised {type(error).__name__}: {error}")
    picture = results.get(read)
    if picture is not None:
        found += unsound(picture)
        if results.get(read_size) != picture.size:
            found.append(f"read_size says {results.get(read_size, 'that it cannot be read')}, read {picture.size}")
    if os.fstat(2).st_size != said:
        found.append("wrote to standard error")
    return {"read": picture is not None, "faults": found}


def unsound(picture) -> list[str]:
    height, width, planes = picture.pixels.shape
    sound = planes == 3 and width and height and picture.pixels.dtype in (np.uint8, np.uint16)
    if picture.alpha is not None:
        sound = sound and picture.alpha.shape == (height, width) and picture.alpha.dtype == picture.pixels.dtype
    return [] if sound else [f"read returned {picture.pixels.shape} {picture.pixels.dtype}"]


def main() -> None:
    mutation = Mutation()
    if sys.argv[1] == "make":
        content, done = mutation.make(int(sys.argv[2]))
        Path(sys.argv[3]).write_bytes(content)
        print(done)
        return
    first, stop, folder = int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    os.environ["SRBENCH_MAX_PIXELS"] = str(PIXELS)
    import srbench.images  # noqa: F401  (before the limit, which is for the files)

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for number in range(first, stop):
        content, done = mutation.make(number)
        path = folder / "image"
        path.write_bytes(content)
        print(json.dumps({"number": number, "begun": done}), flush=True)
        print(json.dumps({"number": number, **outcome(path)}), flush=True)


if __name__ == "__main__":
    main()
