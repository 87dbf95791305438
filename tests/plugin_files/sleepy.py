"""A method that takes its time, so that a run can be disturbed while it works."""

from __future__ import annotations

import time

from srbench import ModelSpec, hookimpl


def build(scale):
    import torch

    class Sleepy(torch.nn.Module):
        def forward(self, lr):
            time.sleep(0.25)
            return lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2)

    return Sleepy()


@hookimpl
def srbench_models():
    return [ModelSpec(name="sleepy", summary="nearest, after a rest", scales={2, 4}, build=build)]
