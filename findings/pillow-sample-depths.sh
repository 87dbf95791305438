#!/usr/bin/env bash
# Pillow 13.0.0 and grey images whose samples have another depth than 8 or 16 bits, or a sign.
# Guess: the same picture has the same brightness whichever file holds it.
# Seen: white of a PGM with maximum 4095 becomes 65535; white of a TIFF with 12 bits per sample stays 4095, in a mode of
# 16 bits. A TIFF of signed bytes (SampleFormat 2) is opened as unsigned: -1 becomes 255. One of signed 16 bits keeps -1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install pillow==13.0.0
cd "$folder"
venv/bin/python - <<'PY'
import struct

import PIL
from PIL import Image


def tiff(name, data, bits, sample_format=1, side=8):
    tags = {256: side, 257: side, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: side, 279: len(data), 339: sample_format}
    entries = b"".join(struct.pack("<2H2I", tag, 4, 1, value) for tag, value in tags.items())
    head = struct.pack("<4sI", b"II*\0", 8 + len(data))
    with open(name, "wb") as file:
        file.write(head + data + struct.pack("<H", len(tags)) + entries + bytes(4))


def opened(name):
    with Image.open(name) as image:
        return image.mode, image.getextrema()


tiff("white12.tif", b"\xff" * (8 * 8 * 12 // 8), 12)
with open("white12.pgm", "wb") as file:
    file.write(b"P5 8 8 4095\n" + struct.pack(">64H", *[4095] * 64))
tiff("minus8.tif", struct.pack("64b", *[-1] * 64), 8, sample_format=2)
tiff("minus16.tif", struct.pack("<64h", *[-1] * 64), 16, sample_format=2)
seen = {name: opened(name) for name in ("white12.pgm", "white12.tif", "minus8.tif", "minus16.tif")}
print("Pillow", PIL.__version__)
for name, (mode, extrema) in seen.items():
    print(f"{name:12} mode {mode:5} values {extrema}")
expected = {
    "white12.pgm": ("I", (65535, 65535)),
    "white12.tif": ("I;16", (4095, 4095)),
    "minus8.tif": ("L", (255, 255)),
    "minus16.tif": ("I", (-1, -1)),
}
assert seen == expected, "no longer so"
PY
