"""The loop around a recipe: data, budget, precision, logs, validation, checkpoints, exact resumption."""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from srbench import __version__
from srbench.errors import MethodError, SRBenchError, UsageError
from srbench.training.checkpoints import NAME as STATE
from srbench.training.checkpoints import load_state, save_state
from srbench.training.curves import draw_curves
from srbench.training.data import load_images
from srbench.training.patches import PatchSampler
from srbench.training.session import Overrides, Settings, Training
from srbench.training.validation import Validator
from srbench.weights import NAME as WEIGHTS
from srbench.weights import find_weights, load_weights, save_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from srbench.catalog import Catalog
    from srbench.specs import ModelSpec
    from srbench.terminal import UI
    from srbench.training.recipes import Recipe

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


@dataclass(frozen=True)
class TrainRequest:
    """What was asked of ``srbench train``."""

    method: str
    data: tuple[str, ...]
    out: Path
    scale: int = 4
    overrides: Overrides = field(default_factory=Overrides)
    precision: str = "fp32"
    device: str = "auto"
    seed: int = 0
    parts: int = 1
    limit: int = 0
    validate_on: str = "set5"
    validate_every: int = 1000
    save_every: int = 1000
    log_every: int = 50
    resume: bool = False
    start_from: str = ""
    """``shipped``, ``trained`` or a path; empty finds the weights of the method that this one starts from."""
    command: str = ""


@dataclass(frozen=True)
class Trained:
    """How a training ended: the steps done, the weights kept and their validation figures."""

    steps: int
    weights: Path
    figures: Mapping[str, float]


class MovingAverage:
    """Moving average of a network's parameters, its decay rising as (1 + t) / (10 + t); buffers are copied."""

    def __init__(self, net: torch.nn.Module, decay: float) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(requires_grad=False)
        self.decay = decay
        self._ours: list[torch.Tensor] = list(self.net.parameters())
        self._theirs: list[torch.Tensor] = list(net.parameters())
        self._buffers = list(zip(self.net.buffers(), net.buffers(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the network's weights after a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay)
        for ours, theirs in self._buffers:
            ours.copy_(theirs)

    def state_dict(self) -> dict[str, Any]:
        """Return the averaged weights."""
        return self.net.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self.net.load_state_dict(state)


def train(request: TrainRequest, catalog: Catalog, ui: UI) -> Trained:
    """Train a method and keep its best and its last weights, a log, and the state to resume from.

    Raises:
        UsageError: the request cannot be carried out as it is.
        SRBenchError: data could not be had, the loss is no longer finite, or the disk refuses.
        KeyboardInterrupt: stopped by the user; the state is saved.
    """
    return _Loop(request, catalog, ui).run()


def make_fabric(device: str, precision: str) -> Any:
    """Return Lightning Fabric on one device.

    Raises:
        UsageError: the precision is unknown.
    """
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # srbench says itself what it trains with
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision {precision!r}; there are: {', '.join(PRECISIONS)}")
    kind, _, index = device.partition(":")
    accelerator = {"auto": "auto", "cpu": "cpu", "cuda": "cuda", "mps": "mps"}.get(kind)
    if accelerator is None or (accelerator == "cuda" and not torch.cuda.is_available()):
        raise SRBenchError(f"device {device!r} is not available")
    devices: Any = [int(index)] if index else 1
    return Fabric(accelerator=accelerator, devices=devices, precision=PRECISIONS[precision])  # type: ignore[arg-type]


class _Loop:
    """One training."""

    def __init__(self, request: TrainRequest, catalog: Catalog, ui: UI) -> None:
        self.request, self.catalog, self.ui = request, catalog, ui
        self.spec = _trainable(catalog, request)
        self.out = request.out
        if not request.resume and (self.out / STATE).exists():
            raise UsageError(
                f"{self.out} holds a training already; --resume goes on with it, --out chooses another folder"
            )
        self.fabric = make_fabric(request.device, request.precision)
        self.fabric.launch()
        torch.manual_seed(request.seed)
        self.net = self.spec.build(request.scale).to(memory_format=torch.channels_last)
        self.started_from = _start(self.net, self.spec, request, catalog, ui)
        self.training = Training(self.fabric, catalog, request.overrides, request.scale, request.parts)
        self.recipe: Recipe = self.spec.recipe(self.net, self.training)  # type: ignore[misc]
        if self.training.settings is None:
            raise MethodError(f"the recipe of {self.spec.name} never called training.choose(...)")
        self.settings: Settings = self.training.settings
        if self.settings.batch % request.parts:
            raise UsageError(f"--batch {self.settings.batch} cannot be cut into {request.parts} equal parts")
        self.average = MovingAverage(self.net, self.settings.ema)
        self.data = load_images(catalog, request.data, request.scale, request.limit, request.seed, ui)
        self.sampler = PatchSampler(
            self.data.images,
            request.scale,
            self.settings.patch,
            self.settings.batch * self.settings.draws,
            request.seed,
            self.fabric.device,
        )
        self.validator = Validator(catalog, request.validate_on, request.scale, self.fabric.device, ui)
        self.best = -math.inf
        self.figures: dict[str, float] = {}
        self.pending: list[Mapping[str, torch.Tensor]] = []
        self.seconds = 0.0

    @property
    def parts(self) -> dict[str, Any]:
        return {**self.recipe.state(), "average": self.average}

    @property
    def facts(self) -> dict[str, Any]:
        """What must be the same when a training is resumed."""
        sets = [{k: v for k, v in entry.items() if k != "excluded"} for entry in self.data.sets]
        names = ("method", "scale", "seed", "precision", "parts")
        return {name: getattr(self.request, name) for name in names} | asdict(self.settings) | {"data": sets}

    def run(self) -> Trained:
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SRBenchError(f"{self.out}: cannot be made ({error.strerror})") from error
        start = self._resume() if self.request.resume else 0
        self._cut_log(start)
        began = time.perf_counter() - self.seconds
        step = start
        try:
            with self.ui.track(f"training {self.spec.name} x{self.request.scale}", self.settings.steps) as advance:
                for _ in range(start):
                    advance("")
                while step < self.settings.steps:
                    self._step(step)
                    step += 1
                    self.seconds = time.perf_counter() - began
                    self._after(step, advance)
        except KeyboardInterrupt:
            self._save(step)
            raise
        draw_curves(self.out / "log.jsonl", self.out / "curves.png")
        return Trained(step, self.out / WEIGHTS, self.figures)

    def _step(self, step: int) -> None:
        self.training.begin(step)
        self.net.train()
        lr, hr = self.sampler.draw(step)
        size = len(lr) // self.request.parts
        for part in range(self.request.parts):
            self.training.part = part
            chosen = slice(part * size, (part + 1) * size)
            self.pending.append(self.recipe.step(lr[chosen], hr[chosen]))
        self.average.update(step)

    def _after(self, step: int, advance: Callable[[str], None]) -> None:
        last = step == self.settings.steps
        detail = ""
        if last or step % self.request.log_every == 0:
            detail = self._log(step)
        if last or step % self.request.validate_every == 0:
            self._validate(step)
        if last or step % self.request.save_every == 0:
            self._save(step)
        advance(detail)

    def _log(self, step: int) -> str:
        """Write the means since the last line; the only place where a step's values are waited for."""
        names = dict.fromkeys(name for scalars in self.pending for name in scalars)
        means = {n: float(torch.stack([s[n].float() for s in self.pending if n in s]).mean()) for n in names}
        self.pending.clear()
        for name, value in means.items():
            if not math.isfinite(value):
                raise SRBenchError(f"{name} is not finite at step {step}; try a lower --lr or fp32")
        rate = self.settings.lr * self.settings.lr_factor(step - 1)
        self._write({"step": step, **means, "lr": rate, "seconds": round(self.seconds, 3)})
        speed = step / self.seconds if self.seconds else 0
        return ", ".join([f"{speed:.1f} steps/s", *(f"{name} {value:.4g}" for name, value in means.items())])

    def _validate(self, step: int) -> None:
        self.figures = self.validator.score(self.average.net, self.spec.multiple, self.out / "samples" / f"{step:07d}")
        self._write({"step": step, "validation": self.figures})
        shown = ", ".join(f"{name} {value:.4f}" for name, value in self.figures.items())
        self.ui.note(f"step {step}: {self.validator.name} {shown}")
        card = self._card(step)
        try:
            save_weights(self.average.net, self.out / "last.safetensors", card)
            if self._merit() > self.best:
                self.best = self._merit()
                save_weights(self.average.net, self.out / WEIGHTS, card)
        except OSError as error:
            reason = error.strerror or error
            raise SRBenchError(f"{self.out}: weights cannot be written ({reason}); older ones stay") from error

    def _merit(self) -> float:
        """Return the figure that chooses the best weights; PSNR where the recipe's choice could not be measured."""
        name = self.settings.best if self.settings.best in self.figures else "psnr"
        return -self.figures[name] if self.catalog.metrics[name].better == "lower" else self.figures[name]

    def _card(self, step: int) -> dict[str, Any]:
        return {
            "method": self.spec.name,
            "scale": self.request.scale,
            "command": self.request.command,
            "recipe": type(self.recipe).__name__,
            "loss_networks": self.training.loss_networks,
            "default_loss": self.training.default_loss,
            "started_from": self.started_from,
            **asdict(self.settings),
            "steps_done": step,
            "seed": self.request.seed,
            "precision": self.request.precision,
            "data": self.data.sets,
            "validation": {
                "dataset": self.validator.name,
                "protocol": self.validator.protocol.identity,
                **self.figures,
            },
            "device": str(self.fabric.device),
            "threads": torch.get_num_threads(),
            "wall_s": round(self.seconds, 1),
            "versions": {"srbench": __version__, "torch": torch.__version__, "python": platform.python_version()},
        }

    def _save(self, step: int) -> None:
        kept = {"best": self.best, "seconds": self.seconds, "figures": self.figures}
        save_state(self.out, step, self.parts, {**self.facts, "kept": kept})

    def _resume(self) -> int:
        step, saved = load_state(self.out, self.parts, self.facts)
        self.best, self.seconds, self.figures = (saved["kept"][name] for name in ("best", "seconds", "figures"))
        return step

    def _write(self, row: Mapping[str, Any]) -> None:
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _cut_log(self, step: int) -> None:
        """Drop what was logged after the state that is resumed from: it will be logged again."""
        path = self.out / "log.jsonl"
        kept = []
        if step and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                except ValueError:  # torn by a crash
                    continue
                kept += [line] if row["step"] <= step else []
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        temporary.replace(path)


def _start(
    net: torch.nn.Module, spec: ModelSpec, request: TrainRequest, catalog: Catalog, ui: UI
) -> dict[str, Any] | None:
    """Load the weights that a method starts from; return what the card says of them.

    Raises:
        UsageError: it starts from another method's weights and there are none.
        MethodError: they do not fit.
    """
    if not spec.start_from and not request.start_from:
        return None
    source = catalog.models[spec.start_from or spec.name]
    found = find_weights(source, request.scale, request.start_from)
    if found is None:
        raise UsageError(
            f"{spec.name} starts from {source.name}'s weights, and there are none for x{request.scale}: "
            f"'srbench train {source.name} --scale {request.scale} --data ...' makes them, "
            "--start-from PATH names others"
        )
    load_weights(net, found.path)
    if not request.resume:
        ui.note(f"starts from {found.origin} weights of {source.name}: {found.path}")
    return {"method": source.name, "sha256": found.digest, "steps": found.card.get("steps_done")}


def _trainable(catalog: Catalog, request: TrainRequest) -> ModelSpec:
    spec = catalog.models[request.method]
    if spec.recipe is None:
        raise UsageError(f"{spec.name} has nothing to learn")
    if request.scale not in spec.scales:
        does = ", ".join(f"x{scale}" for scale in sorted(spec.scales))
        raise UsageError(f"{spec.name} does not do x{request.scale}; it does {does}")
    return spec
