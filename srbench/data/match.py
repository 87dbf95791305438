"""Pair HR files with LR files by their names."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from srbench.data.layouts import LAYOUTS, read_name
from srbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class Match(NamedTuple):
    """An HR file and its LR file."""

    name: str
    hr: Path
    lr: Path


def image_names(files: Sequence[Path]) -> list[str]:
    """Return a name for each file: its stem, or the whole file name where several have that stem."""
    stems = Counter(file.stem for file in files)
    return [readable(file.stem if stems[file.stem] == 1 else file.name) for file in files]


def readable(name: str) -> str:
    r"""Return a file's name with bytes that are no UTF-8 as ``%E9``, so that results and pages can hold it.

    >>> readable("caf\udce9")
    'caf%E9'
    """
    return "".join(f"%{ord(char) - 0xDC00:02X}" if "\udc80" <= char <= "\udcff" else char for char in name)


def match(hr: Sequence[Path], lr: Sequence[Path], scale: int, folder: Path) -> list[Match]:
    """Pair all HR files with all LR files.

    The same name comes first; LR's may end in ``x4``. Else words that say HR, LR and the scale are left away on both
    sides, or a beginning and an ending that all LR files have.

    Args:
        hr: HR files.
        lr: LR files.
        scale: scale of the pairs.
        folder: the dataset's folder, for messages.

    Raises:
        UsageError: an image has no partner, or several.
    """
    stems = {_stem(file) for file in hr}

    def without_scale(file: Path) -> str:
        stem = _stem(file)
        return stem if stem in stems else stem.removesuffix(f"x{scale}").removesuffix(f"X{scale}")

    def without_words(file: Path) -> str:
        return read_name(file.stem).key

    ways: list[tuple[Callable[[Path], str], Callable[[Path], str]]] = [
        (_stem, without_scale),
        (without_words, without_words),
    ]
    if affix := _affix(stems, [_stem(file) for file in lr]):
        before, after = affix
        ways.append((_stem, lambda file: _stem(file)[len(before) : len(_stem(file)) - len(after)]))
    for i, (hr_key, lr_key) in enumerate(ways):
        large, small = {hr_key(file): file for file in hr}, {lr_key(file): file for file in lr}
        if len(large) == len(hr) and len(small) == len(lr) and large.keys() == small.keys():
            names = dict(zip(hr, _names(hr, plain=i != 1), strict=True))
            return [Match(names[file], file, small[key]) for key, file in large.items()]
    raise _mismatch(folder, hr, lr, *max(ways, key=lambda way: _common(hr, lr, *way)))


def _stem(file: Path) -> str:
    return unicodedata.normalize("NFC", file.stem)


def _names(files: Sequence[Path], *, plain: bool) -> list[str]:
    """Return the names of images; unless plain, without the words that say HR and the scale."""
    short = [readable(read_name(file.stem).base) for file in files]
    return image_names(files) if plain or len(set(short)) < len(files) or not all(short) else short


def _affix(stems: set[str], others: list[str]) -> tuple[str, str] | None:
    """Return the beginning and ending by which all other names are longer than one of the stems each."""
    if not others:
        return None
    for stem in sorted(stems, key=len, reverse=True):
        before, inside, after = others[0].partition(stem)
        if inside and all(
            other.startswith(before) and other.endswith(after) and other[len(before) : len(other) - len(after)] in stems
            for other in others
        ):
            return before, after
    return None


def _common(
    hr: Sequence[Path], lr: Sequence[Path], hr_key: Callable[[Path], str], lr_key: Callable[[Path], str]
) -> int:
    return len({hr_key(file) for file in hr} & {lr_key(file) for file in lr})


def _mismatch(
    folder: Path,
    hr: Sequence[Path],
    lr: Sequence[Path],
    hr_key: Callable[[Path], str],
    lr_key: Callable[[Path], str],
) -> UsageError:
    """Return the error for files that do not pair up."""
    sides = {"HR": Counter(map(hr_key, hr)), "LR": Counter(map(lr_key, lr))}
    for side, counts in sides.items():
        if doubles := [name for name, count in counts.items() if count > 1]:
            return UsageError(f"{folder}: {doubles[0]!r} has two {side} images; rename one")
    large, small = sides["HR"].keys(), sides["LR"].keys()
    unpaired = sorted(large ^ small)
    more = f" (and {len(unpaired) - 1} more)" if len(unpaired) > 1 else ""
    if large & small:
        side = "LR" if unpaired[0] in large else "HR"
        return UsageError(f"{folder}: {unpaired[0]!r} has no {side} image of the same name{more}")
    example = f"{hr[0].name} and {lr[0].name}"
    return UsageError(f"{folder}: HR and LR do not pair by name (for example {example}); layouts that do: {LAYOUTS}")
