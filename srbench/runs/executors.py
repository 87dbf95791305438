"""Where a run's jobs go: a worker process beside this one, this process, a Dask cluster, or SLURM."""

from __future__ import annotations

import importlib.util
import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from srbench.errors import UsageError
from srbench.execution.jobs import Session
from srbench.execution.local import InlineExecutor
from srbench.execution.remote import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from srbench.catalog.catalog import Catalog
    from srbench.execution.executor import Executor
    from srbench.runs.request import Request

EXECUTORS = ("local", "dask", "slurm")
NEEDS = {"dask": "distributed", "slurm": "submitit"}
"""The package that each is built on, in an extra of its name."""
DASK_WORKERS, SLURM_PLACES = 2, 64


def check_place(request: Request, catalog: Catalog) -> None:
    """See whether the options that say where jobs go belong together.

    Raises:
        UsageError: they do not, or a package is missing.
    """
    kind = request.executor
    if kind not in EXECUTORS:
        raise UsageError(f"unknown executor {kind!r}; there are: {', '.join(EXECUTORS)}")
    if kind != "local" and request.inline:
        raise UsageError("--inline runs jobs in this process; leave --executor out")
    if request.scheduler and kind != "dask":
        raise UsageError("--scheduler is Dask's: add --executor dask")
    if request.slurm and kind != "slurm":
        raise UsageError("--slurm says what SLURM jobs need: add --executor slurm")
    if request.workers and kind == "local":
        raise UsageError("--workers goes with --executor dask or slurm; without them there is one worker")
    if request.workers and request.scheduler:
        raise UsageError("--workers is for a local cluster; the one at --scheduler has its own")
    if kind in NEEDS and importlib.util.find_spec(NEEDS[kind]) is None:
        raise UsageError(f"--executor {kind} needs {NEEDS[kind]}: pip install 'srbench[{kind}]'")
    if kind == "slurm":
        _slurm_settings(request, catalog)


@contextmanager
def open_executor(request: Request, catalog: Catalog) -> Iterator[Executor]:
    """Lend what runs the jobs of a run.

    Raises:
        SRBenchError: it cannot be had.
    """
    executor = _open(request, catalog)
    try:
        yield executor
    finally:
        executor.shutdown()


def _open(request: Request, catalog: Catalog) -> Executor:
    names = ("device", "threads", "plugins", "precision", "compiled", "tile", "max_memory")
    session = Session(**{name: getattr(request, name) for name in names})
    terms = Terms(session, request.timeout_s, request.max_memory)
    if request.executor == "dask":
        from srbench.execution.dask import DaskExecutor

        pinned = replace(terms, session=replace(session, threads=session.threads or 1))
        return DaskExecutor(pinned, request.scheduler, request.workers or DASK_WORKERS)
    if request.executor == "slurm":
        from srbench.execution.slurm import SlurmExecutor

        settings = _slurm_settings(request, catalog)
        places = (os.cpu_count() or 1) if settings[""].get("cluster") == "local" else SLURM_PLACES
        return SlurmExecutor(terms, settings, request.out / "slurm", request.workers or places)
    return InlineExecutor(session) if request.inline else terms.executor(request.out / "worker.log")


def _slurm_settings(request: Request, catalog: Catalog) -> dict[str, dict[str, str]]:
    from srbench.execution.slurm import parse_settings

    settings = parse_settings(request.slurm)
    methods = {name: catalog.models[name].name for name in request.methods}
    known = methods | {name: name for name in methods.values()}
    if strangers := set(settings) - {"", *known}:
        raise UsageError(f"--slurm names {', '.join(sorted(strangers))}, which is not among --methods")
    return {known.get(method, method): needs for method, needs in settings.items()}
