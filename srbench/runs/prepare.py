"""Prepare a request on this machine: look up specs, fetch datasets and backbones, choose weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from srbench.data.find import find_dataset
from srbench.data.image_sets import prepare
from srbench.images.degradations import get_degradation
from srbench.protocols import get_protocol
from srbench.runs.request import absolute
from srbench.store.backbones import missing_backbones
from srbench.store.weights import NAME as WEIGHTS
from srbench.store.weights import find_weights, trained_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from srbench.catalog.catalog import Catalog
    from srbench.data.image_sets import ImageSet
    from srbench.images.degradations import Degradation
    from srbench.protocols import Protocol
    from srbench.runs.request import Request
    from srbench.specs import DatasetSpec, ImagePair, MetricSpec, ModelSpec
    from srbench.store.weights import Weights
    from srbench.system.terminal import UI

    Listings = Mapping[tuple[str, int], list[ImagePair]]


class NamedDataset(NamedTuple):
    """A dataset of a request."""

    reference: str
    """Its name or absolute path, by which workers find it."""
    spec: DatasetSpec
    name: str
    """Its name in results."""


@dataclass(frozen=True)
class Specs:
    """The specs that a request names, before anything is fetched."""

    methods: list[ModelSpec]
    metrics: list[MetricSpec]
    protocols: list[Protocol]
    datasets: list[NamedDataset]
    degradation: Degradation


@dataclass(frozen=True)
class Prepared:
    """The specs, images, weights and backbones of a run, ready for jobs."""

    specs: Specs
    sets: list[ImageSet]
    weights: Mapping[tuple[str, int], Weights]
    """By method and scale; methods without parameters have none."""
    missing: Mapping[str, str]
    """The metrics that cannot be computed, each with the reason."""


def find_specs(request: Request, catalog: Catalog) -> Specs:
    """Look up every name of a request.

    Raises:
        UsageError: a name, or a dataset at a scale, does not exist.
    """
    methods = catalog.models.open_all(request.methods)
    metrics = {catalog.metrics[name].name: catalog.metrics[name] for name in request.metrics}
    protocols = [get_protocol(protocol) for protocol in request.protocols]
    degradation = get_degradation(request.degradation)
    datasets = named_datasets(request, catalog)
    for _, spec, _ in datasets:
        for scale in request.scales:
            spec.check_scale(scale)  # before anything is fetched
    return Specs(methods, list(metrics.values()), protocols, datasets, degradation)


def list_images(specs: Specs, scales: Sequence[int]) -> Listings:
    """Return the images of each dataset that can be listed before anything is fetched, by reference and scale.

    Raises:
        UsageError: a dataset cannot be listed.
    """
    return {
        (reference, scale): spec.pairs(scale)
        for reference, spec, _ in specs.datasets
        if spec.images is not None
        for scale in scales
    }


def prepare_run(request: Request, catalog: Catalog, specs: Specs, listings: Listings, ui: UI) -> Prepared:
    """Fetch datasets and backbones, train methods without weights if requested, and choose weights.

    Raises:
        UsageError: no image of a folder can be scored, or weights do not exist.
        SRBenchError: a training failed.
    """
    sets = [
        prepare(reference, spec, name, scale, ui, specs.degradation, listings.get((reference, scale)))
        for reference, spec, name in specs.datasets
        for scale in request.scales
    ]
    _train_first(request, catalog, specs.methods, ui)
    weights = choose_weights(request.weights, request.scales, catalog, specs.methods, ui)
    return Prepared(specs, sets, weights, missing_backbones(specs.metrics, ui))


def named_datasets(request: Request, catalog: Catalog) -> list[NamedDataset]:
    """Return the datasets of a request; folders with the same name are named by their paths.

    Raises:
        UsageError: there is no such dataset or folder.
    """
    specs: dict[str, DatasetSpec] = {}
    for text in request.datasets:
        spec = find_dataset(catalog, text)
        specs[absolute(text, catalog)] = spec
    names = [spec.name for spec in specs.values()]

    def is_unique(reference: str, spec: DatasetSpec) -> bool:
        own_name = reference == spec.name or "=" in reference or spec.name not in catalog.datasets
        return own_name and names.count(spec.name) == 1

    return [
        NamedDataset(reference, spec, spec.name if is_unique(reference, spec) else reference)
        for reference, spec in specs.items()
    ]


def warn_unsupported(methods: Iterable[ModelSpec], scales: Sequence[int], ui: UI) -> None:
    """Warn which methods do not support a scale; they get a row that says so, which is not a failure."""
    for method in methods:
        if unsupported := [f"x{scale}" for scale in scales if scale not in method.scales]:
            ui.warn(f"{method.name} does not do {', '.join(unsupported)} (it does {method.scales_text}): unsupported")


def _train_first(request: Request, catalog: Catalog, methods: Sequence[ModelSpec], ui: UI) -> None:
    """Train the methods without weights if the request asks for it."""
    if request.train_on:
        from srbench.training.missing import train_missing

        chosen = catalog.models.choices(request.weights, methods)
        unset = [method for method in methods if method.name not in chosen]
        train_missing(
            catalog, unset, request.scales, request.train_on, ui, steps=request.train_steps, device=request.device
        )


def choose_weights(
    choices: Mapping[str, str], scales: Sequence[int], catalog: Catalog, methods: Sequence[ModelSpec], ui: UI
) -> dict[tuple[str, int], Weights]:
    """Return the weights of every method that has some, by method and scale, and print which are used.

    Args:
        choices: ``shipped``, ``trained`` or a path, by method.
        scales: the scales to run.
        catalog: resolves names.
        methods: the methods to run.
        ui: prints the weights used.

    Raises:
        UsageError: the chosen weights do not exist, or are of another method or scale.
    """
    choices = catalog.models.choices(choices, methods)
    chosen = {}
    for method in methods:
        for scale in (scale for scale in scales if scale in method.scales):
            weights = find_weights(method, scale, choices.get(method.name, ""))
            if weights is None:
                continue
            chosen[method.name, scale] = weights
            ui.note(f"{method.name} x{scale}: {weights.origin} weights {weights.digest} ({weights.path})")
            newer = trained_folder(method.name, scale) / WEIGHTS
            if weights.origin == "shipped" and newer.is_file():
                ui.note(f"  trained weights exist too: use them with --weights {method.name}=trained")
    return chosen
