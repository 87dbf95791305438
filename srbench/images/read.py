"""Decode image files, with clear errors. numpy and Pillow, no torch."""

from __future__ import annotations

import ctypes
import io
import logging
import os
import stat
import warnings
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags, ImageCms, UnidentifiedImageError
from PIL import Image as Pillow
from PIL.TiffImagePlugin import TiffImageFile

from srbench.errors import ImageError, UsageError, reason_of
from srbench.images.modern import check_boxes, loses_bits
from srbench.images.picture import Picture, convert
from srbench.images.png import check_chunks, has_late_metadata, is_16bit, read_16bit
from srbench.images.tiff import bits_per_sample, loses, stretched, unread_kind
from srbench.system.file_kinds import no_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile


SUFFIXES = frozenset(
    {
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc", ".tga"),
    }
)
"""Suffixes of image files in folders."""
UNREAD_SUFFIXES = frozenset(
    {
        *(".jxl", ".heic", ".heif", ".avifs", ".jxr", ".wdp", ".jps", ".mpo", ".hdr", ".rgbe", ".exr", ".pfm", ".pic"),
        *(".dds", ".ktx", ".ktx2", ".psd", ".psb", ".xcf", ".kra", ".svg", ".svgz", ".eps", ".ico", ".icns", ".cur"),
        *(".pcx", ".sgi", ".rgb", ".rgba", ".bw", ".ras", ".xbm", ".xpm", ".qoi", ".flif", ".bpg", ".farbfeld", ".ff"),
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".raf", ".rw2", ".pef"),
        *(".raw", ".3fr", ".iiq", ".x3f", ".srw", ".dcm", ".fits", ".fit", ".nii", ".npy", ".npz", ".mat"),
    }
)
"""Suffixes of files that may hold images of kinds that are not read; where they are passed over, a line says so."""
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "AVIF", "JPEG2000")
"""Pillow's names of the formats read, whatever the suffix; some others (EPS) would start external programs."""
TGA_SUFFIX = ".tga"
"""TGA files have no signature, so that only the suffix tells them from damaged files of other kinds."""
READ_KINDS = "8 bits, or 12 or 16 bits of grey, unsigned, are read; convert it to PNG"
Pillow.MAX_IMAGE_PIXELS = None  # `max_pixels` is the limit; users could not raise Pillow's own
logging.getLogger("PIL").addHandler(logging.NullHandler())  # an ImageError reports the problem


def max_pixels() -> int:
    """Return the largest allowed number of pixels of a file (``SRBENCH_MAX_PIXELS``, default 2**28).

    Raises:
        UsageError: the variable is not a positive whole number.
    """
    value = os.environ.get("SRBENCH_MAX_PIXELS", str(2**28))
    if not value.isdecimal() or int(value) < 1:
        raise UsageError(f"SRBENCH_MAX_PIXELS={value!r} is no positive whole number")
    return int(value)


def read(path: Path) -> Picture:
    """Decode a file, upright (EXIF orientation applied).

    Raises:
        ImageError: it is missing, unreadable, truncated, too large, animated or of an unsupported kind.
    """
    limit = max_pixels()
    with _named_faults(path), Pillow.open(path, formats=_formats(path)) as image:
        _check_header(path, image, limit)
        return _decode(path, image)


def read_size(path: Path) -> tuple[int, int]:
    """Return the width and height that a file decodes to, upright, from its header alone.

    Raises:
        ImageError: as `read`, as far as the header shows it.
    """
    limit = max_pixels()
    with _named_faults(path), Pillow.open(path, formats=_formats(path)) as image:
        _check_header(path, image, limit)
        width, height = image.size
        if isinstance(image, TiffImageFile):  # newer versions of Pillow turn `size` of a TIFF as it is opened
            width, height = (image.tag_v2[tag] for tag in (ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength))
        if image.format == "PNG" and has_late_metadata(path):
            image.load()
        return (height, width) if _orientation(image) >= 5 else (width, height)


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


def size_or_none(path: Path) -> tuple[int, int] | None:
    """Return the width and height of a file as `read_size` does; None where it cannot be read."""
    try:
        return read_size(path)
    except ImageError:
        return None


def _formats(path: Path) -> tuple[str, ...]:
    """Return the formats that a file may have; older versions of Pillow have no AVIF."""
    return (*_installed_formats(), *(("TGA",) if path.suffix.lower() == TGA_SUFFIX else ()))


@cache
def _installed_formats() -> tuple[str, ...]:
    return tuple(name for name in FORMATS if name != "AVIF" or find_spec("PIL.AvifImagePlugin"))


@contextmanager
def _named_faults(path: Path) -> Iterator[None]:
    """Turn any exception about a file into an ImageError with its name."""
    try:
        _check_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about metadata that does not matter here
            yield
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        if kind := unread_kind(path):
            raise ImageError(f"{path}: is {kind}; {READ_KINDS}") from error
        known = _formats(path)
        raise ImageError(f"{path}: is no {', '.join(known[:-1])} or {known[-1]} image") from error
    except MemoryError as error:
        raise ImageError(f"{path}: does not fit in memory") from error
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise ImageError(f"{path}: cannot be read ({reason_of(error)})") from error
        raise ImageError(f"{path}: damaged or truncated ({reason_of(error)})") from error


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(f"{path}: no such file") from error
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{path}: {no_file(path)}")
    if status.st_size == 0:
        raise ImageError(f"{path}: the file is empty (0 bytes)")
    check_boxes(path)


def _check_header(path: Path, image: ImageFile, limit: int) -> None:
    width, height = image.size
    if width * height > limit:
        raise ImageError(f"{path}: {width}x{height} is more than {limit} pixels; raise SRBENCH_MAX_PIXELS to allow it")
    if image.format != "MPO" and getattr(image, "is_animated", False):  # MPO: a camera's JPEG with previews behind it
        raise ImageError(f"{path}: is animated or has several pages; save one frame")
    if image.format == "PNG":
        check_chunks(path)
    if _would_lose(image) or loses_bits(path, image):
        raise ImageError(f"{path}: of {image.format} files, {READ_KINDS}")


def _would_lose(image: ImageFile) -> bool:
    """Return whether Pillow would silently open the file with fewer bits than it has, inverted, or without sign."""
    if isinstance(image, TiffImageFile):
        return loses(image)
    if image.format == "PPM" and image.mode == "RGB":
        args: Any = image.tile[0][3]  # of a file of 8 bits the mode, else mode and largest value
        return isinstance(args, tuple) and args[-1] > 255
    return False


def _decode(path: Path, image: ImageFile) -> Picture:
    if isinstance(image, TiffImageFile):
        _silence_libtiff()
    image.load()
    orientation = _orientation(image)  # for a TIFF, `load` has applied it
    deep = image.format == "PNG" and is_16bit(path)
    icc = image.info.get("icc_profile") or b""
    shown = _to_rgb(image, icc) if image.mode == "CMYK" and icc else image
    picture = Picture(*read_16bit(path)) if deep else convert(path, shown)
    if isinstance(image, TiffImageFile) and 8 < (bits := bits_per_sample(image.tag_v2)) < 16:
        picture = replace(picture, pixels=stretched(picture.pixels, bits))
    fits = icc[16:20] == (b"GRAY" if picture.grey else b"RGB ")
    return replace(_upright(picture, orientation), icc=icc if fits else b"")


def _to_rgb(image: Pillow.Image, icc: bytes) -> Pillow.Image:
    """Return an image in CMYK as its profile shows it in sRGB; if the profile is damaged, as it is."""
    with suppress(ImageCms.PyCMSError, OSError):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if rgb := ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"):
            return rgb
    return image


@cache
def _silence_libtiff() -> None:
    """Keep libtiff from writing to standard error; exceptions report its errors."""
    from PIL import _imaging

    with suppress(OSError, AttributeError):  # if libtiff cannot be reached, it keeps printing
        libtiff = ctypes.CDLL(_imaging.__file__)  # finds what the extension is linked with
        libtiff.TIFFSetErrorHandler(None)
        libtiff.TIFFSetWarningHandler(None)


def _orientation(image: Pillow.Image) -> int:
    """Return the EXIF orientation, 1 to 8, as read so far; 1 if there is none or it is invalid."""
    orientation: Any = Pillow.Image.getexif(image).get(
        ExifTags.Base.Orientation
    )  # PNG's own would decode all pixels first
    return int(orientation) if orientation in range(1, 9) else 1


def _upright(picture: Picture, orientation: int) -> Picture:
    """Return a picture turned upright by its EXIF orientation, 1 to 8."""

    def turn(values: NDArray[Any]) -> NDArray[Any]:
        if orientation in {5, 6, 7, 8}:
            values = values.swapaxes(0, 1)
        if orientation in {2, 3, 6, 7}:
            values = values[:, ::-1]
        if orientation in {3, 4, 7, 8}:
            values = values[::-1]
        return np.ascontiguousarray(values)

    alpha = None if picture.alpha is None else turn(picture.alpha)
    return replace(picture, pixels=turn(picture.pixels), alpha=alpha)


def is_image(name: str) -> bool | None:
    """Return whether images of a file's kind are read, by the suffix of its name; None for what is no image."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  (a Path of each of very many names takes longer)
    return True if suffix in SUFFIXES else False if suffix in UNREAD_SUFFIXES else None


def list_folder(folder: Path) -> list[Path]:
    """Return the image files of a folder (not of its subfolders), sorted by name; hidden files are skipped.

    Raises:
        UsageError: the folder cannot be read, or holds no image file.
    """
    try:
        files = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read as a folder ({reason_of(error)})") from error
    if not files:
        raise UsageError(f"{folder}: holds no image file ({', '.join(sorted(SUFFIXES))})")
    return files
