"""Checks of a method's network."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from srbench.conformance.bench import is_outside_torch, picture, require, require_same
from srbench.conformance.outcome import FaultError, SkipError
from srbench.conformance.trace import require_no_trace
from srbench.errors import Code, MethodError, one_line, say
from srbench.inference.output_range import OutputRange
from srbench.inference.precision import Inference
from srbench.inference.upscale import upscale
from srbench.store.weights import load_weights, save_weights

if TYPE_CHECKING:
    from srbench.conformance.bench import MethodBench

SAME = 1e-4
"""What may be left between two ways to the same value in float32, of [0, 1]."""
FAR = {"bf16": 0.02, "fp16": 0.01}
"""By precision, the mean difference from float32 that it may make."""
STALE = "make the shipped file again with 'srbench train', or delete it: it must be of the network as it is now"
MIXED_DEVICES = ("expected device", "same device")
"""In torch's text where tensors of two devices meet."""
OUTSIDE = 0.001
"""Share of the values that may lie beyond [-0.5, 1.5]."""


def builds(bench: MethodBench) -> None:
    """Every scale builds."""
    for scale in bench.scales:
        try:
            bench.net(scale)
        except MethodError as error:
            raise FaultError(f"x{scale}: {error}", STALE if error.code is Code.WRONG_WEIGHTS else "") from error
    spec = bench.spec
    if spec.recipe is None and not spec.shipped and spec.file is None:
        state, other = _drawn(bench, 1), _drawn(bench, 2)
        drawn = [name for name in state if not torch.equal(state[name], other[name])]
        require(
            not drawn,
            f"{drawn[0] if drawn else ''} is drawn at random, and nothing sets it: no weights, no recipe",
            "give the spec recipe= where it is to be trained, weights= where it comes trained",
        )


def _drawn(bench: MethodBench, seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return dict(bench.spec.build(bench.scale).state_dict())


def output(bench: MethodBench) -> None:
    """Type, shape and finite values at every scale; the input is not square."""
    for scale in bench.scales:
        try:
            bench.sr(bench.lr(height=16, width=24), scale)
        except MethodError as error:
            raise FaultError(f"x{scale}: {error}") from error


def in_range(bench: MethodBench) -> None:
    """Values are of [0, 1], give or take an overshoot."""
    if not bench.finished:
        raise SkipError("it brings no weights, and untrained output may be anything")
    for scale in bench.finished:
        sr = bench.sr(bench.lr(), scale)
        outside = float(((sr < -0.5) | (sr > 1.5)).float().mean())
        reach = f"from {float(sr.min()):.3g} to {float(sr.max()):.3g}"
        require(outside <= OUTSIDE, f"x{scale}: output reaches {reach}, LR was in [0, 1]")
        output_range = OutputRange()
        output_range.see(bench.lr(), sr)
        remark = output_range.take()
        require(not remark, f"x{scale}: {remark}")


def input_stays(bench: MethodBench) -> None:
    """The input is what it was."""
    for scale in bench.scales:
        lr = bench.lr()
        before = lr.clone()
        with torch.inference_mode():
            bench.net(scale)(lr)
        require_same(before, lr, 0, f"x{scale}: forward changed its input")


def deterministic(bench: MethodBench) -> None:
    """The same input gives the same output, whatever was drawn or enlarged before; torch's seed may count."""
    scale, lr = bench.scale, bench.lr()
    first = bench.sr(lr, scale)
    require_same(first, bench.sr(lr, scale), 0, f"x{scale}: the same LR gave another SR the second time")
    require(
        not torch.equal(first, bench.sr(1 - lr, scale)),
        f"x{scale}: another LR gave the same SR",
        "look at the input: nothing of an image may be kept for the next",
    )
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)
        bench.sr(bench.lr(seed=seed), scale)
        again = bench.sr(lr, scale)
        require_same(first, again, 0, f"x{scale}: the same LR gave another SR the second time")
    other = bench.sr(lr, scale, seed=1)
    if bench.spec.stochastic:
        require(
            not torch.equal(first, other),
            "it says stochastic=True, and SR is the same whatever torch's seed is",
            "leave stochastic=True out; draw from torch's own generator where something is meant to be random",
        )
    else:
        require_same(
            first, other, 0, f"x{scale}: SR depends on torch's seed", "say stochastic=True, or draw nothing in forward"
        )


def batch(bench: MethodBench) -> None:
    """A batch of two is two of one."""
    if bench.spec.stochastic:
        raise SkipError("it is stochastic: each image of a batch draws numbers of its own")
    for scale in bench.scales:
        first, second = bench.lr(seed=1), bench.lr(seed=2)
        apart = torch.cat([bench.sr(first, scale), bench.sr(second, scale)])
        together = bench.sr(torch.cat([first, second]), scale)
        require_same(apart, together, SAME, f"x{scale}: a batch of 2 differs from each image alone")


def odd_sizes(bench: MethodBench) -> None:
    """Sizes that are odd, small or larger, or of which one side is; padded to the multiple that the spec names."""
    for scale in bench.scales:
        more = ((8, 11), (72, 80)) if scale == bench.scale else ()
        for height, width in ((23, 17), (16, 35), (33, 16), *more):
            bench.net(scale)
            lr = picture(height, width).to(bench.device)
            try:
                bench.sr(lr, scale)
            except Exception as error:
                what = one_line(error) if isinstance(error, MethodError) else say(error)
                raise FaultError(f"x{scale}: LR of {width}x{height} fails: {what}") from error


def precisions(bench: MethodBench) -> None:
    """The precisions claimed give about what float32 gives."""
    claimed = [name for name in FAR if name in bench.spec.precisions]
    if not claimed:
        raise SkipError("it claims fp32 alone")
    scale, lr = bench.scale, bench.lr()
    whole = bench.sr(lr)
    for name in claimed:
        net = Inference(bench.build(scale), bench.device, name)
        try:
            sr = upscale(net, lr, scale, bench.spec.multiple, smallest=bench.spec.smallest)
        except (MethodError, RuntimeError) as error:
            raise FaultError(f"claims {name}, and in it {one_line(error)[:200]}") from error
        gap = float((sr - whole).abs().mean())
        require(gap <= FAR[name], f"{name} differs from fp32 by {gap:.3g} in the mean, more than {FAR[name]:g}")


def devices(bench: MethodBench) -> None:
    """CPU and GPU give the same; without a GPU, all tensors at least move with the network."""
    if is_outside_torch(bench.net(bench.scale)):
        raise SkipError("it computes outside torch, on the CPU")
    if not torch.cuda.is_available():
        _moves(bench)
        raise SkipError("there is no CUDA device here")
    if bench.spec.stochastic:
        raise SkipError("it is stochastic, and devices draw different numbers")
    for scale in bench.scales:
        lr = bench.lr().cpu()
        results = []
        for device in (torch.device("cpu"), torch.device("cuda")):
            try:
                with torch.inference_mode():
                    results.append(bench.build(scale, device)(lr.to(device)))
            except RuntimeError as error:
                raise FaultError(f"x{scale} fails on {device.type}: {one_line(error)[:200]}") from error
        on_cpu, on_cuda = results
        require_same(on_cpu, on_cuda, 10 * SAME, f"x{scale}: CPU and GPU differ")


def _moves(bench: MethodBench) -> None:
    """Run on torch's device of shapes alone, where what stays on the CPU shows."""
    lr = bench.lr().to("meta")
    try:
        with torch.inference_mode():
            bench.spec.build(bench.scale).eval().to("meta")(lr)
    except RuntimeError as error:
        if any(words in str(error) for words in MIXED_DEVICES):  # torch raises it as any other RuntimeError
            raise FaultError(f"x{bench.scale}: a tensor stays on the CPU where the network is moved") from error
    except Exception:  # noqa: BLE001, S110  (what needs values fails there, and is right)
        pass


def halo(bench: MethodBench) -> None:
    """A tile with a margin of the halo gives, in its middle, what the whole image gives: no seam would show."""
    spec, scale = bench.spec, bench.scale
    if spec.halo is None:
        raise SkipError("the spec claims no halo, so nothing is promised of tiles")
    if spec.stochastic:
        raise SkipError("it is stochastic: tiles draw numbers of their own")
    step = spec.multiple
    margin = spec.halo + -spec.halo % step
    middle = 8 + -8 % step
    for across in (False, True):
        high, wide = 16 + -16 % step, 2 * middle + 2 * margin + middle
        whole = bench.lr(height=high, width=wide)
        whole = whole.transpose(-1, -2).contiguous() if across else whole
        dim = -2 if across else -1
        tile = whole.narrow(dim, middle, 2 * margin + middle)
        expected = bench.sr(whole, scale).narrow(dim, (middle + margin) * scale, middle * scale)
        actual = bench.sr(tile, scale).narrow(dim, margin * scale, middle * scale)
        way = "above and below" if across else "left and right"
        require_same(expected, actual, SAME, f"x{scale}: pixels {way}, beyond the halo of {spec.halo}, still matter")


def weights(bench: MethodBench) -> None:
    """What is saved and loaded into a network built anew gives the same output; so do the files that are shipped."""
    if bench.spec.file is not None:
        raise SkipError("its weights are in the file that it is")
    for scale in bench.scales:
        net = bench.net(scale)
        if not net.state_dict():
            if bench.spec.recipe is None:
                raise SkipError("it has no weights")
            raise FaultError("it has a recipe, but neither parameters nor buffers")
        lr = bench.lr()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.safetensors"
            try:
                save_weights(net, path, {})
            except (OSError, RuntimeError) as error:
                reason = one_line(error)[:200]
                raise FaultError(
                    f"x{scale}: weights cannot be saved: {reason}", "clone tensors that share memory"
                ) from error
            torch.manual_seed(7)
            fresh: nn.Module = bench.spec.build(scale)
            load_weights(fresh, path)
        fresh = fresh.eval().to(bench.device)
        with torch.inference_mode():
            torch.manual_seed(0)
            expected = net(lr)
            torch.manual_seed(0)
            actual = fresh(lr)
        require_same(expected, actual, 1e-6, f"x{scale}: loaded into a new network, the weights give another output")


def global_state(bench: MethodBench) -> None:
    """Building and enlarging leave the process as it was."""

    def use() -> None:
        for scale in bench.scales:
            net = bench.spec.build(scale).eval().to(bench.device)
            with torch.inference_mode():
                net(bench.lr())

    require_no_trace(bench, use)
