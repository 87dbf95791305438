"""Pixel losses: zero (or nearly) at equality, right elsewhere, with a finite gradient."""

from __future__ import annotations

import pytest
import torch

from srbench_plugins import pixel_losses

LOSSES = {spec.name: spec.build() for spec in pixel_losses.srbench_losses()}


@pytest.mark.parametrize(("name", "expected"), [("mse", 0.25), ("l1", 0.5), ("charbonnier", (0.25 + 1e-6) ** 0.5)])
def test_value(name, expected):
    hr = torch.zeros(2, 3, 4, 4)
    assert LOSSES[name](hr + 0.5, hr).item() == pytest.approx(expected, rel=1e-6)


def test_total_variation_of_a_ramp():
    ramp = torch.arange(8.0).expand(1, 3, 5, 8)
    assert LOSSES["tv"](ramp, torch.zeros_like(ramp)).item() == 1


@pytest.mark.parametrize("name", ["mse", "l1", "charbonnier"])
def test_small_with_finite_gradient_at_equality(name):
    sr = torch.rand(1, 3, 8, 8, requires_grad=True)
    loss = LOSSES[name](sr, sr.detach().clone())
    loss.backward()
    assert loss.item() <= 1.001e-3
    assert torch.isfinite(sr.grad).all()
