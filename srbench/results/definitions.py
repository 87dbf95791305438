"""Definitions that differ between rows of one board: of metrics, protocols and degradations, and versions of srbench.

Values of different definitions are values of different things, so their rows are ranked apart.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from srbench.errors import several

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from srbench.results.entries import Entry
    from srbench.results.rows import Row

FIELD = "definitions"
"""Field of an entry's identity that has its definitions; only where those of a board differ."""
MOST_NAMED = 4
"""Methods that a note names for each version."""


def tell_apart(entries: Sequence[Entry]) -> list[str]:
    """Write into each entry which definitions it has where they differ between entries; return a note on them."""
    by_subject: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for entry in entries:
        for subject, definition in _definitions(entry):
            by_subject[subject][definition] = None
    differing = {subject: list(names) for subject, names in by_subject.items() if len(names) > 1}
    for entry in entries if differing else ():
        own = dict(_definitions(entry)) | {("metric", name): text for name, text in entry.metrics.items()}
        entry.identity[FIELD] = ", ".join(text for subject, text in own.items() if subject in differing)
    pairs = dict.fromkeys(" and ".join(names) for names in differing.values())
    return [f"rows of different definitions are ranked apart: {'; '.join(pairs)}"] if pairs else []


def _definitions(entry: Entry) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield what is defined, and how: metrics that have values and protocols by name, degradations by dataset."""
    identity = entry.identity
    for metric, definition in entry.metrics.items():
        if entry.values.get(metric):
            yield ("metric", metric), definition
    yield ("protocol", identity["protocol"]), f"{identity['protocol']}/{identity['protocol_version']}"
    if degradations := sorted(entry.degradations - {"as-given", ""}):
        images = identity["dataset"], str(identity["scale"]), identity["dataset_hash"]
        yield ("degradation", *images), " + ".join(degradations)


def versions_note(entries: Iterable[Entry]) -> list[str]:
    """Return a note on the versions of srbench that made the entries, with the methods of each, if they are several."""
    methods: dict[str, dict[str, None]] = defaultdict(dict)
    for entry in entries:
        for version in entry.versions:
            methods[version][entry.identity["method"]] = None
    if len(methods) < 2:
        return []
    parts = [f"{version} ({several(list(methods[version]), MOST_NAMED)})" for version in sorted(methods)]
    return [f"rows of several versions of srbench stand here together: {', '.join(parts)}"]


def namesakes_note(entries: Iterable[Entry]) -> list[str]:
    """Return a note on methods that have rows of different code or weights in one ranking, as strangers' runs may."""
    variants: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for entry in entries:
        identity = entry.identity
        ranking = (str(value) for name, value in identity.items() if name not in ("method", "plugin", "weights"))
        variants[(identity["method"], *ranking)][_variant(identity)] = None
    doubled = {key[0]: list(names) for key, names in variants.items() if len(names) > 1}
    parts = [f"{method}: {several(names, MOST_NAMED)}" for method, names in doubled.items()]
    return [f"rows of one name and different code or weights: {'; '.join(parts)}"] if parts else []


def _variant(identity: Row) -> str:
    weights = f", weights {identity['weights']}" if identity["weights"] else ""
    return f"code {identity['plugin']}{weights}"
