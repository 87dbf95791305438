"""Images ready to be scored: a name or a folder becomes a dataset, and each pair is checked and decoded here."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from srbench.archives import fetch_archive, unpacked
from srbench.assets import digest, fetch_all, file_hash, local_path
from srbench.degradations import BICUBIC, Degradation
from srbench.errors import AssetError, ImageError, SRBenchError, UsageError, one_line
from srbench.images import Picture, list_folder, mod_crop, read_8bit
from srbench.specs import NAME, Asset, DatasetSpec, ImagePair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.catalog import Catalog
    from srbench.terminal import UI

FOLDER_SCALES = (2, 3, 4, 8)


def find_dataset(catalog: Catalog, text: str) -> DatasetSpec:
    """Return the dataset of this name, or the folder at this path; ``NAME=FOLDER`` is an archive's set unpacked there.

    Raises:
        UsageError: it is none of them.
    """
    if text in catalog.datasets:
        spec = catalog.datasets[text]
        folder = unpacked(spec.archive) if spec.archive and spec.images is None else None
        return _in_folder(spec, folder) if folder else spec
    if named := split_name(text):
        return _named_folder(catalog.datasets[named[0]], Path(named[1]))
    try:
        folder = Path(text).expanduser()
        is_folder, is_path = folder.is_dir(), "/" in text or "\\" in text or folder.exists()
    except (OSError, RuntimeError) as error:  # a name too long; the home of nobody
        raise UsageError(f"dataset {text!r}: {getattr(error, 'strerror', None) or error}") from error
    if is_folder:
        return folder_dataset(folder)
    if is_path:
        raise UsageError(f"dataset {text!r}: no such folder")
    return catalog.datasets[text]


def split_name(text: str) -> tuple[str, str] | None:
    """Return the name and the absolute folder of ``NAME=FOLDER``; None for anything else."""
    name, equals, folder = text.partition("=")
    if not (equals and folder and NAME.fullmatch(name)):
        return None
    try:
        return None if Path(text).exists() else (name, str(Path(folder).expanduser().resolve()))
    except (OSError, RuntimeError) as error:  # a name too long; the home of nobody
        raise UsageError(f"dataset {text!r}: {getattr(error, 'strerror', None) or error}") from error


def _named_folder(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    if spec.archive is None:
        raise UsageError(f"dataset {spec.name} is made of files of known content; give the folder alone: {folder}")
    for inside in (folder / spec.archive.folder, folder / Path(spec.archive.folder).name, folder):
        if inside.is_dir():
            return replace(_in_folder(spec, inside), source=str(inside))
    raise UsageError(f"dataset {spec.name}={folder}: no such folder")


def _in_folder(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Return an archive's set with the images of a folder, less those that it leaves out."""

    def images(scale: int) -> list[ImagePair]:
        return [pair for pair in _singles(folder, scale) if pair.name not in spec.excluded]

    return replace(spec, images=images)


def with_images(spec: DatasetSpec, ui: UI) -> DatasetSpec:
    """Return a set that can be listed, its archive fetched and unpacked where it comes as one.

    Raises:
        AssetError: the archive could not be had.
    """
    if spec.images is not None or spec.archive is None:
        return spec
    return _in_folder(spec, fetch_archive(spec.archive, ui))


def folder_dataset(folder: Path) -> DatasetSpec:
    """Make a dataset of a folder of HR images, or of one with ``HR/`` and ``LR/`` (or ``LR/x4/``) in it.

    Raises:
        UsageError: it holds no image, or its two halves do not pair up.
    """
    folder = folder.resolve()
    try:
        inside = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read as a folder ({error.strerror})") from error
    if "hr" in inside and "lr" in inside:
        images = partial(_pairs, inside["hr"], inside["lr"])
    elif "hr" in inside:
        images = partial(_singles, inside["hr"])
    else:
        images = partial(_singles, folder)
    name = re.sub(r"[^a-z0-9._-]+", "-", folder.name.lower()).strip("-._")
    return DatasetSpec(
        name=name if NAME.fullmatch(name) else "folder",
        summary=f"the images in {one_line(folder)}",
        scales=FOLDER_SCALES,
        images=images,
        source=str(folder),
    )


def _singles(folder: Path, _scale: int) -> list[ImagePair]:
    files = list_folder(folder)
    stems = Counter(file.stem for file in files)
    return [ImagePair(file.stem if stems[file.stem] == 1 else file.name, file) for file in files]


def _pairs(hr_folder: Path, lr_folder: Path, scale: int) -> list[ImagePair]:
    inside = [path for path in lr_folder.iterdir() if path.is_dir()]
    by_scale = {path.name.lower(): path for path in inside if re.fullmatch(r"[xX]\d+", path.name)}
    if by_scale and f"x{scale}" not in by_scale:
        raise UsageError(f"{lr_folder}: has no folder x{scale} beside {', '.join(sorted(by_scale))}")
    hr = {pair.name: pair.hr for pair in _singles(hr_folder, scale)}
    lr: dict[str, Path | Asset] = {}
    for pair in _singles(by_scale.get(f"x{scale}", lr_folder), scale):
        name = pair.name if pair.name in hr else pair.name.removesuffix(f"x{scale}")
        if name in lr:
            raise UsageError(f"{hr_folder.parent}: {name!r} has two LR images; rename one")
        lr[name] = pair.hr
    if alone := sorted(set(hr) ^ set(lr)):
        side = "LR" if alone[0] in hr else "HR"
        more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
        raise UsageError(f"{hr_folder.parent}: {alone[0]!r} has no {side} image of the same name{more}")
    return [ImagePair(name, file, lr[name]) for name, file in hr.items()]


def load_pair(pair: ImagePair, scale: int) -> tuple[Picture, Picture | None]:
    """Decode an image pair: HR cropped to multiples of the scale, and LR where the set brings its own.

    Raises:
        AssetError: a file could not be had.
        ImageError: a file cannot be used, or LR does not fit HR.
    """
    hr_path = local_path(pair.hr)
    hr = mod_crop(read_8bit(hr_path), scale, str(hr_path))
    if pair.lr is None:
        return hr, None
    lr_path = local_path(pair.lr)
    lr = read_8bit(lr_path)
    if (lr.size[0] * scale, lr.size[1] * scale) != hr.size:
        raise ImageError(
            f"{lr_path}: is {lr.size[0]}x{lr.size[1]}, but x{scale} of it should be {hr.size[0]}x{hr.size[1]} "
            f"as {hr_path.name} is"
        )
    return hr, lr


def usable(pairs: Iterable[ImagePair], scale: int) -> tuple[list[ImagePair], list[str]]:
    """Decode every local file once; return the pairs that can be scored and the faults of the others.

    Assets are passed as they are: their content is pinned by hash.
    """

    def fault(pair: ImagePair) -> str:
        if isinstance(pair.hr, Asset):
            return ""
        try:
            load_pair(pair, scale)
        except SRBenchError as error:
            return str(error)
        return ""

    pairs = list(pairs)
    # Filters of warnings are the process's: set here, not by threads that undo each other's
    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor() as pool:
        faults = list(pool.map(fault, pairs))
    good = [pair for pair, bad in zip(pairs, faults, strict=True) if not bad]
    return good, [bad for bad in faults if bad]


def planes(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the pixels as ``(3, H, W)``, contiguous, ready for torch."""
    return np.ascontiguousarray(picture.pixels.transpose(2, 0, 1))


@dataclass(frozen=True)
class ImageSet:
    """A dataset at a scale, with the hashes that its images are known by."""

    spec: DatasetSpec
    asked: str
    """How the dataset was asked for: its name or absolute path, which workers understand."""
    name: str
    scale: int
    pairs: list[ImagePair]
    hashes: dict[str, str]
    left_out: list[str]
    degradation: Degradation = BICUBIC
    """How LR is made; any other than bicubic is part of the name and of the hashes, so that no numbers mix."""
    fault: str = ""
    """Why none of it can be scored."""

    def made_by(self, pair: ImagePair) -> str:
        """Return what makes a pair's LR, as results record it."""
        return "as-given" if pair.lr is not None and self.degradation is BICUBIC else self.degradation.identity

    @property
    def identity(self) -> str:
        """Return a hash over all images, in order of their names."""
        return digest(sorted(self.hashes.items()))


def prepare(
    asked: str, spec: DatasetSpec, name: str, scale: int, ui: UI, degradation: Degradation = BICUBIC
) -> ImageSet:
    """Fetch a dataset's files and leave out what cannot be scored, naming each fault.

    With another degradation than bicubic it goes by a name of its own, such as ``set5+crappify``.

    Raises:
        UsageError: a folder of which no image can be scored.
    """
    spec.check_scale(scale)
    other = degradation is not BICUBIC
    name = f"{name}+{degradation.name}" if other else name
    try:
        spec = with_images(spec, ui)
        pairs = spec.pairs(scale)
        assets = [file for pair in pairs for file in (pair.hr, pair.lr) if isinstance(file, Asset)]
        fetch_dataset(assets, f"{spec.name} x{scale}", ui)
    except AssetError as error:
        return ImageSet(spec, asked, name, scale, [], {}, [], degradation, fault=str(error))
    good, faults = usable(pairs, scale)
    for fault in faults:
        ui.warn(f"left out: {fault}")
    if not good:
        why = "; ".join(faults[:3]) or "it lists no image"
        raise UsageError(f"dataset {asked}: no image can be scored at x{scale}: {why}")
    hashes = {pair.name: pair_hash(pair, degradation) for pair in good}
    return ImageSet(spec, asked, name, scale, good, hashes, faults, degradation)


def pair_hash(pair: ImagePair, degradation: Degradation = BICUBIC) -> str:
    """Return what an image is known by: the hashes of its files, and its degradation where that is not bicubic.

    Raises:
        OSError: a file cannot be read.
    """
    other = degradation is not BICUBIC
    parts = [file_hash(pair.hr)]
    parts += [file_hash(pair.lr)] if pair.lr is not None and not other else []
    return "+".join(parts + ([degradation.identity] if other else []))


def fetch_dataset(assets: list[Asset], what: str, ui: UI) -> None:
    """Fetch a dataset's files, showing progress.

    Raises:
        AssetError: a file could not be had.
    """
    if not assets:
        return
    with ui.track(f"fetching {what}", len(assets)) as advance:
        fetch_all(assets, lambda asset: advance(Path(asset.path).name))
