"""Pairs of LR and HR files, and their scale, which the sizes tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from srbench.data.listing import list_pairs
from srbench.errors import ImageError, SRBenchError, UsageError, counted
from srbench.images.read import read_8bit, size_or_none
from srbench.scoring.pairing import list_names, pair_files

if TYPE_CHECKING:
    from pathlib import Path

    from srbench.images.resizers.resizer import Pixels
    from srbench.system.terminal import UI

SCALES = (4, 2, 3, 8, 6, 5, 7, 16, 9, 10, 11, 12, 13, 14, 15)
"""Scales that are tried, the usual ones first."""


class LRPair(NamedTuple):
    """An LR file and the HR file that it was made from."""

    name: str
    lr: Path
    hr: Path


def find_pairs(lr: Path, hr: Path, scale: int, ui: UI) -> tuple[list[LRPair], int]:
    """Return the pairs of two files or folders whose sizes fit the scale, and the scale.

    One folder for both holds pairs in a layout of `srbench.data.layouts`. Pairs of other sizes are left out, with a
    warning each.

    Args:
        lr: an LR file or a folder.
        hr: an HR file or a folder.
        scale: the scale; 0: the one that most pairs' sizes have.
        ui: shows warnings.

    Raises:
        UsageError: there are no pairs, or their sizes have no scale.
    """
    pairs = _same_folder(lr, scale) if lr.is_dir() and hr.is_dir() and lr.samefile(hr) else None
    if pairs is None:
        pairs = _paired(lr, hr, scale, ui)
    ratios = {pair: _ratio(pair) for pair in pairs}
    known = [ratio for ratio in ratios.values() if ratio]
    chosen = scale or (max(known, key=known.count) if known else 0)
    fitting = [pair for pair in pairs if ratios[pair] == chosen]
    if not chosen or not fitting:
        raise UsageError(_no_scale(pairs, scale))
    for pair in pairs:
        if pair not in fitting:
            ui.warn(f"left out: {pair.lr}: its size is not that of {pair.hr.name} divided by {chosen}")
    return fitting, chosen


def _same_folder(folder: Path, scale: int) -> list[LRPair]:
    """Return the pairs of a folder that holds HR and LR.

    Raises:
        UsageError: it holds no pairs.
    """
    for tried in (scale,) if scale else SCALES:
        try:
            pairs = list_pairs(folder, tried).pairs
        except SRBenchError:
            continue
        files = [LRPair(pair.name, pair.lr, pair.hr) for pair in pairs if not (pair.lr is None or _is_asset(pair))]  # type: ignore[arg-type]
        if any(_ratio(pair) == tried for pair in files):
            return files
    raise UsageError(f"{folder}: no pairs of HR and LR; give two folders: srbench identify LR HR")


def _is_asset(pair: object) -> bool:
    return hasattr(getattr(pair, "lr", None), "url")


def _paired(lr: Path, hr: Path, scale: int, ui: UI) -> list[LRPair]:
    """Return the pairs of two folders or files by their names; two files are a pair whatever their names.

    Raises:
        UsageError: there is none.
    """
    for path in (lr, hr):
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
    if lr.is_file() and hr.is_file():
        return [LRPair(hr.stem, lr, hr)]
    pairing = pair_files(list_names(lr), list_names(hr), scale)
    for note in pairing.notes:
        ui.note(note)
    for file in pairing.sr_alone:
        ui.warn(f"{file} has no HR partner")
    return [LRPair(pair.name, pair.sr, pair.hr) for pair in pairing.pairs]


def _ratio(pair: LRPair) -> int:
    """Return the scale that the sizes of a pair have, HR cropped or not; 0 if none or unreadable."""
    small, large = size_or_none(pair.lr), size_or_none(pair.hr)
    if small is None or large is None:
        return 0
    for scale in sorted(SCALES):
        if all(whole // scale <= part <= -(-whole // scale) for part, whole in zip(small, large, strict=True)):
            return scale
    return 0


def _no_scale(pairs: list[LRPair], scale: int) -> str:
    pair = pairs[0]
    small, large = size_or_none(pair.lr), size_or_none(pair.hr)
    if small is None or large is None:
        return f"{pair.lr} or {pair.hr} cannot be read as an image"
    sizes = f"{pair.lr} is {small[0]}x{small[1]} and {pair.hr.name} {large[0]}x{large[1]}"
    if small == large:
        return f"{sizes}: LR is as large as HR; give the LR before it was enlarged"
    if small > large:
        return f"{sizes}: LR is larger than HR; the order is: srbench identify LR HR"
    wanted = f"that is not x{scale}" if scale else "no whole scale from 2 to 16 fits"
    return f"{sizes}: {wanted}, and so for {counted(len(pairs), 'pair')}"


def read_pair(pair: LRPair) -> tuple[Pixels, Pixels]:
    """Return the pixels of HR and LR, ``(H, W, 3)`` and ``(h, w, 3)`` uint8.

    Raises:
        ImageError: a file cannot be used.
    """
    hr, lr = read_8bit(pair.hr), read_8bit(pair.lr)
    if not hr.grey and lr.grey:
        raise ImageError(f"{pair.lr}: is grey, but {pair.hr.name} is in colour")
    return hr.pixels, lr.pixels
