"""Methods that fail in every way there is, and one that works."""

from __future__ import annotations

import os
import signal
import time

from srbench import MetricSpec, ModelSpec, hookimpl


def module(forward, scale):
    import torch

    class Method(torch.nn.Module):
        def forward(self, lr):
            return forward(lr, lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2))

    return Method()


def aborts(lr, sr):
    os.abort()


def is_killed(lr, sr):
    os.kill(os.getpid(), signal.SIGKILL)


def returns_nan(lr, sr):
    return sr * float("nan")


def sleeps(lr, sr):
    time.sleep(600)


def hoards(lr, sr):
    import torch

    kept = []
    while True:  # 128 MiB at a time, touched
        kept.append(torch.ones(2**25))
        time.sleep(0.02)


def raises(lr, sr):
    raise ValueError("no such luck")


def leaves(lr, sr):
    raise SystemExit(5)


def wrong_shape(lr, sr):
    return sr[..., 1:]


def prints(lr, sr):
    print("{not an answer of the worker}")
    return sr


def changes_torch(lr, sr):
    import torch

    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_default_dtype(torch.float64)
    return sr


class Metric:
    """A metric that breaks."""

    def prepare(self, hr, protocol):
        return hr

    def score(self, sr, prepared):
        raise RuntimeError("a bug of the metric")


@hookimpl
def srbench_metrics():
    return [MetricSpec(name="breaks", summary="raises", build=Metric, better="lower")]


def forks_and_dies(lr, sr):
    if os.fork() == 0:
        time.sleep(120)
        os._exit(0)
    os._exit(7)


METHODS = (
    aborts,
    is_killed,
    returns_nan,
    sleeps,
    hoards,
    raises,
    leaves,
    wrong_shape,
    prints,
    changes_torch,
    forks_and_dies,
)


def build(method, scale):
    return module(method, scale)


def unlearned(scale):
    raise AssertionError("is never built: there are no weights")


@hookimpl
def srbench_models():
    from functools import partial

    specs = [
        ModelSpec(
            name=method.__name__.replace("_", "-"),
            summary="fails, or not",
            scales={2, 4},
            build=partial(build, method),
        )
        for method in METHODS
    ]
    learned = ModelSpec(
        name="unlearned", summary="has no weights", scales={2}, build=unlearned, recipe=lambda n, t: None
    )
    return [*specs, learned]
