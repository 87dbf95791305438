"""A request: the options of a run and its command, recorded in ``run.json`` and read from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from srbench.data.find import split_name
from srbench.errors import UsageError
from srbench.runs.options import OPTIONS, RunOptions
from srbench.store.home import users_path
from srbench.store.weights import CHOICES
from srbench.system.json_forms import Fields, fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from srbench.catalog.catalog import Catalog
    from srbench.results.rows import Row
    from srbench.runs.parts import Output

NEEDED = ("methods", "datasets", "scales", "protocols", "metrics")
RECORDED = {name: option.kind.form for name, option in OPTIONS.items() if option.recorded}
FORM = Fields({name: RECORDED[name] for name in NEEDED}, RECORDED)
"""The JSON form of a recorded request."""


@dataclass(frozen=True, kw_only=True)
class Request(RunOptions):
    """The options of a run, and what users do not set."""

    out: Path
    """The run's folder."""
    command: str = ""
    """The command line or Python call, for people."""
    only: frozenset[Output] | None = None
    """The outputs to score; None for all."""


def record_request(request: Request, catalog: Catalog, datasets: Sequence[str]) -> Row:
    """Return a request as JSON values for ``run.json``, valid from any working directory.

    Args:
        request: the request.
        catalog: resolves its names.
        datasets: the datasets by name or absolute path.
    """
    recorded = {name: value for name, value in asdict(request).items() if name in RECORDED}
    weights = {
        catalog.models[name].name: choice if choice in CHOICES else str(users_path(choice))
        for name, choice in request.weights.items()
    }
    specs = [catalog.models[name] for name in request.methods]
    methods = list(dict.fromkeys(spec.reference for spec in specs))
    training = [absolute(text, catalog) for text in request.train_on]
    return recorded | {"methods": methods, "datasets": list(datasets), "weights": weights, "train_on": training}


def read_request(recorded: Row, out: Path) -> Request:
    """Return the request that `record_request` recorded, with another folder.

    Raises:
        UsageError: the record is damaged, or has options that this version of srbench does not know.
    """
    recorded = _with_flat_speed(recorded)
    if unknown := sorted(set(recorded) - set(RECORDED)):
        raise UsageError(f"the run is of another version of srbench: option {', '.join(unknown)} is not known here")
    if reason := fault(recorded, FORM, "its request"):
        raise UsageError(f"the run's description is damaged or not srbench's ({reason})")
    values: Row = {name: tuple(value) if isinstance(value, list) else value for name, value in recorded.items()}
    request = Request(**values, out=out)
    request.check()
    return request


def _with_flat_speed(recorded: Row) -> Row:
    """Return a recorded request with the speed settings as separate options.

    Before 0.2 they were recorded as an object, or as null if speed was not measured.
    """
    speed: Any = recorded.get("speed")
    if isinstance(speed, bool) or not ("speed" in recorded and isinstance(speed, dict | None)):
        return recorded
    settings = {f"speed_{name}": value for name, value in (speed or {}).items()}
    return {**recorded, **settings, "speed": speed is not None}


def absolute(text: str, catalog: Catalog) -> str:
    """Return a dataset's name or absolute path, valid from any working directory."""
    if text in catalog.datasets:
        return catalog.datasets[text].name
    if named := split_name(text):
        return "=".join(named)
    path = users_path(text)
    if text.lower() in catalog.datasets and not path.exists():  # a folder of this very name comes first
        return catalog.datasets[text].name
    return str(path.resolve())
