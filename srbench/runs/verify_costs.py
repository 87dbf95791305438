"""Compare the parameters, MACs and speed that a run states with those measured now."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from srbench.results.entries import comparable
from srbench.results.rows import read_rows
from srbench.results.sections import UNSTEADY
from srbench.system.terminal import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from srbench.catalog.catalog import Catalog
    from srbench.results.rows import Row
    from srbench.runs.request import Request
    from srbench.runs.rerun import Again
    from srbench.system.terminal import UI

    Run = Callable[[Request, Catalog, UI], object]
    Costs = Mapping[tuple[str, ...], Row]
    """The speed row that counts, by method, scale, precision, size and batch."""

NOISE = 2.0
"""Factor by which a stated latency may lie outside of what is measured now, its 10th to 90th percentile.

Timings that spread widely are not judged: on a busy machine of two cores with two threads, medians of one network were
up to 80 times apart, and nearly all of those spread by more than `UNSTEADY`.
"""
ATTEMPTS = 3
"""Measurements until a latency agrees: other work on the machine passes."""
SAME = ("method", "scale", "precision", "size", "batch")
COUNTED = {"params": "parameters", "macs": "MACs"}


@dataclass(frozen=True)
class CostCheck:
    """A cost that a run states beside the present one, as texts."""

    method: str
    scale: int
    quantity: str
    then: str
    now: str
    agrees: bool
    is_slower: bool = False
    """Whether it is a latency longer than now's, which other work on the run's machine explains: no failure."""

    @property
    def fails(self) -> bool:
        """Whether the run does not hold because of it."""
        return not self.agrees and not self.is_slower


def costs_of(rows: Iterable[Row]) -> dict[tuple[str, ...], Row]:
    """Return the speed row that counts of each method, scale, precision and input size."""
    costs: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if row["kind"] == "speed":
            key = tuple(str(row.get(name)) for name in SAME)
            costs[key] = comparable(costs.get(key, {}), row)
    return costs


def check_costs(again: Again, methods: set[str], then: Costs, run: Run) -> tuple[list[CostCheck], list[str]]:
    """Compare the costs of a request that was run again; latencies that do not agree are measured again.

    Args:
        again: the request, in the folder of its results.
        methods: the methods that were run again.
        then: the costs that the run states.
        run: runs a request.

    Returns:
        The comparisons, and what was not compared.
    """
    then = {key: row for key, row in then.items() if row["method"] in methods and _is_of(again.request, row)}
    now = costs_of(read_rows(again.request.out / "results.jsonl"))
    checks = [check for key, stated in then.items() for check in _counts(stated, now.get(key, {}))]
    unseen: list[str] = []
    for key, stated in then.items():
        measured = now.get(key, {})
        if stated.get("latency_ms") is None:
            continue
        if reason := untimed(stated, measured):
            unseen.append(f"speed ({reason})")
            continue
        checks.append(_throughput(stated, measured))
        latency = _latency(stated, measured)
        for attempt in range(1, ATTEMPTS):
            if latency is not None and latency.agrees:
                break
            results = _timed_again(again, stated["method"], attempt, run)
            later = _latency(stated, costs_of(results).get(key, {}))
            latency = later if later is None or later.agrees or latency is not None else latency
        if latency is None:
            unseen.append("speed (timings spread widely: the machine does or did other work)")
        else:
            checks.append(latency)
    return checks, unseen


def _is_of(request: Request, row: Row) -> bool:
    """Return whether a speed row is what a request measures."""
    measured = (request.recorded_precision, request.speed_size, request.speed_batch)
    return row["scale"] in request.scales and (row["precision"], row.get("size"), row.get("batch")) == measured


def _timed_again(again: Again, method: str, attempt: int, run: Run) -> Iterable[Row]:
    """Measure the speed of one method in a folder of its own; return the rows."""
    request = again.request
    names = {name: again.catalog.models[name].name for name in request.methods}
    timed = replace(
        request,
        methods=tuple(name for name in names if names[name] == method),
        weights={name: choice for name, choice in request.weights.items() if name == method},
        only=frozenset(),
        out=request.out / f"speed-{attempt}",
    )
    run(timed, again.catalog, Silent())
    return read_rows(timed.out / "results.jsonl")


def untimed(then: Row, now: Row) -> str:
    """Return why the timings of two rows are not compared; empty if they are."""
    if not now or now.get("latency_ms") is None:
        return "it could not be measured now"
    if then["device"] != now["device"]:
        return "timed on another device"
    return "timed beside other work" if "shared" in now or "shared" in then else ""


def _counts(then: Row, now: Row) -> list[CostCheck]:
    counts = {name: (then.get(name), now.get(name)) for name in COUNTED}
    return [
        _check(then, COUNTED[name], str(stated), str(counted) if now else "not measured", agrees=stated == counted)
        for name, (stated, counted) in counts.items()
    ]


def _latency(then: Row, now: Row) -> CostCheck | None:
    """Compare the latency stated with the interval of the present one; None if one of them spreads widely."""
    if untimed(then, now) or max(_spread(then), _spread(now)) > UNSTEADY:
        return None
    stated, least, most = then["latency_ms"], now["latency_p10_ms"] / NOISE, now["latency_p90_ms"] * NOISE
    is_inside = then["latency_p10_ms"] <= stated <= then["latency_p90_ms"]
    return replace(
        _check(then, "latency ms", _timing(then), _timing(now), agrees=is_inside and least <= stated <= most),
        is_slower=is_inside and stated > most,
    )


def _spread(row: Row) -> float:
    low, high = row.get("latency_p10_ms"), row.get("latency_p90_ms")
    return float(high / low) if low and high else math.inf


def _timing(row: Row) -> str:
    return f"{row['latency_ms']:.3g} ({row['latency_p10_ms']:.3g} to {row['latency_p90_ms']:.3g})"


def _throughput(then: Row, now: Row) -> CostCheck:
    """Compare images and pixels per second by their ratio to the latency, which is the same at any speed."""
    agrees = all(
        math.isclose(_per_pass(then, name), _per_pass(now, name), rel_tol=1 - 1 / NOISE)
        for name in ("images_per_s", "mpix_per_s")
    )
    return _check(then, "img/s", _rates(then), _rates(now), agrees=agrees)


def _per_pass(row: Row, name: str) -> float:
    return float(row.get(name) or 0) * float(row["latency_ms"])


def _rates(row: Row) -> str:
    return f"{row.get('images_per_s') or 0:.3g} ({row.get('mpix_per_s') or 0:.3g} MPix/s)"


def _check(row: Row, quantity: str, then: str, now: str, *, agrees: bool) -> CostCheck:
    return CostCheck(row["method"], row["scale"], quantity, then, now, agrees)
