"""Means, intervals and tests over images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


K = TypeVar("K")

FEWEST_FOR_TEST = 8
"""Images below which no difference is called significant."""
LEVEL = 0.05
"""Of significance, over all comparisons of a ranking together."""


def mean_interval(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 95 % interval of the mean by Student's t; NaN below 2 values or where one is not finite.

    On sets of 5 to 100 images it holds the true mean of PSNR, SSIM and LPIPS in 93 to 96 of 100 sets; the percentile
    bootstrap in 82 of 100 sets of 5. The manual and a test have the figures.

    Args:
        values: ``(..., n)``, a value per image.

    Returns:
        The lower and upper ends, ``(...)`` each.
    """
    from scipy.special import stdtrit

    count = values.shape[-1]
    if count < 2:
        nowhere = np.full(values.shape[:-1], math.nan)
        return nowhere, nowhere
    finite = np.where(np.isfinite(values).all(axis=-1, keepdims=True), values, math.nan)
    mean = finite.mean(axis=-1)
    reach = stdtrit(count - 1, 0.975) * finite.std(axis=-1, ddof=1) / math.sqrt(count)
    return mean - reach, mean + reach


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
