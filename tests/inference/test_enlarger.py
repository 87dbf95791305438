"""Enlargers: what tiling must know of a method, and of one behind another."""

from __future__ import annotations

import pytest
import torch

from srbench.inference.enlarger import Enlarger
from srbench.specs import ModelSpec


class Repeat(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, lr):
        return lr.repeat_interleave(self.factor, -1).repeat_interleave(self.factor, -2) * 2

    def sample(self, lr):
        return self(lr) / 2


def enlarger(scale, sample=False, outside=False, **fields):
    net = Repeat(scale)
    if outside:
        net.outside_torch = True
    spec = ModelSpec(name=f"x{scale}", summary="x", scales={scale}, build=lambda _: net, **{"halo": 0, **fields})
    return Enlarger.of(spec, net, scale, sample=sample)


@pytest.mark.parametrize(
    ("first", "second", "halo", "multiple"),
    [
        (enlarger(2, halo=3), enlarger(3, halo=5), 3 + 3, 1),  # 5 pixels of the middle are 2.5 of the input
        (enlarger(3, halo=1, multiple=2), enlarger(2, halo=6, multiple=6), 1 + 2, 2),  # 6 in the middle: 2 in
        (enlarger(2, halo=0, multiple=3), enlarger(2, halo=0, multiple=8), 0, 12),
        (enlarger(2, halo=None), enlarger(2, halo=1), None, 1),
        (enlarger(2, halo=1), enlarger(2, halo=None), None, 1),
    ],
)
def test_one_behind_the_other_reaches_as_far_as_both(first, second, halo, multiple):
    both = first.then(second)
    assert both.halo == halo
    assert both.multiple == multiple
    assert both.scale == first.scale * second.scale
    assert both.name == first.name
    assert both.why == (first.why or second.why)


def test_the_second_is_given_the_first_ones_output_clamped():
    lr = torch.full((1, 3, 2, 2), 0.75)
    assert torch.equal(enlarger(2).then(enlarger(3)).run(lr, 0), torch.full((1, 3, 12, 12), 2.0))
    dark = torch.full((1, 3, 2, 2), 0.125)
    assert torch.equal(enlarger(2).then(enlarger(3)).run(dark, 0), torch.full((1, 3, 12, 12), 0.5))


def test_what_computes_outside_of_torch_has_no_memory_to_follow():
    inside, outside = enlarger(2), enlarger(2, outside=True)
    assert outside.probe is None
    assert inside.then(outside).probe is None
    assert outside.then(inside).probe is None
    assert inside.probe(torch.zeros(1, 3, 2, 2)).shape == (1, 3, 4, 4)
    assert inside.then(inside).probe(torch.zeros(1, 3, 2, 2)).shape == (1, 3, 8, 8)


def test_samples_are_never_cut():
    drawn = enlarger(2, sample=True)
    assert (drawn.halo, drawn.why) == (None, "samples are drawn at random, and tiles would be drawn apart")
    assert torch.equal(drawn.run(torch.ones(1, 3, 1, 1), 0), torch.ones(1, 3, 2, 2))
    assert enlarger(2, halo=4).halo == 4
