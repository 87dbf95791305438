"""``run.json``: what was asked of a run, with what, and on what; later commands on the same folder add to it."""

from __future__ import annotations

import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import SRBenchError, UsageError
from srbench.results.rows import write_json
from srbench.system.json_forms import NONE, NUMBER, TEXT, Each, Fields, Several, fault, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from srbench.catalog.catalog import Catalog
    from srbench.data.image_sets import ImageSet
    from srbench.protocols import Protocol
    from srbench.results.rows import Row
    from srbench.specs import MetricSpec, ModelSpec
    from srbench.store.weights import Weights

NAME = "run.json"
SCHEMA = 1

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
                    "seconds": Each(NUMBER),
                },
            )
        ),
        "methods": Each(Fields(optional=dict.fromkeys(("summary", "family", "paper", "plugin", "origin"), TEXT))),
        "metrics": Each(
            Fields(
                {"identity": TEXT, "better": frozenset({"higher", "lower"}), "decimals": range(13)}, {"summary": TEXT}
            )
        ),
        "datasets": Each(
            Fields(
                {"source": TEXT, "hash": TEXT, "images": Each(TEXT)},
                {"left_out": Several(TEXT), "degradation": Fields({"identity": TEXT, "summary": TEXT})},
            )
        ),
        "protocols": Each(Fields({"name": TEXT, "version": (int,)})),
    },
    {"weights": Each(Fields({"path": TEXT, "origin": TEXT, "card": Fields()}, {"remark": TEXT}))},
)
"""What is relied on of a run's description."""


def now() -> str:
    """Return the time in UTC, ISO 8601, to the millisecond."""
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


def write_run_file(
    folder: Path,
    command: str,
    request: Row,
    environment: Row,
    catalog: Catalog,
    methods: Iterable[ModelSpec],
    metrics: Iterable[MetricSpec],
    sets: Iterable[ImageSet],
    protocols: Iterable[Protocol],
    weights: Mapping[tuple[str, int], Weights],
) -> None:
    """Write what was asked and with what, adding to what earlier commands on the same folder asked for.

    ``request`` is all that it takes to ask for the same again; ``weights`` are those used, by method and scale.

    Raises:
        SRBenchError: the file cannot be written, or is not one of srbench's.
    """
    before: Row = read_run_file(folder) if (folder / NAME).exists() else {}
    for images in sets:
        stored = before.get("datasets", {}).get(f"{images.name} x{images.scale}", {})
        if stored and stored["source"] != images.spec.source:
            raise UsageError(
                f"{folder} holds results of another dataset named {images.name} ({stored['source']}); "
                "take another --out"
            )
    owners = {method.name: catalog.models.owner(method.name) for method in methods}
    now_asked: dict[str, dict[str, Any]] = {
        "methods": {
            method.name: {
                "summary": method.summary,
                "family": method.family,
                "paper": method.paper,
                "plugin": owners[method.name].name,
                "origin": owners[method.name].origin,
                "fingerprint": owners[method.name].fingerprint,
            }
            for method in methods
        },
        "metrics": {
            metric.name: {
                "summary": metric.summary,
                "identity": metric.identity,
                "better": metric.better,
                "decimals": metric.decimals,
            }
            for metric in metrics
        },
        "datasets": {
            f"{images.name} x{images.scale}": {
                "source": images.spec.source,
                "hash": images.identity,
                "images": images.hashes,
                "left_out": images.left_out,
                "degradation": {"identity": images.degradation.identity, "summary": images.degradation.summary},
            }
            for images in sets
        },
        "protocols": {protocol.identity: asdict(protocol) for protocol in protocols},
        "weights": {
            w.digest: {"path": str(w.path), "origin": w.origin, "remark": w.remark, "card": dict(w.card)}
            for w in weights.values()
        },
    }
    used = {f"{method} x{scale}": w.digest for (method, scale), w in weights.items()}
    entry = {"command": command, "request": request, "weights": used, "time": now(), "git_commit": git_commit()}
    entry |= environment
    merged = {part: before.get(part, {}) | asked for part, asked in now_asked.items()}
    write_json(folder / NAME, {"schema": SCHEMA, "commands": [*before.get("commands", []), entry], **merged})


def add_seconds(folder: Path, seconds: dict[str, float]) -> None:
    """Add to the last command where its time went, in seconds by kind of work.

    Raises:
        SRBenchError: the file cannot be read or written.
    """
    data = read_run_file(folder)
    data["commands"][-1]["seconds"] = {kind: round(spent, 3) for kind, spent in seconds.items()}
    write_json(folder / NAME, data)


def read_run_file(place: Path) -> Row:
    """Read a run's description, from its folder or from the file itself.

    Raises:
        SRBenchError: it is missing, damaged, or of another schema.
    """
    path = place if place.is_file() else place / NAME
    try:
        data: Row = parse(path.read_text(encoding="utf-8"), Fields({"schema": (int,)}))
        schema = data["schema"]
    except FileNotFoundError as error:
        raise SRBenchError(f"{place} holds no run: {NAME} is not there") from error
    except (OSError, ValueError) as error:
        raise SRBenchError(f"{path}: cannot be read as a run's description ({error})") from error
    if schema != SCHEMA:
        raise SRBenchError(
            f"{path}: was written with schema {schema}, this srbench reads {SCHEMA}; take another --out or the srbench "
            "that wrote it"
        )
    if said := fault(data, FORM):
        raise SRBenchError(f"{path}: is damaged or not srbench's ({said})")
    return data
