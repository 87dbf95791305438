"""The interface of the harness to a recipe: settings, losses, precision, clipping, accumulation, devices."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from srbench import defaults
from srbench.errors import UsageError
from srbench.features import FeatureMaps
from srbench.training.recipes import expression

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightning_fabric import Fabric
    from torch import Tensor

    from srbench.catalog.catalog import Catalog

LOWERED = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
"""The dtype of loss networks, by Fabric's name of the training's precision."""
SCHEDULES = ("constant", "cosine", "onecycle")
WARM_UP = 0.3
"""Fraction of a one-cycle schedule in which the learning rate rises (Smith 2018, arXiv:1708.07120)."""
RISE = 150_000
"""Steps in which a recipe's learning rate may rise by 1: faster, units die under the first large steps of Adam."""


@dataclass(frozen=True)
class Settings:
    """Settings of a training; `Supervised` documents each."""

    loss: str
    lr: float
    batch: int
    patch: int
    steps: int
    schedule: str = "onecycle"
    clip: float = 0.0
    ema: float = 0.999
    draws: int = 1
    """Batches per step, one for each update of the critic."""
    best: str = defaults.PLANE[0]
    """Validation metric by which the best weights are chosen."""
    rise: int = 0
    """Fewest steps in which a one-cycle schedule rises; short trainings do not reach the peak."""

    def __post_init__(self) -> None:
        for name in ("lr", "batch", "patch", "steps"):
            if getattr(self, name) <= 0:
                raise UsageError(f"--{name} must be more than 0, not {getattr(self, name)}")
        if self.schedule not in SCHEDULES:
            raise UsageError(f"unknown schedule {self.schedule!r}; there are: {', '.join(SCHEDULES)}")
        if not 0 <= self.ema < 1:
            raise UsageError(f"--ema must be at least 0 and below 1, not {self.ema}")
        if self.clip < 0:
            raise UsageError(f"--clip must not be negative, not {self.clip}")

    def lr_factor(self, step: int) -> float:
        """Return the factor of the peak learning rate at a step, counted from 0."""
        if self.schedule == "constant":
            return 1.0
        done = step / max(1, self.steps)
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        risen = min(1, step / max(1, self.rise, WARM_UP * self.steps))
        up = 1 / 25 + (1 - 1 / 25) * 0.5 * (1 - math.cos(math.pi * risen))
        if done < WARM_UP:
            return up
        return min(up, 1e-3 + (1 - 1e-3) * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))))


@dataclass(frozen=True)
class Overrides:
    """Settings chosen on the command line; None keeps the recipe's."""

    loss: str | None = None
    lr: float | None = None
    batch: int | None = None
    patch: int | None = None
    steps: int | None = None
    schedule: str | None = None
    clip: float | None = None
    ema: float | None = None


class Optimizer:
    """A prepared optimizer: with gradient accumulation it clears before the first part and steps after the last."""

    def __init__(self, inner: Any, training: Training) -> None:
        self.inner = inner
        self._training = training
        self._rates: list[float] = [group["lr"] for group in inner.param_groups]
        self._settle()

    @property
    def can_be_captured(self) -> bool:
        """Whether the step count and the learning rate are on the device, as a CUDA graph needs them."""
        return all(group.get("capturable", False) for group in self.inner.param_groups)

    def set_rates(self, factor: float) -> None:
        """Set every learning rate to a multiple of its initial value."""
        for group, rate in zip(self.inner.param_groups, self._rates, strict=True):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate * factor)
            else:
                group["lr"] = rate * factor

    def _settle(self) -> None:
        """Keep step count and learning rate on a GPU where possible, so that the host need not wait for it."""
        on_cuda = self._training.device.type == "cuda"
        for group, rate in zip(self.inner.param_groups, self._rates, strict=True):
            if "capturable" in group:
                group["capturable"] = on_cuda
                group["lr"] = torch.tensor(rate, device=self._training.device) if on_cuda else rate

    def zero_grad(self) -> None:
        """Clear the gradients, before the first part of a batch."""
        if self._training.part == 0:
            self.inner.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Apply the gradients, after the last part of a batch."""
        if self._training.part == self._training.parts - 1:
            self.inner.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the state, as torch's optimizers do."""
        return dict(self.inner.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load a state that was saved on any device."""
        self.inner.load_state_dict(state)
        self._settle()


class Training:
    """The interface of the harness to a recipe.

    Args:
        fabric: device, precision and processes.
        catalog: the losses.
        overrides: the command line's choices, which replace the recipe's.
        scale: scale of the training.
        parts: number of equal parts that a batch is processed in (gradient accumulation).
        compiled: whether networks are compiled by torch.compile.
    """

    def __init__(
        self,
        fabric: Fabric,
        catalog: Catalog,
        overrides: Overrides,
        scale: int,
        parts: int = 1,
        *,
        compiled: bool = False,
    ) -> None:
        self._fabric = fabric
        self._catalog = catalog
        self._overrides = overrides
        self._compiled = compiled
        self.scale = scale
        self.parts = parts
        self.part = 0
        self.step_number = 0
        self.settings: Settings | None = None
        self.depends_on_steps = False
        """Whether the recipe plans by the number of steps, so that the training cannot be extended."""
        self.default_loss = ""
        """The recipe's own loss, whatever the command line chose."""
        self.loss_networks: dict[str, str] = {}
        """Pretrained network and layer that each perceptual loss uses, for the card."""
        self._optimizers: list[Optimizer] = []

    @property
    def steps(self) -> int:
        """Number of steps of the training."""
        self.depends_on_steps = True
        return self._settings.steps

    @property
    def device(self) -> torch.device:
        """Device that the step runs on."""
        return self._fabric.device

    @property
    def can_be_captured(self) -> bool:
        """Whether a step can be a CUDA graph: one GPU, one part, and no loss scale, which is checked on the host."""
        fabric = self._fabric
        whole = self.device.type == "cuda" and fabric.world_size == 1 and self.parts == 1
        scaled = fabric.strategy.precision.precision == "16-mixed"
        return whole and not scaled and all(optimizer.can_be_captured for optimizer in self._optimizers)

    @property
    def _settings(self) -> Settings:
        if self.settings is None:
            raise UsageError("a recipe must call training.choose(...) first")
        return self.settings

    def choose(self, defaults: Settings) -> Settings:
        """Return the recipe's settings, replaced by the command line's choices where given.

        The recipe's learning rate is for its batch: a smaller batch, whose gradients are noisier, gets less, by the
        square root of their ratio. A learning rate of the command line is used as it is.

        Raises:
            UsageError: a setting is out of range.
        """
        overrides = {name: value for name, value in asdict(self._overrides).items() if value is not None}
        self.default_loss = defaults.loss
        self.settings = replace(defaults, **overrides)
        if "lr" not in overrides:
            batch = self.settings.batch * self._fabric.world_size
            lr = float(f"{self.settings.lr * min(1.0, math.sqrt(batch / defaults.batch)):.3g}")
            self.settings = replace(self.settings, lr=lr, rise=math.ceil(lr * RISE))
        return self.settings

    def loss(self, text: str) -> expression.Expression:
        """Build a loss from an expression.

        Raises:
            UsageError: the expression is not valid, or names an unknown loss.
            AssetError: a loss needs a backbone that is not available.
        """
        built = expression.build(text, self._catalog, self.device)
        self.loss_networks |= {name: loss.uses for _, name, loss in built.terms if hasattr(loss, "uses")}
        for _, _, loss in built.terms:
            for module in loss.modules() if isinstance(loss, nn.Module) else ():
                if isinstance(module, FeatureMaps):
                    module.lowered = LOWERED.get(self._fabric.strategy.precision.precision)
        return built

    def prepare(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Optimizer]:
        """Set up a module and its optimizer for the chosen precision, devices and compilation.

        The recipe must call the returned module; calling the original one, or a part of it, bypasses all of these.
        """
        if self._compiled:
            module.compile()
        module, inner = self._fabric.setup(module, optimizer)
        wrapped = Optimizer(inner, self)
        self._optimizers.append(wrapped)
        return module, wrapped

    def backward(self, loss: Tensor) -> None:
        """Compute gradients of a scalar loss, scaled as precision and accumulation need it."""
        self._fabric.backward(loss / self.parts if self.parts > 1 else loss)

    def clip(self, module: nn.Module, optimizer: Optimizer) -> None:
        """Limit the gradient norm to the settings' ``clip``, once the gradients of all parts are complete."""
        if self._settings.clip and self.part == self.parts - 1:
            self._fabric.clip_gradients(module, optimizer.inner, max_norm=self._settings.clip)

    @contextmanager
    def judging(self, module: nn.Module) -> Iterator[None]:
        """Context in which gradients pass through a prepared module, but its parameters get none."""
        learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
        for parameter in learning:
            parameter.requires_grad = False
        try:
            with self._fabric.no_backward_sync(module):  # type: ignore[arg-type]
                yield
        finally:
            for parameter in learning:
                parameter.requires_grad = True

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a value over all processes, so that they make the same decision from it."""
        return cast("Tensor", self._fabric.all_reduce(value, reduce_op="mean"))

    def begin(self, step: int) -> None:
        """Start a step: set its number and every learning rate."""
        self.step_number = step
        factor = self._settings.lr_factor(step)
        for optimizer in self._optimizers:
            optimizer.set_rates(factor)
