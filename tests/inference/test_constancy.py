"""Networks that change while they run are told from those that do not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from srbench import ModelSpec
from srbench.inference.constancy import Constancy
from srbench.inference.enlarger import Enlarger


class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind, self.passes = kind, 0
        self.norm = nn.BatchNorm2d(3, affine=False)
        self.norm.train(kind == "norm")

    def forward(self, lr):
        self.passes += 1
        if self.kind == "fails" and lr.shape[-1] < 32:
            raise ValueError("too small")
        sr = (
            self.norm.eval()(lr) if self.kind != "norm" else (self.norm(lr), self.norm.eval()(lr), self.norm.train())[1]
        )
        sr = sr * 0.9**self.passes if self.kind == "counter" else sr
        sr = sr + torch.rand(()) * 0.1 if self.kind == "random" else sr
        return sr.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("steady", False), ("fails", False), ("random", False), ("norm", True), ("counter", True)],
)
def test_networks_whose_output_changes_are_named(kind, changes):
    net = Net(kind)
    spec = ModelSpec(name="net", summary="n", scales={2}, build=lambda scale: net, stochastic=kind == "random")
    enlarger = Enlarger.of(spec, net, 2)
    constancy = Constancy(enlarger, torch.device("cpu"), stochastic=spec.stochastic)
    assert constancy.remark() == ""
    constancy.begin()
    enlarger.run(torch.rand(1, 3, 40, 40), 0)
    assert ("changed while it ran" in constancy.remark()) == changes
