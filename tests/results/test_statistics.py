"""Intervals against tables of Student's t and their coverage; p-values against hand-computed ranks."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from srbench.results.statistics import FEWEST_FOR_TEST, LEVEL, mean_interval, p_value

VALUES = Path(__file__).with_name("per_image_values.csv")
"""Of 119 real images each, x4, protocol y; made from the ``results.jsonl`` of
``srbench run --methods bicubic,srresnet --dataset set5,set14,bsd100 --no-speed``.
"""


def named(values):
    return {f"i{n}": float(value) for n, value in enumerate(values)}


def against_zero(differences):
    return p_value(named(differences), named([0] * len(differences)))


@pytest.mark.parametrize(("count", "quantile"), [(2, 12.706), (5, 2.776), (14, 2.160), (30, 2.045), (100, 1.984)])
def test_the_interval_reaches_as_many_standard_errors_as_tables_of_t_say(count, quantile):
    """The 97.5 % quantiles of Student's t for 1, 4, 13, 29 and 99 degrees of freedom, as printed in any table."""
    values = np.arange(count, dtype=float)
    variance = count * (count + 1) / 12  # of 0, 1, ... n - 1, with n - 1 below the fraction
    low, high = mean_interval(values)
    assert (low + high) / 2 == pytest.approx((count - 1) / 2)
    assert (high - low) / 2 == pytest.approx(quantile * math.sqrt(variance / count), rel=3e-4)


@pytest.mark.parametrize("values", [[], [3.0], [1.0, math.inf], [1.0, math.nan]])
def test_there_is_no_interval_of_fewer_than_two_finite_values(values):
    assert all(map(math.isnan, mean_interval(np.array(values))))


@pytest.mark.parametrize("metric", ["psnr", "ssim", "lpips"])
@pytest.mark.parametrize("method", ["bicubic", "srresnet"])
@pytest.mark.parametrize("count", [5, 14, 30, 100])
def test_the_interval_holds_the_mean_of_real_values_in_93_to_97_of_100_sets(metric, method, count):
    """Sets of so many images are drawn from real values, whose own mean is then the true one."""
    with VALUES.open(encoding="utf-8") as file:
        population = np.array([float(row[metric]) for row in csv.DictReader(file) if row["method"] == method])
    assert len(population) == 119
    low, high = mean_interval(np.random.default_rng(19).choice(population, size=(10_000, count)))
    coverage = np.mean((low <= population.mean()) & (population.mean() <= high))
    assert 0.93 <= coverage <= 0.97


@pytest.mark.parametrize("count", [8, 9, 12])
def test_p_of_differences_of_one_sign_is_two_of_all_sign_patterns(count):
    assert against_zero(range(1, count + 1)) == pytest.approx(2 / 2**count)
    assert against_zero([-d for d in range(1, count + 1)]) == pytest.approx(2 / 2**count)


def test_p_counts_the_sign_patterns_that_are_at_least_as_extreme():
    """Of ranks 1 to 8 with only 1 negative, the smaller sum is 1: of 256 patterns 2 lie at or below, on each side."""
    assert against_zero([-1, 2, 3, 4, 5, 6, 7, 8]) == pytest.approx(4 / 256)


def test_p_is_that_of_the_differences():
    rival = [5.0, 1, 9, 2, 8, 3, 7, 4]
    best = named(value + n + 1 for n, value in enumerate(rival))
    assert p_value(best, named(rival)) == pytest.approx(2 / 2**8)
    best["i0"] = 4.0
    assert p_value(best, named(rival)) == pytest.approx(4 / 2**8)


def test_nothing_is_tested_below_8_images():
    assert FEWEST_FOR_TEST == 8
    assert against_zero(range(1, 8)) is None
    assert against_zero(range(1, 9)) is not None


def test_only_common_images_count():
    best, rival = named(range(1, 9)), named([0] * 12)
    assert p_value(best, rival) == pytest.approx(2 / 2**8)
    del rival["i0"]
    assert p_value(best, rival) is None


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_images_without_a_finite_difference_do_not_count(value):
    assert against_zero([*range(1, 9), value]) == pytest.approx(2 / 2**8)
    assert against_zero([*range(1, 8), value]) is None


def test_equal_values_differ_with_a_p_of_1():
    assert against_zero([0] * 8) == 1.0


def test_the_level_is_5_percent():
    assert LEVEL == 0.05
