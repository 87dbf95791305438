"""Checks of a method's network."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from srbench.conformance.bench import is_outside_torch, picture, require, require_same
from srbench.conformance.outcome import FaultError, SkipError
from srbench.conformance.trace import require_no_trace
from srbench.errors import Code, MethodError, UsageError, one_line, say
from srbench.inference.output_range import OutputRange
from srbench.inference.precision import Inference
from srbench.inference.upscale import upscale
from srbench.store.weights import find_weights, load_weights, save_weights
from srbench.system.leftovers import scratch

if TYPE_CHECKING:
    from srbench.conformance.bench import MethodBench

SAME = 1e-4
"""Tolerance between two ways to compute the same float32 value in [0, 1]."""
FAR = {"bf16": 0.02, "fp16": 0.01}
"""Precision -> largest mean difference from float32."""
STALE = "make the shipped file again with 'srbench train', or delete it: it must fit the present network"
MIXED_DEVICES = ("expected device", "same device")
"""Parts of torch's message when an operator gets tensors of two devices."""
OUTSIDE = 0.001
"""Largest share of values outside [-0.5, 1.5]."""


def builds(bench: MethodBench) -> None:
    """The network can be built at every scale."""
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
            "give the spec a recipe= if it is to be trained, weights= if it is trained already",
        )


def _drawn(bench: MethodBench, seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return dict(bench.spec.build(bench.scale).state_dict())


def output(bench: MethodBench) -> None:
    """The output has the right type and shape and finite values, at every scale, for an input that is not square."""
    for scale in bench.scales:
        try:
            bench.sr(bench.lr(height=16, width=24), scale)
        except MethodError as error:
            raise FaultError(f"x{scale}: {error}") from error


def in_range(bench: MethodBench) -> None:
    """Output values lie in [0, 1], apart from overshoot."""
    if not bench.finished:
        raise SkipError("it ships no weights, and the output of an untrained network may have any range")
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
    """The input is not changed."""
    for scale in bench.scales:
        lr = bench.lr()
        before = lr.clone()
        with torch.inference_mode():
            bench.net(scale)(lr)
        require_same(before, lr, 0, f"x{scale}: forward changed its input")


def deterministic(bench: MethodBench) -> None:
    """The same input gives the same output, independent of earlier calls; torch's seed may matter."""
    scale, lr = bench.scale, bench.lr()
    first = bench.sr(lr, scale)
    require_same(first, bench.sr(lr, scale), 0, f"x{scale}: the same LR gave another SR the second time")
    require(
        not torch.equal(first, bench.sr(1 - lr, scale)),
        f"x{scale}: another LR gave the same SR",
        "use the input, and keep nothing of an image for the next",
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
            "leave out stochastic=True, or draw from torch's own generator",
        )
    else:
        require_same(
            first, other, 0, f"x{scale}: SR depends on torch's seed", "set stochastic=True, or draw nothing in forward"
        )


def batch(bench: MethodBench) -> None:
    """A batch of two gives the same as two batches of one."""
    if bench.spec.stochastic:
        raise SkipError("it is stochastic: each image of a batch draws numbers of its own")
    for scale in bench.scales:
        first, second = bench.lr(seed=1), bench.lr(seed=2)
        apart = torch.cat([bench.sr(first, scale), bench.sr(second, scale)])
        together = bench.sr(torch.cat([first, second]), scale)
        require_same(apart, together, SAME, f"x{scale}: a batch of 2 differs from each image alone")


def odd_sizes(bench: MethodBench) -> None:
    """Odd, small and large sizes work, padded to the ``multiple`` of the spec."""
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
    """The precisions of the spec give about the same as float32."""
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
    """CPU and GPU give the same. Without a GPU, all tensors must move with the network."""
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
    """Run on torch's meta device, which shows tensors that stay on the CPU."""
    lr = bench.lr().to("meta")
    try:
        with torch.inference_mode():
            bench.spec.build(bench.scale).eval().to("meta")(lr)
    except RuntimeError as error:
        if any(words in str(error) for words in MIXED_DEVICES):  # torch has no class of its own for it
            raise FaultError(f"x{bench.scale}: a tensor stays on the CPU where the network is moved") from error
    except Exception:  # noqa: BLE001, S110  (code that needs values fails on meta, which is no fault)
        pass


def halo(bench: MethodBench) -> None:
    """A tile with a margin of the halo gives the same as the whole image in its middle, so that tiles have no seams."""
    spec, scale = bench.spec, bench.scale
    if spec.halo is None:
        raise SkipError("the spec gives no halo, so the method is never run in tiles")
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
    """Weights that are saved and loaded into a new network give the same output; shipped files fit network and card."""
    if bench.spec.file is not None:
        raise SkipError("its weights are in the file that it is")
    for scale in (scale for scale in bench.scales if scale in bench.spec.shipped):
        try:
            find_weights(bench.spec, scale)
        except UsageError as error:
            raise FaultError(f"x{scale}: {error}", "write file and card together with 'srbench export'") from error
    for scale in bench.scales:
        net = bench.net(scale)
        if not net.state_dict():
            if bench.spec.recipe is None:
                raise SkipError("it has no weights")
            raise FaultError("it has a recipe, but neither parameters nor buffers")
        lr = bench.lr()
        with scratch("srbench-check-") as folder:
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
    """Building and upscaling change no global state."""

    def use() -> None:
        for scale in bench.scales:
            net = bench.spec.build(scale).eval().to(bench.device)
            with torch.inference_mode():
                net(bench.lr())

    require_no_trace(bench, use)
