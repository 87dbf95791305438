"""Checks of a dataset, on those of its files that are on this machine. Nothing is downloaded."""

from __future__ import annotations

import contextlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from srbench.conformance.bench import require
from srbench.conformance.outcome import FaultError, SkipError
from srbench.conformance.trace import require_no_trace
from srbench.data.find import find_dataset
from srbench.data.pairs import load_pair
from srbench.errors import SRBenchError, UsageError
from srbench.images.read import read
from srbench.specs import Asset
from srbench.store.archives import unpacked
from srbench.store.assets import is_cached, local_path
from srbench.store.hashes import file_hash
from srbench.store.home import is_remote, mirror, users_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from srbench.catalog.catalog import Catalog
    from srbench.conformance.bench import DatasetBench
    from srbench.specs import DatasetSpec, ImagePair

    Miniature = NDArray[np.float32]

MOST = 200
"""Most images of a dataset that are opened, evenly spread."""
SMALL = 24
"""Height and width in pixels of the grey miniatures by which copies are found."""
ALIKE = 3.0
"""Largest mean difference, in 8-bit levels, between miniatures of the same image."""
FAR = 25.0
"""Largest mean difference, in 8-bit levels, between miniatures of HR and its LR, under any degradation."""


def lists(bench: DatasetBench) -> None:
    """Every scale lists at least one image."""
    spec = _listed(bench)
    for scale in sorted(spec.scales):
        try:
            pairs = spec.pairs(scale)
        except UsageError as error:
            raise FaultError(str(error)) from error
        require(bool(pairs), f"x{scale} lists no image")
        gone = [
            f"{pair.name} is not there: {file}"
            for pair in pairs
            for file in (pair.hr, pair.lr)
            if isinstance(file, Path) and not file.is_file()
        ]
        fix = "ship the file, or list only files that exist; build paths from __file__, not from the working folder"
        require(not gone, f"x{scale}: the file of {gone[0] if gone else ''}", fix)


def stable(bench: DatasetBench) -> None:
    """Two listings name the same files with the same content."""
    spec = _listed(bench)
    for scale in sorted(spec.scales):
        first, second = ({pair.name: _content(pair) for pair in _some(spec.pairs(scale))} for _ in range(2))
        changed = [name for name in {**first, **second} if first.get(name) != second.get(name)]
        require(not changed, f"x{scale}: {changed[0] if changed else ''} has another content in the second listing")
        require(list(first) == list(second), f"x{scale}: the second listing has another order", "sort it by name")


def files(bench: DatasetBench) -> None:
    """Each file on this machine can be read, and LR fits HR."""
    spec = _listed(bench)
    opened = 0
    for scale in sorted(spec.scales):
        for pair in _some([pair for pair in spec.pairs(scale) if _is_at_hand(pair)]):
            try:
                hr, lr = load_pair(pair, scale)
            except SRBenchError as error:
                raise FaultError(f"x{scale} {pair.name}: {error}") from error
            gap = 0.0 if lr is None else float(np.abs(_small(hr.pixels) - _small(lr.pixels)).mean())
            require(
                gap <= FAR, f"x{scale} {pair.name}: LR shows another picture than HR", "pair each HR with its own LR"
            )
            opened += 1
    if not opened:
        raise SkipError(f"none of its files is here ('srbench fetch {spec.name}' gets them)")


def no_test_image(bench: DatasetBench) -> None:
    """No image of a training set is in a set that is not for training, as the same file or the same picture."""
    if not bench.spec.training:
        raise SkipError("it is not for training (training=True says that a set is)")
    spec = _listed(bench)
    pairs = spec.pairs(min(spec.scales))
    tests = [
        (test, name) for test, name in _test_images(bench.catalog) if isinstance(test.hr, Asset) or _is_at_hand(test)
    ]
    known = {file_hash(test.hr): name for test, name in tests}
    for pair in pairs:
        if isinstance(pair.hr, Asset) or len(pairs) <= MOST:
            twin = known.get(file_hash(pair.hr))
            require(twin is None, f"{pair.name} is {twin}: the same file")
    seen = [(own, name) for test, name in tests if _is_at_hand(test) and (own := _miniature(test)) is not None]
    here = _some([pair for pair in pairs if _is_at_hand(pair)])
    if not here or not seen:
        raise SkipError("files were compared by their hashes alone: the images, or those of test sets, are not here")
    others = np.stack([own for own, _ in seen])
    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor() as pool:
        for pair, own in zip(here, pool.map(_miniature, here), strict=True):
            if own is None or float(own.std()) < ALIKE:  # a flat image resembles every other
                continue
            gaps = np.abs(others - own).mean(axis=(1, 2))
            nearest = int(gaps.argmin())
            require(float(gaps[nearest]) > ALIKE, f"{pair.name} shows the same picture as {seen[nearest][1]}")


def global_state(bench: DatasetBench) -> None:
    """Listing changes no global state."""
    spec = _listed(bench)
    require_no_trace(bench, lambda: [spec.pairs(scale) for scale in sorted(spec.scales)])


def _test_images(catalog: Catalog) -> Iterator[tuple[ImagePair, str]]:
    """Yield the images of all sets that are not for training, each with its name in messages."""
    for spec in catalog.datasets.specs.values():
        if not spec.training and spec.images is not None:
            with contextlib.suppress(SRBenchError):  # a fault of another set is reported by its own checks
                yield from ((pair, f"{pair.name} of {spec.name}") for pair in spec.pairs(min(spec.scales)))


def missing_files(spec: DatasetSpec, scale: int) -> str:
    """Return a line on the files of a set that are not on this machine; empty if all are."""
    gone = [pair.name for pair in spec.pairs(scale) if not _is_at_hand(pair)]
    return f"{len(gone)} files of {spec.name} are not here ('srbench fetch {spec.name}')" if gone else ""


def _listed(bench: DatasetBench) -> DatasetSpec:
    """Return the set in a form that can be listed.

    Raises:
        SkipError: it is an archive that is not unpacked on this machine.
    """
    spec = bench.spec
    if spec.images is None and spec.archive is not None:
        if unpacked(spec.archive) is None:
            raise SkipError(f"its archive is not here ('srbench fetch {spec.name}' gets it)")
        return find_dataset(bench.catalog, spec.name)
    return spec


def _some(pairs: list[ImagePair]) -> list[ImagePair]:
    return pairs[:: 1 + len(pairs) // MOST]


def _content(pair: ImagePair) -> list[str]:
    return [file_hash(file) for file in (pair.hr, pair.lr) if file is not None]


def _is_at_hand(pair: ImagePair) -> bool:
    return all(_is_here(file) for file in (pair.hr, pair.lr) if file is not None)


def _is_here(file: Path | Asset) -> bool:
    if isinstance(file, Path):
        return file.is_file()
    source = mirror()
    in_mirror = bool(source) and not is_remote(source) and (users_path(source) / file.path).is_file()
    return in_mirror or is_cached(file)


def _miniature(pair: ImagePair) -> Miniature | None:
    """Return a grey miniature of HR, or None if the file cannot be read, which the check 'files' reports."""
    try:
        pixels = read(local_path(pair.hr)).pixels
    except SRBenchError:
        return None
    return _small(pixels)


def _small(pixels: NDArray[Any]) -> Miniature:
    top = 65535 if pixels.dtype == np.uint16 else 255
    grey = Image.fromarray((pixels.mean(axis=2) * (255 / top)).astype(np.float32))
    return np.asarray(grey.resize((SMALL, SMALL), Image.Resampling.BOX))
