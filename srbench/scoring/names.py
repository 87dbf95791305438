"""Pair the names of SR and HR files, as the field writes them.

`pair_names` first compares names as they are, without regard to case. Where that is not all, it looks for what names
of a folder have in common around the image's own name: ``baby_x4`` and ``bird_x4`` beside ``baby`` and ``bird``,
``SwinIR_baby`` beside ``baby_HR``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from srbench.errors import UsageError, counted, several

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SEPARATORS = "_-. /"
PROBES = 8
"""Names of each side that are compared with all of the other, to find what is around them."""


@dataclass(frozen=True)
class Affixes:
    """What stands around the image's own name in the names of SR and of HR files."""

    sr_prefix: str = ""
    sr_suffix: str = ""
    hr_prefix: str = ""
    hr_suffix: str = ""

    @property
    def length(self) -> int:
        """Number of characters."""
        return sum(map(len, (self.sr_prefix, self.sr_suffix, self.hr_prefix, self.hr_suffix)))

    def sr_core_of(self, name: str) -> str:
        """Return an SR name, folded, without what stands around it; empty if that does not stand there."""
        return _core(_folded(name), self.sr_prefix, self.sr_suffix)

    def hr_core_of(self, name: str) -> str:
        """Return an HR name, folded, without what stands around it; empty if that does not stand there."""
        return _core(_folded(name), self.hr_prefix, self.hr_suffix)

    def __str__(self) -> str:
        sides = (("SR", self.sr_prefix, self.sr_suffix), ("HR", self.hr_prefix, self.hr_suffix))
        parts = [
            f"{side} names {verb} {text!r}"
            for side, prefix, suffix in sides
            for verb, text in (("begin with", prefix), ("end in", suffix))
            if text
        ]
        return " and ".join(parts)


@dataclass(frozen=True)
class NamePairs:
    """Which SR name belongs to which HR name."""

    pairs: dict[str, str]
    """SR name by HR name, in the order of HR."""
    affixes: Affixes = Affixes()
    """What was left out of the names to pair them."""


def pair_names(
    sr: Sequence[str], hr: Sequence[str], scale: int, aliases: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> NamePairs:
    """Pair names of files, without extensions.

    Args:
        sr: names of SR, each different.
        hr: names of HR, each different.
        scale: where SR of several scales lie in one folder, those that end in this scale are taken.
        aliases: other names of HR, by name.

    Raises:
        UsageError: names could be paired in several ways, as where the outputs of two methods lie in one folder.
    """
    names = {_folded(alias): name for name in hr for alias in aliases.get(name, ())}
    names |= {_folded(name): name for name in hr}
    plain = _pairs(sr, names, Affixes())
    ways = {_frozen(plain): Affixes()} if plain else {}
    for affixes in sorted(_candidates(sr, list(names)), key=lambda a: a.length):
        pairs = _pairs(sr, names, affixes)
        if 2 * len(pairs) >= min(len(sr), len(hr)):  # fewer are alike by chance
            ways.setdefault(_frozen(pairs), affixes)
    most = max(map(len, ways), default=0)
    best = {way: affixes for way, affixes in ways.items() if len(way) == most}
    for wanted in (_is_empty, _is_of_hr, partial(_is_of_scale, scale)):
        best = {way: affixes for way, affixes in best.items() if wanted(affixes)} or best
    if len(best) > 1:
        several_ways = several([str(affixes) for affixes in best.values()], 4)
        raise UsageError(
            f"SR and HR can be paired in several ways, each with {counted(most, 'pair')}: {several_ways}; "
            "--sr-suffix and --hr-suffix say which ending to take"
        )
    way, affixes = next(iter(best.items()), ((), Affixes()))
    by_hr = dict(way)
    return NamePairs({name: by_hr[name] for name in hr if name in by_hr}, affixes)


def _frozen(pairs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pairs.items()))


def _pairs(sr: Sequence[str], names: Mapping[str, str], affixes: Affixes) -> dict[str, str]:
    """Return SR names by HR names, of those that are each other's only partner.

    Args:
        sr: names of SR.
        names: names of HR by their names and aliases, folded.
        affixes: what stands around the images' names.
    """
    by_core: dict[str, list[str]] = {}
    for name in sr:
        if core := affixes.sr_core_of(name):
            by_core.setdefault(core, []).append(name)
    pairs: dict[str, str] = {}
    taken: set[str] = set()
    for folded, name in names.items():
        core = affixes.hr_core_of(folded)
        partners = by_core.get(core, []) if core else []
        exact = [partner for partner in partners if partner == name]
        partners = exact or partners
        if len(partners) == 1 and name not in pairs and partners[0] not in taken:
            pairs[name] = partners[0]
            taken.add(partners[0])
    return pairs


def _candidates(sr: Sequence[str], hr: Sequence[str]) -> set[Affixes]:
    """Return what may stand around the images' names, from what two names have in common."""
    candidates = set()
    for sr_name, hr_name in _probes(sorted(map(_folded, sr)), sorted(hr)):
        start, other, size = SequenceMatcher(None, sr_name, hr_name, autojunk=False).find_longest_match()
        common = sr_name[start : start + size]
        left, right = (len(common) - len(text) for text in (common.lstrip(SEPARATORS), common.rstrip(SEPARATORS)))
        start, other, size = start + left, other + left, max(0, size - left - right)
        ends = (sr_name, start), (sr_name, start + size), (hr_name, other), (hr_name, other + size)
        if _is_name(sr_name[start : start + size]) and all(_is_cut(name, at) for name, at in ends):
            candidates.add(Affixes(sr_name[:start], sr_name[start + size :], hr_name[:other], hr_name[other + size :]))
    return candidates


def _probes(sr: list[str], hr: list[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of names to compare: some of each side, spread over it, with all of the other."""
    for sr_name in sr[:: max(1, len(sr) // PROBES)]:
        for hr_name in hr:
            yield sr_name, hr_name
    for hr_name in hr[:: max(1, len(hr) // PROBES)]:
        for sr_name in sr:
            yield sr_name, hr_name


def _is_cut(name: str, at: int) -> bool:
    """Return whether a name may be cut here: not inside a word or a number, but before ``x4`` or ``4x``."""
    if at in (0, len(name)):
        return True
    before, after = name[at - 1], name[at]
    if not before.isalnum() or not after.isalnum():
        return True
    if re.match(r"x\d", name[at:]) or re.search(r"x\d$", name[:at]):
        return True
    return before.isdigit() != after.isdigit()


def _is_name(text: str) -> bool:
    """Return whether a text can be an image's name: more than a scale and words for HR and SR."""
    return re.sub(r"x\d+|\d+x|srf_\d+|hr|sr|lr|gt|[\W_]", "", text) != ""


def _is_empty(affixes: Affixes) -> bool:
    return affixes == Affixes()


def _is_of_hr(affixes: Affixes) -> bool:
    """Return whether HR names do not say that they are LR, as in a folder that holds both."""
    return re.search(r"(?<![a-z])lr", f"{affixes.hr_prefix} {affixes.hr_suffix}") is None


def _is_of_scale(scale: int, affixes: Affixes) -> bool:
    """Return whether SR names say that they are of a scale, as in a folder that holds several."""
    text = f"{affixes.sr_prefix} {affixes.sr_suffix}"
    return re.search(rf"(?<![0-9])(x{scale}|{scale}x|srf_{scale})(?![0-9])", text) is not None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _core(name: str, prefix: str, suffix: str) -> str:
    if not (name.startswith(prefix) and name.endswith(suffix)) or len(name) <= len(prefix) + len(suffix):
        return ""
    return name[len(prefix) : len(name) - len(suffix)]
