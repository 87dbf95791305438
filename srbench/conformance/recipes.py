"""Checks of a method's recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from srbench.backbones import only_local
from srbench.conformance.bench import picture, require
from srbench.conformance.outcome import FaultError, SkipError
from srbench.degradations import BICUBIC
from srbench.errors import AssetError
from srbench.training.devices import make_fabric
from srbench.training.session import Overrides, Training

if TYPE_CHECKING:
    from srbench.conformance.bench import MethodBench

STEPS = 20
IMAGES = 2


def learns(bench: MethodBench) -> None:
    """A step changes the weights, and a few on one batch lower the loss of what the network makes of it."""
    spec, scale = bench.spec, bench.scale
    if spec.recipe is None:
        raise SkipError("it has nothing to learn")
    torch.manual_seed(0)
    net = spec.build(scale)
    try:
        with only_local():
            training = Training(make_fabric(bench.device.type, "fp32"), bench.catalog, Overrides(), scale)
            recipe: Any = spec.recipe(net, training)
    except AssetError as error:
        raise SkipError(f"{error}") from error
    settings = training.settings
    require(settings is not None, "the recipe never called training.choose(...)")
    if settings is None:
        return
    state = recipe.state()
    strangers = [name for name, part in state.items() if not hasattr(part, "load_state_dict")]
    require(not strangers, f"state() holds {', '.join(strangers)}, which has no state_dict and load_state_dict")
    side = settings.patch - settings.patch % scale
    images = [(picture(side, side, seed)[0] * 255).round().byte() for seed in range(IMAGES * settings.draws)]
    hr = torch.stack(images).to(training.device).float() / 255
    lr = torch.stack([BICUBIC(image, scale) for image in images]).to(training.device).float() / 255
    loss = training.loss(settings.loss)

    def measure() -> float:
        torch.manual_seed(0)
        with torch.no_grad():
            return float(loss(net(lr), hr))

    net.train()
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    first = lowest = measure()
    for step in range(STEPS):
        torch.manual_seed(step)
        training.begin(step)
        net.train()
        scalars = recipe.step(lr, hr)
        require(isinstance(scalars, Mapping), f"step returned {type(scalars).__name__}, not a mapping of scalars")
        for name, value in scalars.items():
            scalar = isinstance(value, torch.Tensor) and value.numel() == 1
            require(scalar, f"step returned {name}, which is no tensor of one number")
            require(bool(value.isfinite().all()), f"{name} is not finite after {step + 1} steps")
        if step == 0:
            still = all(torch.equal(before[name], value) for name, value in net.named_parameters())
            require(not still, "a step leaves every weight of the network as it was")
        lowest = min(lowest, measure())
        if lowest < first:
            return
    raise FaultError(
        f"{STEPS} steps on one batch do not lower {settings.loss}: {first:.5g} before, never below {lowest:.5g}"
    )
