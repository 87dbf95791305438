"""What is asked of a training, and how it ended."""

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
    """What was asked of ``srbench train``."""

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
    """Bytes that decoded training images may take; more of them stream."""
    validate_on: str = ""
    """Dataset, folder or ``held-out``; empty for Set5, or ``held-out`` where that cannot be had."""
    validate_every: int = 1000
    save_every: int = 1000
    log_every: int = 50
    tensorboard: bool = False
    resume: bool = False
    start_from: str = ""
    """``shipped``, ``trained``, a path, or ``xN``, those of another scale; empty finds the weights of the method that
    this one starts from."""
    command: str = ""


@dataclass(frozen=True)
class Trained:
    """How a training ended: the steps done, the weights kept, after which step, and their validation figures."""

    steps: int
    weights: Path
    best_step: int
    figures: Mapping[str, float]
