"""Means, intervals and tests over images."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


RESAMPLES = 2000
FEWEST_FOR_TEST = 8
LEVEL = 0.05


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
