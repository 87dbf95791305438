"""The request for a training, and its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from srbench import defaults
from srbench.training.recipes.session import Overrides

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from srbench.training.data.patches import Crop


@dataclass(frozen=True)
class TrainRequest:
    """A training as requested by ``srbench train``."""

    method: str
    data: tuple[str, ...]
    out: Path
    scale: int = 4
    overrides: Overrides = field(default_factory=Overrides)
    precision: str = "fp32"
    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    compile: bool = False
    seed: int = 0
    parts: int = 1
    limit: int = 0
    crop: Crop = "fixed"
    degradation: str = defaults.DEGRADATION
    memory: int = 4 * 2**30
    """Largest size of the decoded training images in memory, in bytes; larger sets are streamed."""
    validate_on: str = ""
    """Dataset, folder or ``held-out``; empty for Set5, or ``held-out`` if Set5 is not available."""
    validate_every: int = 1000
    save_every: int = 1000
    log_every: int = 50
    tensorboard: bool = False
    resume: bool = False
    start_from: str = ""
    """``shipped``, ``trained``, a path, or ``xN`` for weights of another scale; empty finds the weights of the method
    that this one starts from."""
    command: str = ""


@dataclass(frozen=True)
class Trained:
    """The result of a training: the steps done, and the best weights with their step and validation figures."""

    steps: int
    weights: Path
    best_step: int
    figures: Mapping[str, float]
    baseline: Mapping[str, float]
    """The same figures of bicubic enlargement."""
    has_learnt: bool
    """Whether the best weights are better than bicubic enlargement."""
