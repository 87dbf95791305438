"""Whether metrics still give what they gave at first: one that changes torch or itself moves the values of others."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import torch

from srbench.scoring.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.catalog.catalog import Catalog
    from srbench.scoring.outputs import Criterion
    from srbench.scoring.scorer import Scorer

SIDE = 48
"""Height and width of the two images that are scored."""
TOLERANCE = 1e-4
"""Largest relative difference; results of a GPU differ in the last digits."""


class Steadiness:
    """Scores one pair of small images before the first image and after each job, where metrics are not all srbench's.

    srbench's own metrics come first, so that they are seen as they are without the others. Metrics that fail on the
    pair are not looked at, nor is what a plugin changes as it is imported.

    Args:
        catalog: holds the metrics.
        scorer: scores.
        device: the device of the images.
    """

    def __init__(self, catalog: Catalog, scorer: Scorer, device: torch.device) -> None:
        self._catalog, self._scorer = catalog, scorer
        self._first: dict[Criterion, float] = {}
        self._rounds = 0
        sr, hr = torch.randint(0, 256, (2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0)).byte().to(device)
        self._sr, self._sample = sr, Sample("pair", hr, hr[:, ::2, ::2], False, 2)

    def begin(self, criteria: Iterable[Criterion]) -> None:
        """Keep the first value of each criterion."""
        new = sorted(
            set(criteria) - self._first.keys(), key=lambda criterion: (not self._is_own(criterion), *criterion.names)
        )
        if not all(map(self._is_own, new)):
            self._first |= self._values(new)

    def remark(self) -> str:
        """Return which metric gives another value now; empty if none does."""
        for criterion, now in self._values(self._first).items():
            if not math.isclose(now, then := self._first[criterion], rel_tol=TOLERANCE):
                return (
                    f"{criterion.metric.name} of one and the same pair of images was {then:.6g} and is {now:.6g} now: "
                    "it is drawn at random, or a metric changes what it is computed with"
                )
        return ""

    def _is_own(self, criterion: Criterion) -> bool:
        return self._catalog.metrics.owner(criterion.metric.name).origin.partition(" ")[0] == "srbench"

    def _values(self, criteria: Iterable[Criterion]) -> dict[Criterion, float]:
        self._rounds += 1
        values: dict[Criterion, float] = {}
        for criterion in criteria:
            key = f"pair {self._rounds}"  # what was prepared before is not used again
            with suppress(Exception, SystemExit):  # a plugin may raise anything; its images will tell
                score = self._scorer.score(self._sr, self._sample, criterion.protocol, criterion.metric, key)
                if score.value is not None:
                    values[criterion] = score.value
        self._scorer.forget()
        return values
