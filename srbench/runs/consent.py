"""What a recorded request would do here besides computing: downloads and trainings, which a user must agree to.

A cluster cannot be in a recorded request: the options of executors are not recorded, and `read_request` refuses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.data.find import find_dataset
from srbench.errors import UsageError, counted
from srbench.specs import Asset
from srbench.store.archives import archive_needs_network
from srbench.store.assets import needs_network
from srbench.store.backbones import backbone_needs_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from srbench.catalog.catalog import Catalog
    from srbench.runs.request import Request
    from srbench.specs import DatasetSpec

    Agree = Callable[[Sequence[str]], None]
    """Returns if the user agrees to the work that is listed; else raises an SRBenchError."""


def refuse(works: Sequence[str]) -> None:
    """Refuse all work that needs an agreement.

    Raises:
        UsageError: there is some; names it.
    """
    if works:
        raise UsageError(f"the run asks for more than to compute: {'; '.join(works)}. --yes agrees to it")


def works_of(request: Request, catalog: Catalog) -> list[str]:
    """Return what a request would download and train, one text each; empty if all is on this machine.

    Raises:
        UsageError: a name does not exist, or weights cannot be used.
    """
    works = list(_downloads(request.datasets, request.scales, catalog))
    for name in request.metrics:
        backbone = catalog.metrics[name].backbone
        if backbone and backbone_needs_network(backbone):
            works.append(f"download the backbone {backbone}")
    return list(dict.fromkeys([*works, *_trainings(request, catalog)]))


def _downloads(datasets: Iterable[str], scales: Iterable[int], catalog: Catalog) -> Iterator[str]:
    for text in datasets:
        spec = find_dataset(catalog, text)
        if spec.images is None and spec.archive is not None and archive_needs_network(spec.archive):
            yield f"download the dataset {spec.name}"
        elif spec.images is not None and (count := _missing_files(spec, scales)):
            yield f"download {counted(count, 'file')} of the dataset {spec.name}"


def _missing_files(spec: DatasetSpec, scales: Iterable[int]) -> int:
    pairs = [pair for scale in scales if scale in spec.scales for pair in spec.pairs(scale)]
    files = dict.fromkeys(file for pair in pairs for file in (pair.hr, pair.lr) if isinstance(file, Asset))
    return sum(needs_network(file) for file in files)


def _trainings(request: Request, catalog: Catalog) -> Iterator[str]:
    if not request.train_on:
        return
    from srbench.training.missing import untrained

    methods = catalog.models.open_all(request.methods)
    chosen = catalog.models.choices(request.weights, methods)
    pending = untrained(catalog, [method for method in methods if method.name not in chosen], request.scales)
    for spec, scale in pending:
        yield f"train {spec.name} x{scale} on {', '.join(request.train_on)}"
    if pending:
        yield from _downloads(request.train_on, sorted({scale for _, scale in pending}), catalog)
