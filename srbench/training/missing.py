"""What a run lacks is trained first: the methods without weights, and those that they start from."""

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
    """Train, by their own recipes, the methods that have no weights; one that was stopped goes on where it was.

    A training that fails is said, and costs its own method alone: the run will have a failed row for it.

    Args:
        catalog: where methods and data come from.
        methods: those of the run.
        scales: those of the run.
        data: training sets and folders.
        ui: hears of it.
        steps: steps of each training; the recipes' own where None.
        device: where to train.

    Raises:
        KeyboardInterrupt: stopped by the user; the state is saved.
    """
    wanted = [(spec.name, scale) for scale in scales for method in methods for spec in _lineage(catalog, method)]
    for name, scale in dict.fromkeys(wanted):
        spec = catalog.models[name]
        if spec.recipe is None or scale not in spec.scales or find_weights(spec, scale) is not None:
            continue
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


def _lineage(catalog: Catalog, method: ModelSpec) -> list[ModelSpec]:
    """Return a method behind those that it starts from."""
    if method.start_from in ("", method.name):
        return [method]
    return [*_lineage(catalog, catalog.models[method.start_from]), method]
