"""What a run is asked for, as recorded in ``run.json`` and checked."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from srbench.data.find import split_name
from srbench.errors import UsageError
from srbench.specs import LEAST_TILE, PRECISIONS
from srbench.store.home import users_path
from srbench.store.weights import CHOICES
from srbench.system.json_forms import NONE, NUMBER, TEXT, Each, Fields, Several, fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from srbench.catalog.catalog import Catalog
    from srbench.results.rows import Row
    from srbench.specs import Tile


UNRECORDED = ("out", "command", "force", "inline", "only", "executor", "scheduler", "workers", "slurm")
"""Of a request, what says nothing about its results."""
RECORDED = Fields(
    {
        **dict.fromkeys(("methods", "datasets", "protocols", "metrics"), Several(TEXT)),
        "scales": Several((int,)),
    },
    {
        **dict.fromkeys(("plugins", "train_on"), Several(TEXT)),
        **dict.fromkeys(("device", "precision", "degradation"), TEXT),
        **dict.fromkeys(("threads", "timeout_s", "max_memory"), NUMBER),
        **dict.fromkeys(("compiled", "save_images"), (bool,)),
        "train_steps": (int, NONE),
        "tile": (int, str),
        "weights": Each(TEXT),
        "speed": (dict, NONE),
    },
)
"""What is relied on of a request that was recorded."""


class Output(NamedTuple):
    """What a method makes of one image of a dataset."""

    method: str
    dataset: str
    scale: int
    image: str


@dataclass(frozen=True)
class Request:
    """What was asked of ``srbench run``."""

    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    scales: tuple[int, ...]
    protocols: tuple[str, ...]
    metrics: tuple[str, ...]
    out: Path
    plugins: tuple[str, ...] = ()
    device: str = "auto"
    threads: int = 0
    precision: str = "fp32"
    compiled: bool = False
    speed: dict[str, Any] | None = field(default_factory=dict)
    """Speed settings (size, batch, seconds); None skips speed."""
    save_images: bool = False
    force: bool = False
    inline: bool = False
    timeout_s: float = 0
    max_memory: int = 0
    command: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)
    """By method: ``shipped``, ``trained`` or a path."""
    train_on: tuple[str, ...] = ()
    """Sets on which methods without weights are trained first; none: they are not trained."""
    train_steps: int | None = None
    degradation: str = "bicubic"
    tile: Tile = "auto"
    executor: str = "local"
    """Where jobs go: ``local``, ``dask``, ``slurm``."""
    scheduler: str = ""
    """Address of Dask's scheduler; empty for a local cluster."""
    workers: int = 0
    """Workers of a local Dask cluster, or most SLURM jobs at once; 0 for the default."""
    slurm: tuple[str, ...] = ()
    """What SLURM jobs need, each ``[METHOD:]NAME=VALUE[,NAME=VALUE...]``."""
    only: frozenset[Output] | None = None
    """What is scored of it; None: everything."""


def record_request(request: Request, catalog: Catalog, datasets: Sequence[str]) -> Row:
    """Return a request as ``run.json`` holds it: plain values that mean the same in any folder.

    Args:
        request: what was asked.
        catalog: what its names mean.
        datasets: the datasets by name or absolute path.
    """
    asked = {name: value for name, value in asdict(request).items() if name not in UNRECORDED}
    weights = {
        catalog.models[name].name: choice if choice in CHOICES else str(users_path(choice))
        for name, choice in request.weights.items()
    }
    specs = [catalog.models[name] for name in request.methods]
    methods = list(dict.fromkeys(spec.reference for spec in specs))
    sets = [absolute(text, catalog) for text in request.train_on]
    return asked | {"methods": methods, "datasets": list(datasets), "weights": weights, "train_on": sets}


def read_request(recorded: Row, out: Path) -> Request:
    """Return the request that `record_request` recorded, to be made in another folder.

    Raises:
        UsageError: it is none, or asks for what this srbench does not know.
    """
    known = {field.name for field in fields(Request)} - set(UNRECORDED)
    if strange := sorted(set(recorded) - known):
        raise UsageError(f"the run was asked for by another version of srbench: {', '.join(strange)} is not known here")
    if said := fault(recorded, RECORDED, "its request"):
        raise UsageError(f"the run's description is damaged or not srbench's ({said})")
    values: Row = {name: tuple(value) if isinstance(value, list) else value for name, value in recorded.items()}
    request = Request(**values, out=out)
    check(request)
    return request


def check(request: Request) -> None:
    """Refuse values that cannot be meant; the command line's options take no others.

    Raises:
        UsageError: there is one; says which.
    """
    for name in ("methods", "datasets", "protocols", "metrics"):
        values = getattr(request, name)
        if not values or not all(isinstance(value, str) and value for value in values):
            raise UsageError(f"{name} must be one name or several, not {values!r}")
    if not request.scales or not all(type(scale) is int and 2 <= scale <= 16 for scale in request.scales):
        raise UsageError(f"scale must be whole numbers from 2 to 16, not {request.scales!r}")
    if request.precision not in PRECISIONS:
        raise UsageError(f"precision must be one of {', '.join(PRECISIONS)}, not {request.precision!r}")
    if request.tile not in ("auto", "off") and not (type(request.tile) is int and request.tile >= LEAST_TILE):
        raise UsageError(f"tile must be 'auto', 'off' or a number of LR pixels from {LEAST_TILE}, not {request.tile!r}")
    numbers = {name: getattr(request, name) for name in ("timeout_s", "max_memory", "threads", "workers")}
    for name, value in numbers.items():
        if not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise UsageError(f"{name} must be a number from 0, not {value!r}")
    for name, value in (request.speed or {}).items():
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            raise UsageError(f"speed_{name} must be a number above 0, not {value!r}")


def absolute(text: str, catalog: Catalog) -> str:
    """Return a dataset as it can be asked for from anywhere."""
    if text in catalog.datasets:
        return catalog.datasets[text].name
    if named := split_name(text):
        return "=".join(named)
    return str(users_path(text).resolve())
