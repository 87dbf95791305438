"""Resamples and p-values against numpy's own draws and hand-computed ranks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from srbench.results.statistics import FEWEST_FOR_TEST, LEVEL, RESAMPLES, p_value, resamples


def named(values):
    return {f"i{n}": float(value) for n, value in enumerate(values)}


def against_zero(differences):
    return p_value(named(differences), named([0] * len(differences)))


@pytest.mark.parametrize("count", [2, 5, 100])
def test_resamples_are_2000_draws_with_replacement_of_one_seed(count):
    drawn = np.random.default_rng(0).integers(count, size=(2000, count))
    np.testing.assert_array_equal(resamples(count), drawn)
    assert RESAMPLES == 2000


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
