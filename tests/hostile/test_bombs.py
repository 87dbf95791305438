"""Small files that claim, or unpack to, much: refused in bounded memory, before they are unpacked."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from functools import cache

import numpy as np
import png
import pytest
from PIL import Image

from srbench.errors import AssetError
from srbench.specs import Archive
from srbench.store import assets
from srbench.store.archives import MOST_TIMES, fetch_archive
from srbench.system.terminal import Silent

MEMORY = 640 * 2**20
UNPACKED = MEMORY
"""What each bomb would unpack to: more than the memory there is."""

READ = """
import json, resource, sys
from pathlib import Path
from srbench.errors import ImageError
from srbench.images.read import read, read_size
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
for reader in (read_size, read):
    try:
        found = reader(Path(sys.argv[2]))
        print(json.dumps(f"{getattr(found, 'size', found)}"))
    except ImageError as error:
        print(json.dumps(str(error)))
"""


@cache
def zeros(size):
    """Return what inflates to so many zeros."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(2**20)) for _ in range(size // 2**20)]
    return b"".join([*parts, packer.flush()])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(width, height, *, bits=8, colour=2, before=b"", pixels=None):
    if pixels is None:
        planes = {0: 1, 2: 3}[colour]
        pixels = zlib.compress(bytes((width * planes * bits + 7) // 8 + 1) * height)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def saved(kind, size, mode="1", **options):
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, kind, **options)
    return stream.getvalue()


def lying(content, kind):
    """Put a size of 60000 x 60000 into the header of a file of 8 x 9 pixels."""
    old, new = (struct.pack({"GIF": "<HH", "BMP": "<ii"}[kind], *size) for size in ((8, 9), (60000, 60000)))
    assert content.count(old)
    return content.replace(old, new)


CLAIMS = {
    "png": lambda: make_png(30000, 30000, bits=1, colour=0, pixels=b""),
    "real png": lambda: make_png(40000, 2000, bits=1, colour=0),
    "gif": lambda: lying(saved("GIF", (8, 9)), "GIF"),
    "bmp": lambda: lying(saved("BMP", (8, 9)), "BMP"),
    "ppm": lambda: b"P6 99999 99999 255\n123",
    "tiff": lambda: saved("TIFF", (30000, 2000), compression="group4"),
    "webp": lambda: saved("WEBP", (2100, 2100), "RGB", lossless=True, quality=0, method=0),
    "jpeg": lambda: saved("JPEG", (8, 8), "L").replace(b"\0\x08\0\x08", b"\xff\xff\xff\xff"),
}


def read(path, content, **environment):
    path.write_bytes(content)
    assert len(content) < 2 * 2**20
    done = subprocess.run(
        [sys.executable, "-c", READ, str(MEMORY), str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", CLAIMS)
def test_more_pixels_than_allowed_are_refused_from_the_header(tmp_path, kind):
    for said in read(tmp_path / "bomb", CLAIMS[kind](), SRBENCH_MAX_PIXELS=str(2**22)):
        assert "more than 4194304 pixels; raise SRBENCH_MAX_PIXELS to allow it" in said


def test_the_limit_is_the_users(tmp_path):
    content = CLAIMS["real png"]()
    assert "more than 1000 pixels" in read(tmp_path / "large.png", content, SRBENCH_MAX_PIXELS="1000")[1]
    wide = make_png(4000, 2000, bits=1, colour=0)
    assert read(tmp_path / "large.png", wide, SRBENCH_MAX_PIXELS="8000000") == ["(4000, 2000)"] * 2


@pytest.mark.parametrize(
    "before",
    [
        lambda: chunk(b"iCCP", b"profile\0\0" + zeros(UNPACKED)),
        lambda: chunk(b"zTXt", b"Comment\0\0" + zeros(UNPACKED)),
        lambda: chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zeros(UNPACKED)),
    ],
    ids=["iCCP", "zTXt", "iTXt"],
)
def test_metadata_that_inflate_are_not_inflated(tmp_path, before):
    for said in read(tmp_path / "bomb.png", make_png(8, 9, before=before())):
        assert "does not fit in memory" not in said


@pytest.mark.parametrize("bits", [8, 16])
def test_more_data_than_pixels_are_not_inflated(tmp_path, bits):
    _, said = read(tmp_path / "bomb.png", make_png(8, 9, bits=bits, pixels=zeros(UNPACKED)))
    assert "does not fit in memory" not in said
    assert ("it holds more data than pixels" in said) == (bits == 16)


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (200, 1), (1, 300), (37, 41)])
def test_the_limit_of_data_lets_every_sound_file_of_16_bits_pass(tmp_path, size, interlace):
    from srbench.images.read import read as read_here

    values = np.random.default_rng(0).integers(0, 65536, (size[1], size[0] * 2), dtype=np.uint16)
    with (tmp_path / "a.png").open("wb") as file:
        png.Writer(*size, greyscale=True, alpha=True, bitdepth=16, interlace=interlace).write(file, values.tolist())
    picture = read_here(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels[..., 0], values[:, ::2])
    np.testing.assert_array_equal(picture.alpha, values[:, 1::2])


def zip_bomb():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as opened:
        opened.writestr("HR/a.png", bytes(64 * 2**20))
    return stream.getvalue()


def lying_zip():
    """Return a zip whose member says that it is small."""
    content, true = bytearray(zip_bomb()), struct.pack("<I", 64 * 2**20)
    while (at := content.find(true)) >= 0:
        content[at : at + 4] = struct.pack("<I", 1000)
    return bytes(content)


def tar_bomb(name):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as opened:
        info = tarfile.TarInfo(name)
        info.size = 64 * 2**20
        opened.addfile(info, io.BytesIO(bytes(info.size)))
    return gzip.compress(stream.getvalue())


@pytest.mark.parametrize(
    ("suffix", "content", "said"),
    [
        ("zip", zip_bomb, f"it would unpack to 67108864 bytes, more than {MOST_TIMES} times its own size"),
        ("zip", lying_zip, "damaged: Bad CRC-32"),
        ("tgz", lambda: tar_bomb("HR/a.png"), f"more than {MOST_TIMES} times its own size"),
        ("tgz", lambda: tar_bomb("other/a.txt"), f"more than {MOST_TIMES} times its own size"),
    ],
    ids=["zip", "zip that lies", "tar", "tar beside the images"],
)
def test_archives_that_unpack_to_far_more_than_they_are(tmp_path, monkeypatch, suffix, content, said):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / f"a.{suffix}").write_bytes(content())
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(AssetError) as error:
        fetch_archive(Archive(f"a.{suffix}", folder="HR"), Silent())
    assert said in str(error.value)
    assert not [path for path in assets.home().rglob("*") if path.is_file() and path.name != ".a.lock"]
