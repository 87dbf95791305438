"""Checks of a method's recipe."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import lightning_fabric  # noqa: F401  (replaces functions of torch, so it is imported before traces are taken)
import torch

from srbench.conformance.bench import picture, require
from srbench.conformance.outcome import FaultError, SkipError
from srbench.errors import AssetError
from srbench.images.degradations import BICUBIC
from srbench.store.backbones import only_local
from srbench.training.fabric import make_fabric
from srbench.training.recipes.session import Overrides, Training

if TYPE_CHECKING:
    from srbench.conformance.bench import MethodBench
    from srbench.training.recipes.session import Settings

STEPS = 20
"""Steps within which the loss must fall, counted from the first step that changes the weights."""
PATIENCE = 50
"""Steps within which the weights must change: a recipe may accumulate gradients, or train a critic first."""
IMAGES = 2
SAME = 1e-6
"""Largest difference between weights that count as equal."""


@dataclass
class _Trial:
    """A training that the check steps by hand."""

    net: torch.nn.Module
    training: Training
    recipe: Any
    settings: Settings

    def step(self, number: int, lr: torch.Tensor, hr: torch.Tensor) -> Any:
        torch.manual_seed(number)
        self.training.begin(number)
        self.net.train()
        return self.recipe.step(lr.clone(), hr.clone())


def _begin(bench: MethodBench, seed: int) -> _Trial:
    """Build network and recipe as a training does.

    Raises:
        SkipError: there is no recipe, or it needs a network that is not on this machine.
        FaultError: the recipe breaks its contract.
    """
    spec = bench.spec
    if spec.recipe is None:
        raise SkipError("it has nothing to learn")
    torch.manual_seed(seed)
    net = spec.build(bench.scale)
    try:
        with only_local():
            training = Training(make_fabric(bench.device.type, "fp32"), bench.catalog, Overrides(), bench.scale)
            recipe: Any = spec.recipe(net, training)
    except AssetError as error:
        raise SkipError(f"{error}") from error
    if training.settings is None:
        raise FaultError("the recipe never called training.choose(...)")
    state = recipe.state()
    require(isinstance(state, Mapping), f"state() returned {type(state).__name__}, not a mapping")
    strangers = [name for name, part in state.items() if not hasattr(part, "load_state_dict")]
    require(not strangers, f"state() holds {', '.join(strangers)}, which has no state_dict and load_state_dict")
    return _Trial(net, training, recipe, training.settings)


def _batch(trial: _Trial, scale: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return LR and HR of one step, ``(N, 3, h, w)`` and ``(N, 3, h*scale, w*scale)`` in [0, 1]."""
    side = trial.settings.patch - trial.settings.patch % scale
    images = [(picture(side, side, seed)[0] * 255).round().byte() for seed in range(IMAGES * trial.settings.draws)]
    hr = torch.stack(images).to(trial.training.device).float() / 255
    lr = torch.stack([BICUBIC(image, scale) for image in images]).to(trial.training.device).float() / 255
    return lr, hr


def learns(bench: MethodBench) -> None:
    """Steps change the weights, and a few steps on one batch lower its loss."""
    trial = _begin(bench, 0)
    net, settings = trial.net, trial.settings
    lr, hr = _batch(trial, bench.scale)
    loss = trial.training.loss(settings.loss)

    def measure() -> float:
        torch.manual_seed(0)
        with torch.no_grad():
            return float(loss(net(lr), hr))

    net.train()
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    first = lowest = measure()
    changed = 0
    for step in range(PATIENCE):
        scalars = trial.step(step, lr, hr)
        require(isinstance(scalars, Mapping), f"step returned {type(scalars).__name__}, not a mapping of scalars")
        for name, value in scalars.items():
            scalar = isinstance(value, torch.Tensor) and value.numel() == 1
            require(scalar, f"step returned {name}, which is no tensor of one number")
            require(not value.requires_grad, f"step returned {name} with its graph", "detach what is logged")
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


def resumes(bench: MethodBench) -> None:
    """A new recipe that loads the ``state()`` of another continues as the other does."""
    first = _begin(bench, 0)
    lr, hr = _batch(first, bench.scale)
    for step in range(2):
        first.step(step, lr, hr)
    saved = {name: copy.deepcopy(part.state_dict()) for name, part in first.recipe.state().items()}
    other = _begin(bench, 1)
    for name, part in other.recipe.state().items():
        part.load_state_dict(saved[name])
    for step in range(2, 4):  # on negatives: gradients turn, so that a lost optimizer state shows
        first.step(step, 1 - lr, 1 - hr)
        other.step(step, 1 - lr, 1 - hr)
    theirs = other.net.state_dict()
    unlike = [
        name for name, value in first.net.state_dict().items() if not torch.allclose(value, theirs[name], 0, SAME)
    ]
    require(not unlike, f"resumed from state(), {', '.join(unlike[:3])} is another than without a break")
