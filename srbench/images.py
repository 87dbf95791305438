"""Image files in and out: decoding with every fault named, encoding, cropping. numpy and Pillow, no torch."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from srbench.errors import ImageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})
"""What counts as an image file in a folder."""

GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F"})


@dataclass(frozen=True)
class Picture:
    """A decoded file.

    ``pixels`` is ``(H, W, 3)``, uint8 or (from 16-bit files) uint16; a grey file has three equal channels and
    ``grey`` set. ``alpha`` is ``(H, W)`` of the same type, or None where the file has none.
    """

    pixels: NDArray[Any]
    grey: bool
    alpha: NDArray[Any] | None = None

    @property
    def bits(self) -> int:
        """8 or 16."""
        return 16 if self.pixels.dtype == np.uint16 else 8

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def crop(self, width: int, height: int) -> Picture:
        """Keep the top left corner."""
        alpha = None if self.alpha is None else self.alpha[:height, :width]
        return replace(self, pixels=self.pixels[:height, :width], alpha=alpha)


def max_pixels() -> int:
    """Return the largest number of pixels a file may decode to (``SRBENCH_MAX_PIXELS``, default 2**28).

    Raises:
        UsageError: the variable is no positive whole number.
    """
    value = os.environ.get("SRBENCH_MAX_PIXELS", str(2**28))
    if not value.isdigit() or int(value) < 1:
        raise UsageError(f"SRBENCH_MAX_PIXELS={value!r} is no positive whole number")
    return int(value)


def read(path: Path) -> Picture:
    """Decode a file, upright (EXIF orientation applied).

    Raises:
        ImageError: it is missing, unreadable, truncated, too large, animated or of an unsupported kind.
    """
    limit = max_pixels()
    if not path.is_file():
        raise ImageError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: the file is empty (0 bytes)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about metadata that does not matter here
            with Pillow.open(path) as image:
                _check_header(path, image, limit)
                return _decode(path, image)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: is not an image that can be read") from error
    except Pillow.DecompressionBombError as error:
        raise ImageError(f"{path}: too many pixels; raise SRBENCH_MAX_PIXELS to allow it") from error
    except MemoryError as error:
        raise ImageError(f"{path}: does not fit in memory") from error
    except Exception as error:
        raise ImageError(f"{path}: damaged or truncated ({' '.join(str(error).split())})") from error


def read_8bit(path: Path) -> Picture:
    """Decode a file for scoring: 8 bits, opaque.

    Raises:
        ImageError: as `read`; also for 16-bit and for transparent files.
    """
    picture = read(path)
    if picture.bits != 8:
        raise ImageError(f"{path}: is 16-bit; scores are defined on 8 bits, so convert it first")
    if picture.alpha is not None and picture.alpha.min() < 255:
        raise ImageError(f"{path}: has transparent pixels; flatten it on a background first")
    return replace(picture, alpha=None)


def mod_crop(picture: Picture, scale: int, name: str) -> Picture:
    """Crop to multiples of the scale, as benchmarks do before making LR.

    Raises:
        ImageError: nothing would be left.
    """
    width, height = (length - length % scale for length in picture.size)
    if not width or not height:
        raise ImageError(f"{name}: {picture.size[0]}x{picture.size[1]} is smaller than the scale {scale}")
    return picture.crop(width, height)


def write(path: Path, picture: Picture) -> None:
    """Encode a picture: grey as grey, alpha and 16 bits kept, in the format of the suffix; written atomically.

    Raises:
        ImageError: the format cannot hold it, or the disk refuses.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES - {".gif"}:
        raise ImageError(f"{path}: cannot write {suffix or 'a file without suffix'}; use .png")
    channels = [picture.pixels[..., :1] if picture.grey else picture.pixels]
    if picture.alpha is not None:
        channels.append(picture.alpha[..., None])
    array = np.concatenate(channels, axis=2)
    if (picture.bits == 16 or picture.alpha is not None) and suffix != ".png":
        what = "16 bits" if picture.bits == 16 else "transparency"
        raise ImageError(f"{path}: keeping {what} needs a .png")
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if picture.bits == 16:
            _write_png16(temporary, array)
        else:
            mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[array.shape[2]]
            options: dict[str, Any] = {"quality": 95} if suffix in {".jpg", ".jpeg"} else {}
            if suffix == ".webp":
                options = {"lossless": True}
            Pillow.fromarray(array.squeeze(2) if mode == "L" else array, mode).save(temporary, **options)
        temporary.replace(path)
    except OSError as error:
        raise ImageError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def _check_header(path: Path, image: Pillow.Image, limit: int) -> None:
    width, height = image.size
    if width * height > limit:
        raise ImageError(f"{path}: {width}x{height} is more than {limit} pixels; raise SRBENCH_MAX_PIXELS to allow it")
    if getattr(image, "n_frames", 1) > 1:
        raise ImageError(f"{path}: is animated or has several pages; save one frame")


def _decode(path: Path, image: Pillow.Image) -> Picture:
    if _is_16bit_png(path, image):
        return _read_png16(path)
    image = ImageOps.exif_transpose(image)
    mode = image.mode
    if mode in {"I", "I;16", "I;16B", "I;16L"}:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(f"{path}: is a 32-bit image; convert it to 8 or 16 bits")
        return Picture(np.repeat(values.astype(np.uint16)[..., None], 3, axis=2), grey=True)
    if mode == "F":
        raise ImageError(f"{path}: is a floating-point image; convert it to 8 or 16 bits")
    transparent = "A" in mode or "transparency" in image.info
    if mode == "P":  # a palette says whether it holds colours
        palette = np.asarray(image.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
        grey = bool(len(palette)) and bool((palette == palette[:, :1]).all())
    else:
        grey = mode in GREY_MODES
    full = np.asarray(image.convert("RGBA" if transparent else "RGB"))
    alpha = np.ascontiguousarray(full[..., 3]) if transparent else None
    return Picture(np.ascontiguousarray(full[..., :3]), grey=grey, alpha=alpha)


def _is_16bit_png(path: Path, image: Pillow.Image) -> bool:
    """Pillow opens a 16-bit colour PNG as 8 bits without a word, so the header is asked."""
    if image.format != "PNG":
        return False
    with path.open("rb") as file:
        return file.read(25)[24:25] == b"\x10"


def _read_png16(path: Path) -> Picture:
    import png

    with path.open("rb") as file:
        width, height, rows, info = png.Reader(file=file).read()
        values = np.vstack([np.asarray(row, dtype=np.uint16) for row in rows])
    values = values.reshape(height, width, info["planes"])
    grey = bool(info["greyscale"])
    colour = values[..., :1].repeat(3, axis=2) if grey else values[..., :3]
    return Picture(np.ascontiguousarray(colour), grey=grey, alpha=values[..., -1] if info["alpha"] else None)


def _write_png16(path: Path, array: NDArray[Any]) -> None:
    import png

    height, width, planes = array.shape
    writer = png.Writer(width, height, greyscale=planes < 3, alpha=planes in {2, 4}, bitdepth=16)
    with path.open("wb") as file:
        writer.write(file, array.reshape(height, width * planes).tolist())


def list_folder(folder: Path) -> list[Path]:
    """Return the image files of a folder (not of its subfolders), sorted by name; hidden files are passed over.

    Raises:
        UsageError: it is no readable folder, or holds no image file.
    """
    try:
        files = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read as a folder ({error.strerror})") from error
    if not files:
        raise UsageError(f"{folder}: holds no image file ({', '.join(sorted(SUFFIXES))})")
    return files
