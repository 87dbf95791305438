"""Compare LR with what each known resizer makes of HR, pixel by pixel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from srbench.errors import ImageError
from srbench.identify.pairs import read_pair
from srbench.images.read import size_or_none
from srbench.images.resizers import RESIZERS
from srbench.images.resizers.plain import FAMILIES
from srbench.resize import degrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from srbench.identify.pairs import LRPair
    from srbench.images.resizers.resizer import Pixels

BENCHMARK = "bicubic"
BORDER = 4
"""LR pixels at each side whose values depend on how borders are continued."""


@dataclass
class Candidate:
    """How far the LR of one resizer is from the LR that is looked at, over all images so far."""

    name: str
    whole: bool = False
    """Whether HR was shrunk as it is, not cropped to multiples of the scale."""
    images: int = 0
    pixels: int = 0
    equal: int = 0
    """Pixels that are equal in all three channels."""
    inside: int = 0
    inside_equal: int = 0
    """Pixels away from the borders, and those that are equal."""
    largest: int = 0
    total: int = 0
    """Sum of the absolute differences of all values."""
    _digest: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    @property
    def is_equal(self) -> bool:
        """Whether every pixel of every image is equal."""
        return self.pixels > 0 and self.equal == self.pixels

    @property
    def is_equal_inside(self) -> bool:
        """Whether every pixel away from the borders is equal."""
        return self.inside > 0 and self.inside_equal == self.inside

    @property
    def share(self) -> float:
        """Share of pixels that are equal, 0 to 1."""
        return self.equal / max(1, self.pixels)

    @property
    def mean(self) -> float:
        """Mean absolute difference, in steps of 8 bits."""
        return self.total / max(1, 3 * self.pixels)

    @property
    def label(self) -> str:
        """Its name, and whether HR was not cropped."""
        return f"{self.name} (HR not cropped)" if self.whole else self.name

    @property
    def digest(self) -> bytes:
        """Equal for candidates that make the same LR of all images."""
        return self._digest.digest()

    def add(self, ours: Pixels, lr: Pixels) -> None:
        """Compare one image."""
        gap = np.abs(ours.astype(np.int16) - lr)
        is_equal = gap.max(axis=2) == 0
        inside = is_equal[BORDER:-BORDER, BORDER:-BORDER]
        self.images += 1
        self.pixels += is_equal.size
        self.equal += int(is_equal.sum())
        self.inside += inside.size
        self.inside_equal += int(inside.sum())
        self.largest = max(self.largest, int(gap.max(initial=0)))
        self.total += int(gap.sum(dtype=np.int64))
        self._digest.update(np.ascontiguousarray(ours).tobytes())


@dataclass
class Comparison:
    """All candidates, the nearest first, and what could not be compared."""

    groups: list[list[Candidate]]
    """Candidates that make the same LR of all images are one group."""
    images: int
    missing: dict[str, list[str]]
    """Why candidates could not be tried, with their names."""
    faults: list[str]
    """Images that cannot be used."""
    stopped: bool = False
    """Whether the user ended it before all images were compared."""

    @property
    def best(self) -> Candidate | None:
        """The nearest candidate."""
        return self.groups[0][0] if self.groups else None


def compare(pairs: Sequence[LRPair], scale: int, done: Callable[[str], object] = lambda _: None) -> Comparison:
    """Compare pairs with all candidates that this machine has. If the user stops it, what is known is returned.

    Args:
        pairs: LR and HR files.
        scale: their scale.
        done: called with the name of each finished pair.
    """
    known: dict[tuple[str, bool], Candidate] = {}
    faults: list[str] = []
    count, stopped = 0, False
    try_whole = any(side % scale for pair in pairs for side in size_or_none(pair.hr) or ())
    try:
        for pair in pairs:
            try:
                hr, lr = read_pair(pair)
            except ImageError as error:
                faults.append(str(error))
                done(pair.name)
                continue
            tried = list(
                _all(hr, lr, scale, try_whole=try_whole)
            )  # an image counts for all candidates or, if stopped, for none
            for name, whole, ours in tried:
                known.setdefault((name, whole), Candidate(name, whole)).add(ours, lr)
            count += 1
            done(pair.name)
    except KeyboardInterrupt:
        stopped = True
    missing: dict[str, list[str]] = {}
    for resizer in RESIZERS.values():
        if resizer.library and resizer.library.missing:
            missing.setdefault(resizer.library.missing, []).append(resizer.name)
    complete = [candidate for candidate in known.values() if candidate.images == count]
    return Comparison(
        _grouped(sorted(complete, key=lambda candidate: candidate.whole)), count, missing, faults, stopped=stopped
    )


def _all(hr: Pixels, lr: Pixels, scale: int, *, try_whole: bool) -> Iterator[tuple[str, bool, Pixels]]:
    """Yield name, whether HR is whole, and the LR of each candidate that can make LR's size."""
    height, width = (side // scale for side in hr.shape[:2])
    size = (lr.shape[0], lr.shape[1])
    cropped = np.ascontiguousarray(hr[: height * scale, : width * scale])
    is_multiple = cropped.shape == hr.shape
    if size == (height, width):
        for name, ours in _candidates(cropped, size, scale):
            yield name, False, ours
            if is_multiple and try_whole:
                yield name, True, ours
    if not is_multiple:
        yield from ((name, True, ours) for name, ours in _candidates(hr, size, scale, benchmark=False))


def _candidates(
    hr: Pixels, size: tuple[int, int], scale: int, *, benchmark: bool = True
) -> Iterator[tuple[str, Pixels]]:
    if benchmark:
        import torch

        yield BENCHMARK, degrade(torch.from_numpy(hr).permute(2, 0, 1), scale).permute(1, 2, 0).numpy()
    for resizer in RESIZERS.values():
        if resizer.library and resizer.library.missing:
            continue
        try:
            ours = resizer.shrink(hr, size, scale)
        except ValueError:  # this size is not one that it makes
            continue
        yield resizer.name, ours
    for family in FAMILIES:
        yield from family.shrink_all(hr, size, scale)


def _grouped(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Return the groups of candidates that make the same LR, the nearest first."""
    groups: dict[bytes, list[Candidate]] = {}
    for candidate in candidates:  # those of cropped HR come first
        group = groups.setdefault(candidate.digest, [])
        if candidate.name not in [member.name for member in group]:
            group.append(candidate)
    return sorted(groups.values(), key=lambda group: group[0].mean)
