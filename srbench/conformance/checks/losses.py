"""Checks of a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from srbench.conformance.bench import picture, require
from srbench.conformance.outcome import FaultError, SkipError
from srbench.conformance.trace import require_no_trace
from srbench.errors import AssetError
from srbench.store.backbones import only_local

if TYPE_CHECKING:
    from srbench.conformance.bench import LossBench

SIDE = 64
ZERO = 1e-6


def builds(bench: LossBench) -> None:
    """The loss can be built, unless it needs a network that is not on this machine."""
    try:
        with only_local():
            loss = bench.loss
    except AssetError as error:
        raise SkipError(str(error)) from error
    require(callable(loss), f"build() returned {type(loss).__name__}, which cannot be called")


def _pair(bench: LossBench) -> tuple[torch.Tensor, torch.Tensor]:
    """Return SR and HR, two images each; SR is partly outside [0, 1], as the output of a network."""
    hr = torch.cat([picture(SIDE, SIDE, 1), picture(SIDE, SIDE, 2)]).to(bench.device)
    noise = torch.randn(hr.shape, generator=torch.Generator().manual_seed(3)).to(bench.device)
    return hr + 0.1 * noise, hr


def scalar(bench: LossBench) -> None:
    """The loss is one finite floating-point number, for batches of two and of one."""
    sr, hr = _pair(bench)
    for count in (2, 1):
        value = bench.loss(sr[:count], hr[:count])
        require(isinstance(value, torch.Tensor), f"it returned {type(value).__name__}, not a tensor")
        require(value.numel() == 1, f"it returned a tensor of shape {tuple(value.shape)}, not one number")
        require(value.is_floating_point(), f"it returned {value.dtype}")
        require(bool(value.isfinite().all()), f"it is {float(value)} for a batch of {count}")


def zero(bench: LossBench) -> None:
    """The loss is smallest if SR equals HR, and 0 then if the spec says so."""
    noisy, hr = _pair(bench)
    if float(bench.loss(noisy, hr)) == float(bench.loss(noisy, 1 - hr)):
        require(not bench.spec.zero_at_equality, "it does not depend on HR")
        raise SkipError("it does not depend on HR")
    at_equality = float(bench.loss(hr.clone(), hr))
    if bench.spec.zero_at_equality:
        require(abs(at_equality) <= ZERO, f"it is {at_equality:.3g} where SR equals HR")
    others = {"is noisy": noisy, "is darker than HR": 0.8 * hr, "is brighter than HR": 1 - 0.8 * (1 - hr)}
    for what, sr in others.items():
        value = float(bench.loss(sr, hr))
        reason = f"it is {value:.3g} where SR {what}, and {at_equality:.3g} where SR equals HR"
        require(value > at_equality, reason, "a loss must be smallest if SR equals HR")


def gradient(bench: LossBench) -> None:
    """The gradient with respect to SR exists and is finite, for noisy, equal and flat images."""
    noisy, hr = _pair(bench)
    flat = torch.full_like(hr, 0.5)
    cases = {"SR is noisy": (noisy, hr), "SR equals HR": (hr, hr), "both images are flat": (flat, flat.clone())}
    for what, (image, target) in cases.items():
        sr = image.clone().requires_grad_()
        value = bench.loss(sr, target)
        require(value.requires_grad, "no gradient reaches SR: it is detached, or made of whole numbers")
        (slope,) = torch.autograd.grad(value, sr, allow_unused=True)
        if slope is None:
            raise FaultError("no gradient reaches SR")
        require(bool(slope.isfinite().all()), f"the gradient has NaN or infinite values where {what}")
        require(what != "SR is noisy" or bool(slope.any()), "the gradient by SR is 0 everywhere")


def input_stays(bench: LossBench) -> None:
    """SR and HR are not changed."""
    sr, hr = _pair(bench)
    before = sr.clone(), hr.clone()
    bench.loss(sr, hr)
    require(torch.equal(before[0], sr), "it changed SR")
    require(torch.equal(before[1], hr), "it changed HR")


def deterministic(bench: LossBench) -> None:
    """The same images have the same loss, independent of earlier calls."""
    sr, hr = _pair(bench)
    values = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        values.append(float(bench.loss(sr, hr)))
        bench.loss(hr, sr)
    require(values[0] == values[1], f"the same images gave {values[0]:.9g}, then {values[1]:.9g}")


def global_state(bench: LossBench) -> None:
    """Building and computing change no global state."""
    sr, hr = _pair(bench)
    with only_local():
        require_no_trace(bench, lambda: bench.build()(sr, hr))
