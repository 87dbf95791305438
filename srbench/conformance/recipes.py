"""Checks of a method's recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import lightning_fabric  # noqa: F401  (replaces functions of torch: before anybody looks)
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
"""In which the loss must fall once, counted from the first step that changed the weights."""
PATIENCE = 50
"""Steps in which the weights must change once: a recipe may gather gradients, or train a critic first."""
IMAGES = 2


def learns(bench: MethodBench) -> None:
    """Steps change the weights, and a few on one batch lower the loss of what the network makes of it."""
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
    changed = 0
    for step in range(PATIENCE):
        torch.manual_seed(step)
        training.begin(step)
        net.train()
        scalars = recipe.step(lr, hr)
        require(isinstance(scalars, Mapping), f"step returned {type(scalars).__name__}, not a mapping of scalars")
        for name, value in scalars.items():
            scalar = isinstance(value, torch.Tensor) and value.numel() == 1
            require(scalar, f"step returned {name}, which is no tensor of one number")
            require(bool(value.isfinite().all()), f"{name} is not finite after {step + 1} steps")
        changed += bool(changed) or any(not torch.equal(before[name], now) for name, now in net.named_parameters())
        if not changed:
            continue
        lowest = min(lowest, measure())
        if lowest < first:
            return
        require(
            changed < STEPS,
            f"{STEPS} steps on one batch do not lower {settings.loss}: {first:.5g} before, never below {lowest:.5g}",
        )
    raise FaultError(f"{PATIENCE} steps leave every weight of the network as it was")
