"""The contract of a method's output, 8-bit rounding, padding, and scores with reasons."""

from __future__ import annotations

import pytest
import torch

from srbench.errors import MethodError
from srbench.inference.upscale import upscale


class Net(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, lr):
        return self.function(lr)


def double(lr):
    return lr.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda lr: [lr], "output is list, not a tensor"),
        (lambda lr: lr, r"output has shape \(1, 3, 5, 6\), expected \(1, 3, 10, 12\) for x2"),
        (lambda lr: double(lr).byte(), "output is torch.uint8"),
        (lambda lr: double(lr) / 0, "NaN or infinite"),
        (lambda lr: double(lr).log() * 0, "NaN or infinite"),
    ],
)
def test_breach_of_contract_is_named(function, said):
    with pytest.raises(MethodError, match=said):
        upscale(Net(function), torch.zeros(1, 3, 5, 6), 2)


@pytest.mark.parametrize("size", [(5, 6), (8, 8), (1, 1), (9, 16)])
def test_pads_to_the_multiple_and_crops(size):
    seen = []

    def forward(lr):
        seen.append(lr.shape[-2:])
        return double(lr)

    lr = torch.rand(1, 3, *size)
    assert torch.equal(upscale(Net(forward), lr, 2, multiple=8), double(lr))
    assert all(length % 8 == 0 for length in seen[0])


def test_a_stochastic_method_gives_the_same_output_every_time():
    net = Net(lambda lr: double(lr) + torch.rand(1))
    assert torch.equal(upscale(net, torch.zeros(1, 3, 4, 4), 2), upscale(net, torch.zeros(1, 3, 4, 4), 2))
