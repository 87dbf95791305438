"""Upscale image files: pair inputs with outputs, enlarge in bands, write."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from srbench.errors import ImageError, MethodError, SRBenchError, UsageError, reason_of
from srbench.images.alpha import extend_colours
from srbench.images.bands import STREAMS
from srbench.images.picture import Picture
from srbench.images.read import list_folder, read, read_size
from srbench.images.write import check_writable, joined, unwritable, write, write_bands
from srbench.inference.upscale import SEED
from srbench.protocols import grey_values
from srbench.resize import imresize
from srbench.system.file_kinds import no_file
from srbench.system.leftovers import remove_leftovers
from srbench.system.memory import available

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from srbench.inference.tiler import Tiler
    from srbench.specs import ModelSpec


STRIPE = 64
"""Rows of SR that are rounded at a time."""
CPU = torch.device("cpu")


def outputs(
    source: Path,
    target: Path,
    *,
    overwrite: bool,
    suffix: str = "",
    list_files: Callable[[Path], Sequence[Path]] = list_folder,
) -> list[tuple[Path, Path]]:
    """Pair each input file with its output file: the target, or a PNG with the input's name and the suffix.

    Args:
        source: a file or a folder.
        target: the file or folder to write to.
        overwrite: whether output files may exist.
        suffix: added to the names of output files.
        list_files: lists the input files of a folder.

    Raises:
        UsageError: the source does not exist, the target's format cannot be written, two inputs would share an output,
            or an output exists already.
    """
    try:
        is_folder, is_file = source.is_dir(), source.is_file()
    except OSError as error:
        raise UsageError(f"{source}: cannot be read ({reason_of(error)})") from error
    if is_folder:
        if target.is_file():
            raise UsageError(f"{target}: is a file; a folder of inputs needs a folder to write to")
        pairs = [(file, target / f"{file.stem}.png") for file in list_files(source)]
    elif is_file:
        folder = target.is_dir() or not target.suffix
        pairs = [(source, target / f"{source.stem}.png" if folder else target)]
        if reason := "" if folder else unwritable(target):
            raise UsageError(reason)
    else:
        raise UsageError(f"{source}: {no_file(source, 'file or folder')}")
    pairs = [(source, path.with_name(f"{path.stem}{suffix}{path.suffix}")) for source, path in pairs]
    if own := [path for file, path in pairs if path.exists() and path.samefile(file)]:
        raise UsageError(f"{own[0]}: OUT would replace IN; choose another file or folder")
    taken = Counter(path for _, path in pairs)
    if doubles := [path for path, times in taken.items() if times > 1]:
        raise UsageError(f"two inputs would both be written to {doubles[0]}; rename one")
    if not overwrite and (existing := [path for path in taken if path.exists()]):
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise UsageError(f"{existing[0]}{more} exists already; nothing was written (--overwrite replaces)")
    return pairs


def each(pairs: Iterable[tuple[Path, Path]], work: Callable[[Path, Path], object]) -> list[str]:
    """Call ``work`` with each source and target; return the errors of those that failed.

    What killed commands left beside the targets is removed.
    """
    pairs, faults = list(pairs), []
    for folder in {target.parent for _, target in pairs}:
        remove_leftovers(folder)
    for source, target in pairs:
        try:
            work(source, target)
        except ImageError as error:  # names the file
            faults.append(str(error))
        except MethodError as error:
            faults.append(f"{source}: {error}")
    return faults


def upscale_file(
    source: Path, target: Path, tiler: Tiler, seed: int = SEED, done: Callable[[], object] = lambda: None
) -> None:
    """Enlarge a file. If it needs several tiles, the output is written band by band.

    Args:
        source: input file.
        target: output file.
        tiler: the method.
        seed: random seed of stochastic methods.
        done: called after each tile.

    Raises:
        ImageError: the input cannot be used, or the output format cannot hold its kind or size.
        MethodError: the method fails, or its output has a wrong shape or is not finite.
    """
    picture = read(source)
    check_writable(target, picture)
    width, height = picture.size
    size = width * tiler.enlarger.scale, height * tiler.enlarger.scale
    bands = upscale_bands(picture, tiler, seed, done)
    if tiler.tiles(height, width) > 1 and target.suffix.lower() in STREAMS:
        write_bands(target, size, bands)
        return
    check_fits(target, size, picture)
    write(target, joined(bands))


def tiles_of(path: Path, tiler: Tiler) -> int:
    """Return the number of tiles of a file, from its header; 1 if it cannot be read."""
    try:
        width, height = read_size(path)
    except ImageError:  # reported when the file is read
        return 1
    return tiler.tiles(height, width)


def upscale_picture(picture: Picture, tiler: Tiler, seed: int = SEED) -> Picture:
    """Enlarge a picture of any size, keeping 16 bits and greyscale; alpha is enlarged bicubically.

    Colours of transparent pixels do not reach visible ones, see `srbench.images.alpha`.

    Raises:
        MethodError: the method fails, or its output has a wrong shape or is not finite.
    """
    return joined(upscale_bands(picture, tiler, seed))


def upscale_bands(
    picture: Picture, tiler: Tiler, seed: int = SEED, done: Callable[[], object] = lambda: None
) -> Iterator[Picture]:
    """Enlarge a picture as `upscale_picture` does, and yield bands from top to bottom.

    Raises:
        MethodError: the method fails, or its output has a wrong shape or is not finite.
    """
    picture = extend_colours(picture)
    top = 65535 if picture.bits == 16 else 255
    dtype, scale = picture.pixels.dtype, tiler.enlarger.scale
    height, width = picture.pixels.shape[:2]

    def cut(rows: slice, columns: slice) -> torch.Tensor:
        lr = torch.from_numpy(picture.pixels[rows, columns].astype(np.float32)).permute(2, 0, 1)[None] / top
        return lr.to(tiler.device)

    def rounded(sr: torch.Tensor) -> torch.Tensor:
        values = sr[0].cpu().clamp(0, 1).double().numpy()
        if picture.grey:
            values = grey_values(values).repeat(3, axis=0)
        return torch.from_numpy(np.floor(values * top + 0.5).astype(dtype))[None]

    def finish(sr: torch.Tensor) -> torch.Tensor:  # in parts: float64 of a whole tile takes much memory
        return torch.cat([rounded(rows) for rows in torch.split(sr, STRIPE, -2)], dim=-2)

    done_rows = 0
    try:
        for band in tiler.bands((height, width), cut, finish, seed, done):
            pixels = np.ascontiguousarray(band[0].permute(1, 2, 0).numpy())
            rows = slice(done_rows, done_rows + len(pixels) // scale)
            done_rows = rows.stop
            alpha = None if picture.alpha is None else _enlarged_rows(picture.alpha, rows, scale, top)
            yield Picture(pixels, picture.grey, alpha, picture.icc)
            del band, pixels, alpha  # free it before the next band is made
    except SRBenchError:
        raise
    except (Exception, SystemExit) as error:
        raise MethodError(f"the method failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error


def _enlarged_rows(plane: NDArray[Any], rows: slice, scale: int, top: int) -> NDArray[Any]:
    """Enlarge rows of an alpha plane bicubically, with the two rows on either side that the kernel reaches."""
    first, last = max(0, rows.start - 2), min(len(plane), rows.stop + 2)
    values = torch.from_numpy(plane[first:last].astype(np.float64))
    large = imresize(values, (len(values) * scale, plane.shape[1] * scale)).clamp(0, top)
    inner = large[(rows.start - first) * scale : (rows.stop - first) * scale]
    return (inner + 0.5).floor().numpy().astype(plane.dtype)


def check_fits(path: Path, size: tuple[int, int], picture: Picture) -> None:
    """Check that a picture that is written whole fits in memory.

    Args:
        path: the file to write.
        size: its width and height.
        picture: the input, with the same bits and channels.

    Raises:
        ImageError: it does not; the message names the formats that are written in bands.
    """
    channels = 3 + (picture.alpha is not None)
    needed = 2 * size[0] * size[1] * channels * picture.bits // 8  # the pixels, and the encoder's copy
    if needed > available(CPU):
        raise ImageError(
            f"{path}: {size[0]}x{size[1]} pixels take {needed / 2**30:.0f} GiB of memory, more than there is; "
            f"{', '.join(STREAMS)} are written in bands, with --tile auto or N"
        )


def passes(spec: ModelSpec, scale: int, *, repeat: bool) -> list[int]:
    """Return the fewest scales whose product is the scale, largest first; one if the method supports the scale.

    Raises:
        UsageError: the method does not support the scale, and repetition is off or cannot reach it.
    """
    if scale in spec.scales:
        return [scale]
    ways: dict[int, list[int]] = {1: []}
    for product in range(2, scale + 1):
        last = [s for s in sorted(spec.scales) if product % s == 0 and product // s in ways]
        candidates = [sorted([*ways[product // s], s], reverse=True) for s in last]
        if candidates:
            ways[product] = min(candidates, key=lambda way: (len(way), max(way)))  # x16: x4 twice, not x8 and x2
    if repeat and scale in ways:
        return ways[scale]
    hint = f" (--repeat goes {' then '.join(f'x{s}' for s in ways[scale])})" if scale in ways else ""
    raise UsageError(f"{spec.name} {spec.lacks_scale(scale)}{hint}")
