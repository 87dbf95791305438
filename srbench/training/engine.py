"""The training loop around a recipe: data, budget, precision, logs, validation, checkpoints, exact resumption."""

from __future__ import annotations

import math
import platform
import time
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from srbench import defaults
from srbench.catalog.blame import blaming
from srbench.data.find import check_out, find_dataset
from srbench.errors import MethodError, SRBenchError, UsageError, one_line
from srbench.images.degradations import BICUBIC, get_degradation
from srbench.protocols import get_protocol
from srbench.store.weights import NAME as WEIGHTS
from srbench.store.weights import card_path, save_weights
from srbench.system.devices import device_name
from srbench.system.file_kinds import check_outputs
from srbench.system.leftovers import remove_leftovers
from srbench.system.locks import locked
from srbench.system.terminal import Silent
from srbench.training.average import MovingAverage
from srbench.training.capture import fastest_step
from srbench.training.checkpoints import NAME as STATE
from srbench.training.checkpoints import load_state, save_state
from srbench.training.data.find import HELD_OUT, find_images
from srbench.training.data.patches import Patches, stream
from srbench.training.data.samplers import open_sampler
from srbench.training.fabric import make_fabric
from srbench.training.interrupt import Interrupt
from srbench.training.launcher import is_follower
from srbench.training.log import CURVES, EVENTS, Log, check_tensorboard
from srbench.training.log import NAME as LOG
from srbench.training.recipes.session import Training
from srbench.training.request import Trained
from srbench.training.start import find_method, load_start
from srbench.training.validation import Validator, beside_baseline, choose_validation
from srbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from srbench.catalog.catalog import Catalog
    from srbench.data.image_sets import ImageSet
    from srbench.specs import ModelSpec
    from srbench.system.terminal import UI
    from srbench.training.data.find import TrainingData
    from srbench.training.recipes.protocol import Recipe
    from srbench.training.recipes.session import Settings
    from srbench.training.request import TrainRequest

SAMPLES = "samples"
FILES = (WEIGHTS, card_path(Path(WEIGHTS)).name, STATE, LOG, CURVES, EVENTS, SAMPLES)
"""What is written to a training's folder."""
KEPT = ("best", "best_step", "figures", "seconds", "warned")
"""Attributes of the loop that are saved beside the recipe's state and restored by a resumption."""
GRACE_S = 6.0
"""Seconds to wait for the lock: a killed training's decoding processes hold it for up to 5 s."""


def train(request: TrainRequest, catalog: Catalog, ui: UI) -> Trained:
    """Train a method; save its best and its last weights, a log, and the state to resume from.

    On several devices this function runs in one process per device; only the first one prints, writes and returns.

    Raises:
        UsageError: the request is not valid.
        SRBenchError: data are not available, the loss is not finite, or a file cannot be written.
        KeyboardInterrupt: stopped by the user; the state is saved.
    """
    spec = find_method(request, catalog)
    if not request.resume and (request.out / STATE).exists() and not is_follower():
        raise UsageError(f"{request.out} holds a training already; --resume continues it, --out chooses another folder")
    if (request.out / "run.json").exists():
        raise UsageError(f"{request.out} is the folder of a run; --out chooses another folder")
    check_outputs(request.out, FILES)
    if request.resume and not (request.out / STATE).is_file():
        ui.note(f"{request.out} holds no training yet; starting one")
        request = replace(request, resume=False)
    if request.tensorboard:
        check_tensorboard()
    degradation = get_degradation(request.degradation)
    fabric = make_fabric(request.device, request.precision, request.devices, request.nodes)
    for name in (*request.data, request.validate_on):
        if name and name != HELD_OUT:
            check_out(request.out, find_dataset(catalog, name))
    # before the launch: downloads happen once, and errors end a single process
    data = find_images(catalog, request.data, request.limit, request.seed, request.scale, ui, degradation)
    chosen = choose_validation(catalog, request.validate_on, data, request.scale, request.seed, ui, degradation)
    fabric.launch()
    if fabric.is_global_zero:
        with blaming(spec.name, catalog.models.owner(spec.name).home):
            loop = _Loop(request, spec, catalog, fabric, *chosen, ui)
            with _alone(request.out):
                return loop.run()
    try:
        _Loop(request, spec, catalog, fabric, *chosen, Silent()).run()
    except SRBenchError as error:  # the first process reports it
        raise SystemExit(error.exit_code) from error
    except Exception as error:
        ui.warn(f"process {fabric.global_rank} of the training ended: {one_line(error)}")
        raise SystemExit(1) from error
    raise SystemExit(0)


class _Loop:
    """One training."""

    def __init__(
        self,
        request: TrainRequest,
        spec: ModelSpec,
        catalog: Catalog,
        fabric: Any,
        images: ImageSet,
        data: TrainingData,
        ui: UI,
    ) -> None:
        self.request, self.spec, self.catalog, self.fabric, self.ui = request, spec, catalog, fabric, ui
        self.data, self.out = data, request.out
        torch.manual_seed(request.seed)
        self.net = spec.build(request.scale).to(memory_format=torch.channels_last)
        self.started_from = load_start(self.net, spec, request, catalog, ui)
        self.training = Training(
            fabric, catalog, request.overrides, request.scale, request.parts, compiled=request.compile
        )
        self.degradation, self.validated_on = images.degradation, f"{images.name} ({images.identity})"
        self.recipe: Recipe = spec.recipe(self.net, self.training)  # type: ignore[misc]
        if self.training.settings is None:
            raise MethodError(f"the recipe of {spec.name} never called training.choose(...)")
        self.settings: Settings = self.training.settings
        if self.settings.batch % request.parts:
            raise UsageError(f"--batch {self.settings.batch} cannot be cut into {request.parts} equal parts")
        self.take_step = fastest_step(self.recipe, self.training, ui)
        self.average = MovingAverage(self.net, self.settings.ema)
        self.validator = Validator(catalog, images, fabric.device, ui)
        patches = Patches(
            request.scale,
            self.settings.patch,
            self.settings.batch,
            request.seed,
            draws=self.settings.draws,
            rank=fabric.global_rank,
            world=fabric.world_size,
            crop=request.crop,
            degradation=images.degradation,
        )
        self.sampler, self.streams = open_sampler(data.images, patches, request.memory, fabric.device, ui)
        self.best, self.best_step = -math.inf, 0
        self.figures: dict[str, float] = {}
        """Validation figures of the best weights so far, by metric."""
        self.pending: list[Mapping[str, torch.Tensor]] = []
        self.seconds = 0.0
        self.warned = False

    @property
    def parts(self) -> dict[str, Any]:
        return {**self.recipe.state(), "average": self.average, "precision": self.fabric.strategy.precision}

    @property
    def facts(self) -> dict[str, Any]:
        """Values that must be the same when a training is resumed."""
        sets = [{k: v for k, v in entry.items() if k not in {"excluded", "left_out"}} for entry in self.data.sets]
        settings = asdict(self.settings)
        if self.settings.schedule == "constant" and not self.training.depends_on_steps:
            del settings["steps"]  # more steps go on as if they had been planned
        names = ("method", "scale", "seed", "precision", "parts", "devices", "nodes", "crop")
        return {
            **{name: getattr(self.request, name) for name in names},
            **settings,
            "data": sets,
            "held-out": [image.name for image in self.data.held_out],
            "validation set": self.validated_on,  # figures of different sets cannot be compared
            "start weights": (self.started_from or {}).get("sha256", ""),
            **({} if self.degradation is BICUBIC else {"degradation": self.degradation.identity}),
            "data-memory": self.request.memory if self.streams else 0,  # the pools' sizes depend on it
        }

    def run(self) -> Trained:
        step = start = self._resume() if self.request.resume else 0
        self.log = Log(self.out, start, tensorboard=self.request.tensorboard) if self.fabric.is_global_zero else None
        began = time.perf_counter() - self.seconds
        label = f"training {self.spec.name} x{self.request.scale}"
        with closing(self.sampler), Interrupt() as interrupt, self.ui.track(label, self.settings.steps) as advance:
            for _ in range(start):
                advance("")
            while step < self.settings.steps:
                self._step(step)
                step += 1
                self.seconds = time.perf_counter() - began
                self._after(step, advance)
                if self._stops(interrupt, step):
                    self._save(step)
                    raise KeyboardInterrupt
        if self.log:
            self.log.close()
        baseline, has_learnt = self.validator.baseline, self._has_learnt()
        return Trained(step, self.out / WEIGHTS, self.best_step, self.figures, baseline, has_learnt)

    def _stops(self, interrupt: Interrupt, step: int) -> bool:
        """Whether to stop after this step; several processes agree every ``log_every`` steps and stop together."""
        if self.fabric.world_size == 1:
            return interrupt.requested
        if step % self.request.log_every:
            return False
        interrupted = torch.tensor(float(interrupt.requested), device=self.fabric.device)
        return bool(self.fabric.all_reduce(interrupted, reduce_op="sum"))

    def _step(self, step: int) -> None:
        # A step's random numbers depend only on the seed and its number, so no generator state needs to be saved.
        torch.manual_seed(stream(self.request.seed, step, self.fabric.global_rank))
        self.training.begin(step)
        self.net.train()
        lr, hr = self.sampler.draw(step)
        size = len(lr) // self.request.parts
        for part in range(self.request.parts):
            self.training.part = part
            chosen = slice(part * size, (part + 1) * size)
            self.pending.append(self.take_step(lr[chosen], hr[chosen]))
        self.average.update(step)

    def _after(self, step: int, advance: Callable[[str], None]) -> None:
        last = step == self.settings.steps
        detail = ""
        if last or step % self.request.log_every == 0:
            detail = self._log(step)
        if (last or step % self.request.validate_every == 0) and self.log:
            self._validate(step, self.log)
        if last or step % self.request.save_every == 0:
            self._save(step)
        advance(detail)

    def _log(self, step: int) -> str:
        """Log the means since the last row; only here does the host wait for the device's values."""
        names = dict.fromkeys(name for scalars in self.pending for name in scalars)
        means = {}
        for name in names:
            mean = torch.stack([s[name].detach().float() for s in self.pending if name in s]).mean()
            means[name] = float(self.fabric.all_reduce(mean))
        self.pending.clear()
        for name, value in means.items():
            if not math.isfinite(value):
                raise SRBenchError(f"{name} is not finite at step {step}; try a lower --lr or fp32")
        rate = self.settings.lr * self.settings.lr_factor(step - 1)
        if self.log:
            self.log.write(step, {**means, "lr": rate, "seconds": round(self.seconds, 3)})
        speed = step / self.seconds if self.seconds else 0
        return ", ".join([f"{speed:.1f} steps/s", *(f"{name} {value:.4g}" for name, value in means.items())])

    def _validate(self, step: int, log: Log) -> None:
        figures = self.validator.score(self.average.net, self.spec.multiple, self.out / SAMPLES / f"{step:07d}")
        log.validated(step, figures)
        self.ui.note(f"step {step}: {self.validator.name} {beside_baseline(figures, self.validator.baseline)}")
        card = self._card(step, figures)
        save_weights(self.average.net, self.out / "last.safetensors", card)
        if self._merit(figures) > self.best:
            self.best, self.best_step, self.figures = self._merit(figures), step, figures
            save_weights(self.average.net, self.out / WEIGHTS, card)
        is_due = self.settings.steps / 3 <= step < self.settings.steps  # the end says it once more
        if is_due and not self.warned and not self._has_learnt():
            self.warned = True
            self.ui.warn(
                f"step {step}: no better than {defaults.BASELINE} so far ({self._gain()}); a lower --lr, a larger "
                "--batch or more --steps may help"
            )

    def _gain(self) -> str:
        """Return in words by how much the best weights would have to be better than bicubic to count as better."""
        name = self._criterion(self.validator.baseline)
        return f"{name} gains less than {self.catalog.metrics[name].allowed(self.validator.baseline[name]):.2g}"

    def _has_learnt(self) -> bool:
        """Return whether the best weights are better than bicubic, by more than scripts differ."""
        baseline = self._merit(self.validator.baseline)
        return self.best > baseline + self.catalog.metrics[self._criterion(self.validator.baseline)].allowed(baseline)

    def _criterion(self, figures: Mapping[str, float]) -> str:
        """Return the metric that chooses the best weights; PSNR if the recipe's is missing."""
        return self.settings.best if self.settings.best in figures else defaults.SORT

    def _merit(self, figures: Mapping[str, float]) -> float:
        """Return the figure that chooses the best weights, higher being better."""
        name = self._criterion(figures)
        return -figures[name] if self.catalog.metrics[name].better == "lower" else figures[name]

    def _card(self, step: int, figures: Mapping[str, float]) -> dict[str, Any]:
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
            "data": self.data.without(self.sampler.left_out),
            **({"test_images": dict(self.data.test_images)} if self.data.test_images else {}),
            "crop": self.request.crop,
            "degradation": self.data.made_by(self.degradation),
            "validation": {
                "dataset": self.validator.name,
                "protocol": get_protocol(defaults.PROTOCOL).identity,
                **({"images": [image.name for image in self.data.held_out]} if self.data.held_out else {}),
                **figures,
            },
            "baseline": {"method": defaults.BASELINE, **self.validator.baseline},
            "device": f"{self.fabric.device.type}, {device_name(self.fabric.device)}",
            "devices": self.fabric.world_size,
            "threads": torch.get_num_threads(),
            "wall_s": round(self.seconds, 1),
            "versions": {"srbench": __version__, "torch": torch.__version__, "python": platform.python_version()},
        }

    def _save(self, step: int) -> None:
        if self.fabric.is_global_zero:
            kept = {name: getattr(self, name) for name in KEPT}
            save_state(self.out, step, self.parts, {**self.facts, "kept": kept})

    def _resume(self) -> int:
        step, saved = load_state(self.out, self.parts, self.facts)
        for name in KEPT:
            setattr(self, name, saved["kept"][name])
        if step > self.settings.steps:
            raise UsageError(f"--resume: {step} steps are done already, more than --steps {self.settings.steps}")
        return step


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Allow one training per folder at a time; partial files of a killed one are removed."""

    def refuse() -> None:
        raise UsageError(f"another process is training in {out}; --out chooses another folder")

    with locked(out / ".lock", refuse, GRACE_S):
        remove_leftovers(out)
        yield
