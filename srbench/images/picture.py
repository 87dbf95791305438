"""A decoded image in memory: `Picture`, to and from Pillow, cropping. numpy and Pillow, no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow

from srbench.errors import ImageError
from srbench.images.tiff import GREY16_MODES

if TYPE_CHECKING:
    from numpy.typing import NDArray


ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
GREY_MODES = frozenset({"1", "L", "LA"})
ROWS = 256
"""Rows of an image converted at a time."""


@dataclass(frozen=True)
class Picture:
    """A decoded file.

    ``pixels`` is ``(H, W, 3)``, uint8 or (from 16-bit files) uint16; a grey file has three equal channels and
    ``grey`` set. ``alpha`` is ``(H, W)`` of the same type, or None where the file has none.
    """

    pixels: NDArray[Any]
    grey: bool
    alpha: NDArray[Any] | None = None
    icc: bytes = b""
    """The file's ICC colour profile, if it describes ``pixels``."""

    @property
    def bits(self) -> int:
        """Bits per channel: 8 or 16."""
        return 16 if self.pixels.dtype == np.uint16 else 8

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def interleaved(self) -> NDArray[Any]:
        """Pixels as files hold them, ``(H, W, C)``: one channel of grey or three, and alpha."""
        pixels = self.pixels[..., :1] if self.grey else self.pixels
        return pixels if self.alpha is None else np.concatenate([pixels, self.alpha[..., None]], axis=2)

    def crop(self, width: int, height: int) -> Picture:
        """Return the top left corner, ``width`` by ``height`` pixels."""
        alpha = None if self.alpha is None else self.alpha[:height, :width]
        return replace(self, pixels=self.pixels[:height, :width], alpha=alpha)


def mod_crop(picture: Picture, scale: int, name: str) -> Picture:
    """Crop to multiples of the scale, as benchmarks do before making LR.

    Raises:
        ImageError: the picture is smaller than the scale.
    """
    width, height = (length - length % scale for length in picture.size)
    if not width or not height:
        raise ImageError(f"{name}: {picture.size[0]}x{picture.size[1]} is smaller than the scale {scale}")
    return picture.crop(width, height)


def has_colour(picture: Picture) -> bool:
    """Return whether any pixel is not grey, however the file is stored."""
    return not picture.grey and bool((picture.pixels != picture.pixels[..., :1]).any())


def from_pillow(image: Pillow.Image) -> Picture:
    """Return a Pillow image as a picture; its EXIF orientation is ignored.

    Raises:
        ImageError: the image is floating point.
    """
    return convert(Path("image"), image)


def to_pillow(picture: Picture) -> Pillow.Image:
    """Return a picture as a Pillow image of mode L, LA, RGB, RGBA or I;16.

    Raises:
        ImageError: Pillow has no mode for it, such as colours of 16 bits.
    """
    array = picture.interleaved
    if picture.bits == 16 and array.shape[2] > 1:
        raise ImageError("Pillow has no image of 16 bits with colours or alpha; work on arrays, or 'srbench upscale'")
    return Pillow.fromarray(array.squeeze(2) if array.shape[2] == 1 else array)


def convert(path: Path, image: Pillow.Image) -> Picture:
    """Return a loaded Pillow image as a picture.

    Raises:
        ImageError: the image is floating point; the message names ``path``.
    """
    mode = image.mode
    if mode == "F":
        raise ImageError(f"{path}: is a floating-point image; convert it to 8 or 16 bits")
    if mode in GREY16_MODES | {"I"}:  # I: a PGM of more than 8 bits, which Pillow stretches to 16
        return Picture(np.asarray(image).astype(np.uint16)[..., None].repeat(3, axis=2), grey=True)
    transparent = mode in ALPHA_MODES or "transparency" in image.info
    if mode == "P":  # a palette says whether it holds colours
        palette = np.asarray(image.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
        grey = bool(len(palette)) and bool((palette == palette[:, :1]).all())
    else:
        grey = mode in GREY_MODES
    full = _pixels(image, "RGBA" if transparent else "RGB")
    alpha = np.ascontiguousarray(full[..., 3]) if transparent else None
    return Picture(np.ascontiguousarray(full[..., :3]), grey=grey, alpha=alpha)


def _pixels(image: Pillow.Image, mode: str) -> NDArray[Any]:
    """Return an image in a mode, a few rows at a time: at once, Pillow holds three more copies of a large one."""
    width, height = image.size
    pixels = np.empty((height, width, len(mode)), np.uint8)
    for top in range(0, height, ROWS):
        rows = image.crop((0, top, width, min(height, top + ROWS)))
        pixels[top : top + ROWS] = np.asarray(rows.convert(mode))
    return pixels
