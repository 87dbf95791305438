"""A board on the terminal."""

from __future__ import annotations

import numpy as np
import pytest

from srbench.results.tables import render, time_line


def noise(seed, count=10, centre=30.0, spread=2.0):
    return list(np.random.default_rng(seed).normal(centre, spread, count))


@pytest.mark.parametrize("width", [60, 80, 100, 250])
def test_no_number_is_cut_on_a_narrow_terminal(run, width):
    from rich.console import Console

    for name in ("a-rather-long-name", "b"):
        run.score(name, "ssim", noise(1, centre=0.8, spread=0.01))
        run.score(name, "lpips", noise(2, centre=0.2, spread=0.01), protocol="")
        run.method(name, noise(0))
        run.speed(name, 12345.0)
    board = run.board()
    console = Console(width=width, force_terminal=True, color_system=None)
    with console.capture() as captured:
        for part in render(board, plain=False, width=width):
            console.print(part)
    text = captured.get()
    assert "…" not in text
    for number in (f"{board.frame.psnr[0]:.4f}", f"{board.frame.lpips[0]:.4f}", "12345"):
        assert number in text


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        ({}, ""),
        ({"load": 0.04, "decode": 0.01}, ""),
        ({"forward": 1.26, "score": 0.5}, "forward 1.3 s, score 0.5 s"),
        ({"decode": 0.2, "write": 0.1}, "in parallel: decode 0.2 s, write 0.1 s"),
        ({"decode": 0.2, "forward": 1.0}, "forward 1.0 s; in parallel: decode 0.2 s"),
    ],
)
def test_the_line_on_time_has_only_parts_that_took_any(seconds, line):
    assert time_line(seconds) == line
