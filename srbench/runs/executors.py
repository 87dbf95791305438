"""Choose a run's executor: a worker process, this process, a Dask cluster, or SLURM."""

from __future__ import annotations

import importlib.util
import os
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from srbench import defaults
from srbench.catalog.in_process import needs_this_process
from srbench.data.find import split_name
from srbench.errors import UsageError
from srbench.execution.jobs import Session
from srbench.execution.local import InlineExecutor
from srbench.execution.remote import Terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from srbench.catalog.catalog import Catalog
    from srbench.execution.executor import Executor
    from srbench.runs.options import RunOptions
    from srbench.runs.request import Request

PACKAGES = {"dask": "distributed", "slurm": "submitit"}
"""The package that each executor needs, installed by the extra of the executor's name."""
DASK_WORKERS, SLURM_JOBS = 2, 64


def check_executor(request: Request, catalog: Catalog) -> None:
    """Check that the executor options are consistent.

    Raises:
        UsageError: they are not, or a package is missing.
    """
    executor = request.executor
    if executor != "local" and request.inline:
        raise UsageError("--inline runs jobs in this process; it cannot be combined with --executor")
    if executor != "local" and (here := needs_this_process(request.methods)):
        raise UsageError(f"{here[0]} was made in this process; it cannot be combined with --executor {executor}")
    if request.scheduler and executor != "dask":
        raise UsageError("--scheduler needs --executor dask")
    if request.slurm and executor != "slurm":
        raise UsageError("--slurm needs --executor slurm")
    if request.workers and executor == "local":
        raise UsageError("--workers needs --executor dask or slurm; the local executor has one worker")
    if request.workers and request.scheduler:
        raise UsageError("--workers is for a local Dask cluster; it cannot be combined with --scheduler")
    if executor in PACKAGES and importlib.util.find_spec(PACKAGES[executor]) is None:
        raise UsageError(f"--executor {executor} needs {PACKAGES[executor]}: pip install 'srbench[{executor}]'")
    if executor == "slurm":
        _slurm_settings(request, catalog)


def session_of(options: RunOptions, scoring: tuple[str, ...] = ()) -> Session:
    """Return the settings shared by all jobs of a run.

    Args:
        options: the options of the run.
        scoring: the plugins of its datasets and metrics, as `scoring_plugins` returns them; empty for all.
    """
    names = [field.name for field in fields(Session) if field.name != "scoring"]
    return Session(**{name: getattr(options, name) for name in names}, scoring=scoring)


def scoring_plugins(catalog: Catalog, datasets: Iterable[str] = (), metrics: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the plugins of datasets and metrics by key, and that of the photographs on which speed is measured."""
    names = [name for name in (defaults.DATASET, *datasets) if name in catalog.datasets]
    owners = [*map(catalog.datasets.owner, names), *map(catalog.metrics.owner, metrics)]
    return tuple(dict.fromkeys(owner.key for owner in owners))


@contextmanager
def open_executor(request: Request, catalog: Catalog) -> Iterator[Executor]:
    """Open a run's executor, and shut it down at the end.

    Raises:
        SRBenchError: the executor cannot be started.
    """
    executor = _open(request, catalog)
    try:
        yield executor
    finally:
        executor.shutdown()


def _open(request: Request, catalog: Catalog) -> Executor:
    datasets = [(split_name(dataset) or (dataset,))[0] for dataset in request.datasets]
    session = session_of(request, scoring_plugins(catalog, datasets, request.metrics))
    terms = Terms(session, request.timeout_s, request.max_memory)
    if request.executor == "dask":
        from srbench.execution.dask import DaskExecutor

        pinned = replace(terms, session=replace(session, threads=session.threads or 1))
        return DaskExecutor(pinned, request.scheduler, request.workers or DASK_WORKERS)
    if request.executor == "slurm":
        from srbench.execution.slurm import SlurmExecutor

        settings = _slurm_settings(request, catalog)
        jobs = (os.cpu_count() or 1) if settings[""].get("cluster") == "local" else SLURM_JOBS
        return SlurmExecutor(terms, settings, request.out / "slurm", request.workers or jobs)
    inline = request.inline or needs_this_process(request.methods)
    return InlineExecutor(session) if inline else terms.executor(request.out / "worker.log")


def _slurm_settings(request: Request, catalog: Catalog) -> dict[str, dict[str, str]]:
    from srbench.execution.slurm import parse_settings

    settings = parse_settings(request.slurm)
    methods = {name: catalog.models[name].name for name in request.methods}
    known = methods | {name: name for name in methods.values()}
    if unknown := set(settings) - {"", *known}:
        raise UsageError(f"--slurm names {', '.join(sorted(unknown))}, which is not among --methods")
    return {known.get(method, method): needs for method, needs in settings.items()}
