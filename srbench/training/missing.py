"""Train a run's methods that have no weights, after those that they start from."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from srbench.errors import SRBenchError
from srbench.store.weights import find_weights, trained_folder
from srbench.training.checkpoints import NAME as STATE
from srbench.training.engine import train
from srbench.training.recipes.session import Overrides
from srbench.training.request import TrainRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.catalog.catalog import Catalog
    from srbench.specs import ModelSpec
    from srbench.system.terminal import UI


def train_missing(
    catalog: Catalog,
    methods: Iterable[ModelSpec],
    scales: Iterable[int],
    data: tuple[str, ...],
    ui: UI,
    *,
    steps: int | None = None,
    device: str = "auto",
) -> None:
    """Train the methods that have no weights, by their own recipes; interrupted trainings are resumed.

    A training that fails is reported and affects only its own method: the run will have a failed row for it.

    Args:
        catalog: the methods and datasets.
        methods: methods of the run.
        scales: scales of the run.
        data: training sets and folders.
        ui: is told which trainings start and which fail.
        steps: steps of each training; None for the recipes' own.
        device: device to train on.

    Raises:
        KeyboardInterrupt: stopped by the user; the state is saved.
    """
    for spec, scale in untrained(catalog, methods, scales):
        folder = trained_folder(spec.name, scale)
        options = ["--scale", str(scale), "--data", ",".join(data), *(["--steps", str(steps)] if steps else [])]
        request = TrainRequest(
            method=spec.name,
            data=data,
            out=folder,
            scale=scale,
            overrides=Overrides(steps=steps),
            device=device,
            resume=(folder / STATE).is_file(),
            command=shlex.join(["srbench", "train", spec.name, *options]),
        )
        ui.note(f"{spec.name} x{scale} has no weights: training it in {folder}")
        try:
            train(request, catalog, ui)
        except SRBenchError as error:
            ui.warn(f"{spec.name} x{scale} could not be trained: {error}")


def untrained(catalog: Catalog, methods: Iterable[ModelSpec], scales: Iterable[int]) -> list[tuple[ModelSpec, int]]:
    """Return the trainable methods without weights, each with its scale, those that others start from first.

    Raises:
        UsageError: weights of a method cannot be used.
    """
    methods = list(methods)
    pairs = [(spec.base, scale) for scale in scales for method in methods for spec in _lineage(catalog, method)]
    specs = [(catalog.models[name], scale) for name, scale in dict.fromkeys(pairs)]
    return [
        (spec, scale)
        for spec, scale in specs
        if spec.recipe is not None and scale in spec.scales and find_weights(spec, scale) is None
    ]


def _lineage(catalog: Catalog, method: ModelSpec) -> list[ModelSpec]:
    """Return the methods that a method starts from, first to last, then the method itself."""
    if method.start_from in ("", method.base):
        return [method]
    return [*_lineage(catalog, catalog.models[method.start_from]), method]
