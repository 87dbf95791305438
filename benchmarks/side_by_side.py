"""Ratios that a noisy machine cannot bend: the two sides take turns, and each turn gives a ratio of its own."""

from __future__ import annotations

import statistics
import time
from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

FAST = 1.5
FEWEST, LONG_S = 5, 20.0
"""Rounds that go on for longer than this, in seconds, end after so few: long ones are averages already."""


def side_by_side(ours: Callable[[], object], theirs: Callable[[], object], rounds: int, warm_up: int = 2) -> float:
    """Return how many times as long theirs takes as ours: the median over at most so many rounds.

    In a round both run once, now the one first, now the other; what runs on an accelerator is waited for.
    """
    for _ in range(warm_up):
        ours()
        theirs()
    ratios: list[float] = []
    end = time.perf_counter() + LONG_S
    for i in range(rounds):
        if len(ratios) >= FEWEST and time.perf_counter() > end:
            break
        sides = (ours, theirs) if i % 2 else (theirs, ours)
        spent = {side: _seconds(side) for side in sides}
        ratios.append(spent[theirs] / spent[ours])
    return statistics.median(ratios)


@cache
def is_fast_in_bf16(device: str) -> bool:
    """Say whether the processor multiplies matrices at least 1.5 times as fast in bf16 as in fp32.

    One with AVX512-BF16 and no matrix unit takes twice as long instead, and so does all that is built on it.
    """
    side = 512 if device == "cpu" else 4096  # a GPU has to be filled
    one = torch.rand(side, side, device=device)
    other = one.bfloat16()
    return side_by_side(lambda: other @ other, lambda: one @ one, rounds=5) >= FAST


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began
