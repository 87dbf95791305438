"""Means, intervals and tests over images."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


K = TypeVar("K")

RESAMPLES = 2000
FEWEST_FOR_TEST = 8
"""Images below which no difference is called significant."""
LEVEL = 0.05
"""Of significance, over all comparisons of a ranking together."""


def bootstrap_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean; NaN below 2 values or where one is not finite."""
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan, math.nan
    means = values[resamples(len(values))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=1)
def resamples(count: int) -> NDArray[np.int64]:
    """Return which of so many values each resample takes, ``(RESAMPLES, count)``: the same for all methods."""
    return np.random.default_rng(0).integers(count, size=(RESAMPLES, count))


def p_value(best: dict[str, float], rival: dict[str, float]) -> float | None:
    """Return the p-value of Wilcoxon's signed-rank test over common images; None below `FEWEST_FOR_TEST` of them."""
    images = [name for name in best if name in rival]
    differences = np.array([best[name] - rival[name] for name in images])
    differences = differences[np.isfinite(differences)]
    if len(differences) < FEWEST_FOR_TEST:
        return None
    if not differences.any():
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences).pvalue)


def holm(p_values: Mapping[K, float]) -> set[K]:
    """Return which differences are significant at `LEVEL` when all are tested, by Holm's step-down correction.

    Source: Holm, S. (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6, 65-70.
    """
    significant = set()
    for rank, (key, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        if p * (len(p_values) - rank) > LEVEL:
            break
        significant.add(key)
    return significant
