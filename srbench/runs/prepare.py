"""What a request means on this machine: datasets by name or path, weights to use, backbones to be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.data.find import find_dataset
from srbench.errors import AssetError, UsageError
from srbench.store.backbones import fetch_backbone
from srbench.store.weights import NAME as WEIGHTS
from srbench.store.weights import Weights, find_weights, trained_folder

if TYPE_CHECKING:
    from srbench.catalog.catalog import Catalog
    from srbench.specs import DatasetSpec, MetricSpec, ModelSpec
    from srbench.system.terminal import UI
from srbench.runs.request import Request, absolute


def named_datasets(request: Request, catalog: Catalog) -> list[tuple[str, DatasetSpec, str]]:
    """Resolve datasets; two folders of the same name go by their paths."""
    specs: dict[str, DatasetSpec] = {}
    for text in request.datasets:
        spec = find_dataset(catalog, text)
        specs[absolute(text, catalog)] = spec
    names = [spec.name for spec in specs.values()]
    return [
        (asked, spec, spec.name if names.count(spec.name) == 1 and _own_name(asked, spec, catalog) else asked)
        for asked, spec in specs.items()
    ]


def _own_name(asked: str, spec: DatasetSpec, catalog: Catalog) -> bool:
    return asked == spec.name or "=" in asked or spec.name not in catalog.datasets


def warn_unsupported(methods: list[ModelSpec], scales: tuple[int, ...], ui: UI) -> None:
    """Say before the start which methods do not do a scale; they get a row that says so, and are no failure."""
    for method in methods:
        if cannot := [f"x{scale}" for scale in scales if scale not in method.scales]:
            does = ", ".join(f"x{scale}" for scale in sorted(method.scales))
            ui.warn(f"{method.name} does not do {', '.join(cannot)} (it does {does}): unsupported")


def train_first(request: Request, catalog: Catalog, methods: list[ModelSpec], ui: UI) -> None:
    """Train the methods that have no weights, where that was asked for."""
    if request.train_on:
        from srbench.training.missing import train_missing

        given = {catalog.models[name].name for name in request.weights}
        unset = [method for method in methods if method.name not in given]
        train_missing(
            catalog, unset, request.scales, request.train_on, ui, steps=request.train_steps, device=request.device
        )


def choose_weights(
    request: Request, catalog: Catalog, methods: list[ModelSpec], ui: UI
) -> dict[tuple[str, int], Weights]:
    """Find the weights of every method that learns, and say which are used.

    Raises:
        UsageError: those asked for do not exist, or belong elsewhere.
    """
    choices = {catalog.models[name].name: choice for name, choice in request.weights.items()}
    if strangers := set(choices) - {method.name for method in methods}:
        raise UsageError(f"--weights names {', '.join(sorted(strangers))}, which is not among --methods")
    found = {}
    for method in methods:
        for scale in (scale for scale in request.scales if scale in method.scales):
            weights = find_weights(method, scale, choices.get(method.name, ""))
            if weights is None:
                continue
            found[method.name, scale] = weights
            ui.note(f"{method.name} x{scale}: {weights.origin} weights {weights.digest} ({weights.path})")
            newer = trained_folder(method.name, scale) / WEIGHTS
            if weights.origin == "shipped" and newer.is_file():
                ui.note(f"  others were trained here: --weights {method.name}=trained takes them")
    return found


def missing_backbones(metrics: list[MetricSpec], ui: UI) -> dict[str, str]:
    """Fetch what metrics need; return, by metric, why it cannot be computed."""
    missing = {}
    for metric in metrics:
        if metric.backbone:
            try:
                fetch_backbone(metric.backbone)
            except AssetError as error:
                missing[metric.name] = str(error)
                ui.warn(f"no {metric.name}: {error}")
    return missing
