"""Check a method against the figures that papers print for it."""

from __future__ import annotations

import re
from collections import defaultdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

import torch

from srbench.conformance.bench import require
from srbench.conformance.checks.datasets import missing_files
from srbench.conformance.outcome import FaultError, SkipError
from srbench.errors import Code, SRBenchError
from srbench.images.tensors import to_8bit
from srbench.inference.upscale import upscale
from srbench.protocols import PROTOCOLS
from srbench.scoring.outputs import criteria, score_samples, upscale_samples
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import load_sample
from srbench.scoring.scorer import Scorer
from srbench.store.weights import read_card

if TYPE_CHECKING:
    from srbench.conformance.bench import MethodBench
    from srbench.specs import ModelSpec, Published

STORE_BYTES = 2**26
ALIKE = 0.85
"""Similarity (0 to 1) from which an unknown name counts as a known one, misspelt."""


def figures(bench: MethodBench) -> None:
    """The scores equal the published figures on every dataset whose files are on this machine."""
    spec = bench.spec
    if not spec.published:
        raise SkipError("the spec names no published figure")
    groups: dict[tuple[str, int, str], list[Published]] = defaultdict(list)
    left_out = []
    for figure in spec.published:
        if reason := _why_not(bench, figure):
            left_out.append(f"{figure.dataset} x{figure.scale} {figure.metric}: {reason}")
        else:
            groups[figure.dataset, figure.scale, figure.protocol].append(figure)
    if wrong := _misspelt(bench):
        raise FaultError(f"published names {wrong}", "write the names as 'srbench list' has them")
    checked = 0
    for (dataset, scale, protocol), wanted in groups.items():
        for figure, mean in _measure(bench, dataset, scale, protocol, wanted):
            what = f"{dataset} x{scale} {figure.metric} ({protocol})"
            gap = abs(mean - figure.value)
            allowed = bench.catalog.metrics[figure.metric].allowed(figure.value)
            printed = f"{figure.source} prints {figure.value:g}"
            require(
                gap <= allowed,
                f"{what} is {mean:.4f} here, and {printed}: more than {allowed:g} apart",
            )
            checked += 1
    if not checked:
        raise SkipError("; ".join(dict.fromkeys(left_out))[:300])


def _why_not(bench: MethodBench, figure: Published) -> str:
    """Return why a figure cannot be checked on this machine; empty if it can."""
    spec, catalog = bench.spec, bench.catalog
    if figure.scale not in spec.scales:
        return "the method does not do this scale"
    if figure.protocol not in PROTOCOLS:
        return f"the protocol {figure.protocol} is none of srbench's"
    for shelf, name in ((catalog.metrics, figure.metric), (catalog.datasets, figure.dataset)):
        if name not in shelf:
            return f"no {shelf.kind} {name} is installed"
    if spec.recipe is not None and not _has_papers_weights(spec, figure.scale):
        return "it ships no weights of the paper's own training"
    try:
        return missing_files(catalog.datasets[figure.dataset], figure.scale)
    except SRBenchError as error:
        return str(error)


def _misspelt(bench: MethodBench) -> str:
    """Return the first misspelt name and the name that it resembles; empty if there is none."""
    catalog = bench.catalog
    shelves = {
        "dataset": list(catalog.datasets.specs),
        "metric": list(catalog.metrics.specs),
        "protocol": list(PROTOCOLS),
    }
    for figure in bench.spec.published:
        for kind, known in shelves.items():
            name = getattr(figure, kind)
            same = [other for other in known if _plain(other) == _plain(name)]
            near = same or get_close_matches(name, known, 1, ALIKE)
            if near and name not in known and name not in getattr(catalog, f"{kind}s", ()):
                return f"the {kind} {name!r}; did you mean {near[0]!r}?"
    return ""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _has_papers_weights(spec: ModelSpec, scale: int) -> bool:
    """Return whether the shipped weights are the paper's own: the published figures are those of its weights."""
    path = spec.shipped.get(scale)
    if path is None or not path.is_file():
        return False
    return "steps_done" not in read_card(path)  # `srbench train` writes it


def _measure(
    bench: MethodBench, dataset: str, scale: int, protocol: str, wanted: list[Published]
) -> list[tuple[Published, float]]:
    catalog = bench.catalog
    scorer = Scorer(ReferenceStore(STORE_BYTES))
    values: dict[str, list[float]] = defaultdict(list)
    net = bench.net(scale)
    metrics = {catalog.metrics[figure.metric].name: catalog.metrics[figure.metric] for figure in wanted}
    columns = criteria(metrics.values(), [PROTOCOLS[protocol]])

    @torch.inference_mode()
    def run(lr: torch.Tensor) -> torch.Tensor:
        return to_8bit(upscale(net, lr, scale, bench.spec.multiple, smallest=bench.spec.smallest))

    for pair in catalog.datasets[dataset].pairs(scale):
        sample = load_sample(pair, scale, bench.device)
        image = {pair.name: sample}, {pair.name: upscale_samples(run, [sample])[0]}
        for _, criterion, score in score_samples(scorer, *image, {pair.name: columns}, {pair.name: pair.name}):
            if score.code is Code.MISSING_BACKBONE:
                raise SkipError(score.reason)
            if score.value is not None:
                values[criterion.metric.name].append(score.value)

    def mean(figure: Published) -> float:
        scores = values[catalog.metrics[figure.metric].name]
        return sum(scores) / max(1, len(scores))

    return [(figure, mean(figure)) for figure in wanted]
