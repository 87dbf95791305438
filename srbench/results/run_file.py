"""``run.json``: a run's commands, methods, metrics, datasets and environment; later commands add to it."""

from __future__ import annotations

import math
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.errors import SRBenchError, UsageError
from srbench.results.rows import write_json
from srbench.store.backbones import metric_identity
from srbench.system.file_kinds import read_fault, read_text
from srbench.system.json_forms import NONE, NUMBER, TEXT, Each, Fields, Several, fault, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from srbench.catalog.plugin import Plugin
    from srbench.data.image_sets import ImageSet
    from srbench.protocols import Protocol
    from srbench.results.rows import Bounds, Row
    from srbench.specs import MetricSpec, ModelSpec
    from srbench.store.weights import Weights

NAME = "run.json"
SCHEMA = 1
MOST_NAMED = 8
"""Runs in sub-folders that a message names."""

FORM = Fields(
    {
        "commands": Several(
            Fields(
                {"command": TEXT, "time": TEXT},
                {
                    **dict.fromkeys(("device", "platform", "git_commit"), TEXT),
                    "cuda": (str, NONE),
                    "request": Fields(),
                    "versions": Each(TEXT),
                    "weights": Each(TEXT),
                    "plugins": Each(TEXT),
                    "seconds": Each(NUMBER),
                },
            )
        ),
        "methods": Each(Fields(optional=dict.fromkeys(("summary", "family", "paper", "plugin", "origin"), TEXT))),
        "metrics": Each(
            Fields(
                {"identity": TEXT, "better": frozenset({"higher", "lower"}), "decimals": range(13)},
                {"summary": TEXT, "unit": TEXT, "bounds": Several((int, float, NONE))},
            )
        ),
        "datasets": Each(
            Fields(
                {"source": TEXT, "hash": TEXT, "images": Each(TEXT)},
                {
                    "selected": TEXT,
                    "left_out": Several(TEXT),
                    "degradation": Fields({"identity": TEXT, "summary": TEXT}),
                },
            )
        ),
        "protocols": Each(Fields({"name": TEXT, "version": (int,)})),
    },
    {"weights": Each(Fields({"path": TEXT, "origin": TEXT, "card": Fields()}, {"remark": TEXT}))},
)
"""The JSON form of ``run.json``."""


def now() -> str:
    """Return the current time in UTC as ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def git_commit() -> str:
    """Return the commit of the source tree that srbench runs from, or an empty string."""
    folder = Path(__file__).resolve().parents[1]
    if not (folder.parent / ".git").exists():
        return ""
    try:
        git = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(git, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


@dataclass(frozen=True, kw_only=True)
class RunDescription:
    """What a command adds to ``run.json``."""

    command: str
    request: Row
    """The request, sufficient to repeat the command."""
    environment: Row
    """The device, platform and versions."""
    methods: Sequence[ModelSpec]
    owners: Mapping[str, Plugin]
    """The plugin of each method."""
    metrics: Sequence[MetricSpec]
    protocols: Sequence[Protocol]
    sets: Sequence[ImageSet]
    weights: Mapping[tuple[str, int], Weights]
    """The weights used, by method and scale."""
    plugins: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the code of each plugin file, by path."""

    def command_row(self) -> Row:
        """Return the entry of the command itself."""
        used = {f"{method} x{scale}": weights.digest for (method, scale), weights in self.weights.items()}
        row = {"command": self.command, "request": self.request, "weights": used, "time": now()}
        row |= {"plugins": dict(self.plugins)} if self.plugins else {}
        return row | {"git_commit": git_commit()} | self.environment

    def parts(self) -> dict[str, Row]:
        """Return the entries of the methods, metrics, datasets, protocols and weights."""
        return {
            "methods": {method.name: self._method_row(method) for method in self.methods},
            "metrics": {metric.name: _metric_row(metric) for metric in self.metrics},
            "datasets": {f"{images.name} x{images.scale}": _dataset_row(images) for images in self.sets},
            "protocols": {protocol.identity: asdict(protocol) for protocol in self.protocols},
            "weights": {weights.digest: _weights_row(weights) for weights in self.weights.values()},
        }

    def _method_row(self, method: ModelSpec) -> Row:
        owner = self.owners[method.name]
        row = {name: getattr(method, name) for name in ("summary", "family", "paper")}
        return row | {"plugin": owner.name, "origin": owner.origin, "fingerprint": owner.fingerprint}


def _metric_row(metric: MetricSpec) -> Row:
    row = {name: getattr(metric, name) for name in ("summary", "better", "unit", "decimals")}
    bounds = [bound if math.isfinite(bound) else None for bound in metric.bounds]
    return row | {"identity": metric_identity(metric), "bounds": bounds}


def bounds_of(run: Row) -> dict[str, Bounds]:
    """Return the smallest and the largest value of a run's metrics, by identity; older runs do not say."""
    bounds = {}
    for metric in run["metrics"].values():
        least, most = [*metric.get("bounds", ()), None, None][:2]
        bounds[metric["identity"]] = -math.inf if least is None else least, math.inf if most is None else most
    return bounds


def _dataset_row(images: ImageSet) -> Row:
    degradation = {"identity": images.degradation.identity, "summary": images.degradation.summary}
    row = {"source": images.spec.source, "hash": images.identity, "images": images.hashes}
    row |= {"selected": images.selected} if images.selected else {}
    return row | {"left_out": images.left_out, "degradation": degradation}


def _weights_row(weights: Weights) -> Row:
    return {
        "path": str(weights.path),
        "origin": weights.origin,
        "remark": weights.remark,
        "card": dict(weights.card),
    }


def write_run_file(run_dir: Path, description: RunDescription) -> None:
    """Write a command to ``run.json``, adding to earlier commands on the same folder.

    Raises:
        UsageError: the folder holds results of another dataset with the same name.
        SRBenchError: the file cannot be written, or the existing one is not from srbench.
    """
    before: Row = read_run_file(run_dir) if (run_dir / NAME).exists() else {}
    for images in description.sets:
        stored = before.get("datasets", {}).get(f"{images.name} x{images.scale}", {})
        if stored and stored["source"] != images.spec.source:
            raise UsageError(
                f"{run_dir} holds results of another dataset named {images.name} ({stored['source']}); "
                "use another --out"
            )
    commands = [*before.get("commands", []), description.command_row()]
    merged = {part: before.get(part, {}) | rows for part, rows in description.parts().items()}
    write_json(run_dir / NAME, {"schema": SCHEMA, "commands": commands, **merged})


def add_seconds(run_dir: Path, seconds: Mapping[str, float]) -> None:
    """Add the time spent, in seconds by kind of work, to the last command.

    Raises:
        SRBenchError: the file cannot be read or written.
    """
    data = read_run_file(run_dir)
    data["commands"][-1]["seconds"] = {kind: round(spent, 3) for kind, spent in seconds.items()}
    write_json(run_dir / NAME, data)


def folder_of(run: Path) -> Path:
    """Return the folder of a run, which may be named by its folder or its ``run.json``."""
    return run.parent if run.is_file() else run


def _runs_below(folder: Path) -> str:
    """Return the end of a message that names the sub-folders that hold runs, if there are any."""
    try:
        names = sorted(path.name for path in folder.iterdir() if (path / NAME).is_file())
    except OSError:
        return ""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"; its sub-folders do: {', '.join(names[:MOST_NAMED])}{more}; give one or several" if names else ""


def read_run_file(run_dir: Path) -> Row:
    """Return a run's description, from its folder or from the file itself.

    Raises:
        UsageError: there is no run.
        SRBenchError: the file is damaged, or of another schema.
    """
    path = run_dir if run_dir.is_file() or read_fault(run_dir) else run_dir / NAME
    if special := read_fault(path):
        raise SRBenchError(f"{path}: {special}")
    if path is run_dir and path.suffix.lower() != ".json":
        raise UsageError(f"{run_dir}: is no run; give the folder that 'srbench run' made, or the {NAME} in it")
    try:
        data: Row = parse(read_text(path), Fields({"schema": (int,)}))
        schema = data["schema"]
    except FileNotFoundError as error:
        missing = f"{NAME} does not exist{_runs_below(run_dir)}" if run_dir.is_dir() else "there is no such folder"
        raise UsageError(f"{run_dir} holds no run: {missing}") from error
    except (OSError, ValueError) as error:
        raise SRBenchError(f"{path}: cannot be read as a run's description ({error})") from error
    if schema != SCHEMA:
        raise SRBenchError(
            f"{path}: was written with schema {schema}, this srbench reads {SCHEMA}; use another --out or the srbench "
            "that wrote it"
        )
    if reason := fault(data, FORM):
        raise SRBenchError(f"{path}: is damaged or not srbench's ({reason})")
    return data
