"""Speeds that no network can have are remarked on, and honest ones are not."""

from __future__ import annotations

import time

import pytest
import torch

from srbench.inference.plausible import implausible
from srbench.inference.precision import Inference
from srbench.inference.speed import SpeedSettings, doubt, measure

CPU = torch.device("cpu")
SMALL = torch.Size((1, 3, 8, 8))


def test_parameters_that_multiply_nothing_are_remarked_on():
    assert "no multiply-accumulates for 12 parameters" in implausible(1.0, 0, 12, SMALL, None, "cpu")
    assert implausible(1.0, None, 12, SMALL, None, "cpu") == ""
    assert implausible(1.0, 0, 0, SMALL, None, "cpu") == ""


def test_an_output_faster_than_memory_is_remarked_on():
    large = torch.Size((1, 3, 2048, 2048))
    assert "writing its output alone" in implausible(0.01, 5, 5, large, None, "cpu")
    assert implausible(1000.0, 5, 5, large, None, "cpu") == ""
    assert implausible(0.01, 5, 5, large, None, "cuda") == ""


def test_a_busy_machine_makes_no_pass_too_fast(monkeypatch):
    monkeypatch.setattr("srbench.inference.plausible._writing_ms", lambda shape, kind: 99.0)
    side = torch.Size((1, 3, 128, 128))
    assert implausible(0.7, 5, 5, side, None, "cpu") == ""
    assert "writing its output alone 99 ms" in implausible(0.001, 5, 5, side, None, "cpu")


@pytest.mark.parametrize(("share", "expected"), [(1.0, True), (0.25, False)])
def test_a_time_that_does_not_grow_with_the_input_is_remarked_on(share, expected):
    remark = implausible(20.0, 5, 5, SMALL, lambda: time.sleep(0.02 * share), "cpu")
    assert ("does not grow" in remark) is expected


def test_an_honest_network_is_not_doubted():
    net = Inference(torch.nn.Sequential(torch.nn.Conv2d(3, 48, 5, padding=2), torch.nn.PixelShuffle(4)), CPU)
    settings = SpeedSettings(size=256, seconds=0.2)
    with torch.inference_mode():
        assert doubt(measure(net, 4, 1, CPU, settings), net, 4, 1, CPU, settings) == ""


def test_half_of_an_input_that_has_a_smallest_size_proves_nothing():
    class Sleeps(torch.nn.Module):
        def forward(self, lr):
            time.sleep(0.008)
            return lr

    settings = SpeedSettings(size=32, seconds=0.05)
    speed = measure(Sleeps(), 1, 1, CPU, settings)
    assert "does not grow" in doubt(speed, Sleeps(), 1, 1, CPU, settings)
    assert doubt(speed, Sleeps(), 1, 1, CPU, settings, smallest=32) == ""
