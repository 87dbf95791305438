"""Prepare a request on this machine: look up specs, fetch datasets and backbones, choose weights."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from srbench.data.find import check_out, find_dataset
from srbench.data.folder import name_of
from srbench.data.image_sets import prepare
from srbench.errors import UsageError
from srbench.images.degradations import get_degradation
from srbench.protocols import get_protocol
from srbench.runs.request import absolute
from srbench.runs.selection import check_names, select
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
    protocols = list({get_protocol(name).name: get_protocol(name) for name in request.protocols}.values())
    degradation = get_degradation(request.degradation)
    datasets = named_datasets(request, catalog)
    for _, spec, _ in datasets:
        check_out(request.out, spec)
        for scale in request.scales:
            spec.check_scale(scale)  # before anything is fetched
    return Specs(methods, list(metrics.values()), protocols, datasets, degradation)


def list_images(specs: Specs, scales: Sequence[int], images: Sequence[str] = ()) -> Listings:
    """Return the images of each dataset that can be listed before anything is fetched, by reference and scale.

    Raises:
        UsageError: a dataset cannot be listed, or one of ``images`` is in none.
    """
    listings = {
        (reference, scale): spec.pairs(scale)
        for reference, spec, _ in specs.datasets
        if spec.images is not None
        for scale in scales
    }
    if images and all(spec.images is not None for _, spec, _ in specs.datasets):
        names = {reference: name for reference, _, name in specs.datasets}
        check_names(images, {names[reference]: pairs for (reference, _), pairs in listings.items()})
    return listings


def prepare_run(request: Request, catalog: Catalog, specs: Specs, listings: Listings, ui: UI) -> Prepared:
    """Fetch datasets and backbones, train methods without weights if requested, and choose weights.

    Raises:
        UsageError: no image of a folder can be scored, or weights do not exist.
        SRBenchError: a training failed.
    """
    sets = [
        _prepare_set(request, dataset, scale, specs, listings, ui)
        for dataset in specs.datasets
        for scale in request.scales
    ]
    _train_first(request, catalog, specs.methods, ui)
    weights = choose_weights(request.weights, request.scales, catalog, specs.methods, ui)
    return Prepared(specs, sets, weights, missing_backbones(specs.metrics, ui))


def _prepare_set(
    request: Request, dataset: NamedDataset, scale: int, specs: Specs, listings: Listings, ui: UI
) -> ImageSet:
    """Prepare the images of a dataset that the request chooses."""
    reference, spec, name = dataset
    listed = listings.get((reference, scale))
    chosen = None if listed is None else select(listed, name, request.images, request.limit_images)
    images = prepare(reference, spec, name, scale, ui, specs.degradation, chosen)
    total = len(listed) if listed is not None else len(images.pairs)
    if listed is None and images.pairs:  # an archive, whose images are known only now
        pairs = select(images.pairs, name, request.images, request.limit_images)
        images = replace(images, pairs=pairs, hashes={pair.name: images.hashes[pair.name] for pair in pairs})
    if (request.images or request.limit_images) and len(images.pairs) < total:
        images = replace(images, selected=f"{len(images.pairs)} of {total} images")
        ui.note(f"{images.name} x{scale}: {images.selected} are scored")
    return images


def named_datasets(request: Request, catalog: Catalog) -> list[NamedDataset]:
    """Return the datasets of a request; folders with the same name get those of their parents too.

    Raises:
        UsageError: there is no such dataset or folder, or two datasets were given the same name.
    """
    specs: dict[str, DatasetSpec] = {}
    for text in request.datasets:
        spec = find_dataset(catalog, text)
        specs[absolute(text, catalog)] = spec
    given = [spec.name for reference, spec in specs.items() if reference == spec.name or "=" in reference]
    if doubles := [name for name in given if given.count(name) > 1]:
        raise UsageError(f"two datasets are named {doubles[0]}; NAME=FOLDER gives another name")
    names = {reference: spec.name for reference, spec in specs.items()}
    parents = 0
    while repeated := _repeated(names, {*given, *catalog.datasets.specs}):
        parents += 1
        for reference in repeated:
            longer = name_of(Path(reference), parents)
            names[reference] = longer if parents < len(Path(reference).parts) else reference
    return [NamedDataset(reference, spec, names[reference]) for reference, spec in specs.items()]


def _repeated(names: Mapping[str, str], taken: set[str]) -> list[str]:
    """Return the folders whose names are another folder's too, or a dataset's."""
    counts = Counter(names.values())
    folders = [reference for reference, name in names.items() if "=" not in reference and name != reference]
    return [reference for reference in folders if counts[names[reference]] > 1 or names[reference] in taken]


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
            kind = "SR images" if method.outputs else f"{weights.origin} weights"
            ui.note(f"{method.name} x{scale}: {kind} {weights.digest} ({weights.path})")
            newer = trained_folder(method.base, scale) / WEIGHTS
            if weights.origin == "shipped" and newer.is_file():
                ui.note(f"  trained weights exist too: use them with --weights {method.name}=trained")
    return chosen
