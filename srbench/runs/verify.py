"""Check whether a run's results can be reproduced: outputs are made again, costs measured, the board compared."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from srbench.errors import SRBenchError, counted
from srbench.execution.jobs import Session
from srbench.execution.worker import Worker
from srbench.images.degradations import BICUBIC, get_degradation
from srbench.protocols import get_protocol
from srbench.results.pictures import CHANGED, KINDS, SavedPictures, made_from
from srbench.results.rows import decode_value, read_rows
from srbench.results.run_file import bounds_of, folder_of, read_run_file
from srbench.runs.consent import refuse, works_of
from srbench.runs.options import default_of
from srbench.runs.parts import Output
from srbench.runs.prepare import named_datasets
from srbench.runs.rerun import requests_of
from srbench.runs.runner import run as run_request
from srbench.runs.verify_board import check_board
from srbench.runs.verify_costs import check_costs, costs_of
from srbench.scoring.folders import score_folders
from srbench.scoring.outputs import criteria
from srbench.scoring.pairing import FilePair
from srbench.system.leftovers import scratch
from srbench.system.terminal import Silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from srbench.results.rows import Row
    from srbench.runs.consent import Agree
    from srbench.runs.rerun import Again
    from srbench.runs.verify_costs import CostCheck
    from srbench.system.terminal import UI

    Now = dict[tuple[Output, tuple[str, str]], "Value"]
    """Current values, by output and by metric and protocol."""


class Value(NamedTuple):
    """A current value and its device; NaN with a reason if there is none."""

    value: float
    device: str
    reason: str = ""
    made_by: tuple[str, str] = ("", "")
    """Fingerprints of the code and the weights; empty for a saved picture."""


@dataclass(frozen=True)
class Check:
    """A value of the run beside the current value."""

    output: Output
    metric: str
    protocol: str
    """Empty if the metric uses none."""
    then: float
    now: float
    agrees: bool
    reason: str


@dataclass
class Verified:
    """The result of a verification."""

    checks: list[Check] = field(default_factory=list)
    rescored: int = 0
    """Outputs whose saved images were scored again."""
    repeated: int = 0
    """Outputs that were made again."""
    costs: list[CostCheck] = field(default_factory=list)
    """Parameters, MACs and timings."""
    board: list[str] = field(default_factory=list)
    """Rows of ``leaderboard.csv`` that are not those of the results, by name."""
    unseen: list[str] = field(default_factory=list)
    """What was not looked at."""
    remarks: tuple[str, ...] = ()
    """What has changed since the run, one line each."""

    @property
    def differing(self) -> list[Check]:
        """The values that differ or could not be reproduced."""
        return [check for check in self.checks if not check.agrees]

    @property
    def holds(self) -> bool:
        """Whether all that was looked at agrees."""
        return not self.differing and not self.board and not any(cost.fails for cost in self.costs)


def verify(
    run_dir: Path,
    sample: int,
    ui: UI,
    device: str = "",
    *,
    plugins: Sequence[str | Path] = (),
    agree: Agree = refuse,
    trust_pictures: bool = False,
) -> Verified:
    """Compare a run's values, costs and board with present ones.

    Outputs are made again, the methods in reverse order, so that what one leaves behind for the next is seen. On the
    run's processor and versions values must be equal. Elsewhere rounding to 8 bits may flip a few pixels, and on a GPU
    results depend on the batch size: one unit in the last printed digit of a metric is allowed.

    Args:
        run_dir: the run's folder.
        sample: number of outputs (a method's SR of an image) to check, drawn at random; 0 for all.
        ui: shows progress.
        device: the device; empty for the run's own.
        plugins: plugin files that the user names; each replaces the run's file of the same name.
        agree: asks the user about the downloads that the run needs.
        trust_pictures: score the saved pictures where there are some, without making outputs or measuring costs again.

    Raises:
        SRBenchError: there is no run, it holds no values, or it records no request.
        UsageError: no part of it can be run here, the user must name a plugin file, or does not agree.
    """
    run, run_dir = read_run_file(run_dir), folder_of(run_dir)
    rows = list(read_rows(run_dir / "results.jsonl", bounds_of(run)))
    stored = _stored(run, rows)
    if not stored:
        raise SRBenchError(f"{run_dir} holds no values to verify")
    chosen = random.SystemRandom().sample(sorted(stored), min(sample or len(stored), len(stored)))
    pending = {output: stored[output] for output in chosen}
    pictures, faults = _saved_pictures(run_dir, rows, pending)
    result = Verified()
    result.board, unread = check_board(run_dir, run)
    then = costs_of(rows)
    result.unseen += _unseen(run_dir, rows, unread, trust_pictures=trust_pictures)
    if len(chosen) < len(stored):
        result.unseen.append(f"{len(stored) - len(chosen)} of {counted(len(stored), 'output')} (--sample 0 takes all)")
    with scratch("srbench-verify-") as folder:
        requests = [_without_training(again, stored) for again in requests_of(run_dir, Path(folder), plugins)]
        remarks = [remark for again in requests for remark in again.remarks]
        remarks += _remarks_on_pictures(faults)
        is_timed = any(row.get("latency_ms") is not None for row in then.values())
        untold = is_timed and not any(again.request.speed for again in requests)  # latencies that no command measured
        agree([work for again in requests for work in works_of(again.request, again.catalog)])
        with ui.track("verifying", len(requests)) as advance:
            for number, again in enumerate(requests):
                out = Path(folder) / str(number)
                seconds = min(again.request.speed_seconds, default_of("speed_seconds"))
                request = replace(again.request, out=out, device=device or again.request.device, speed_seconds=seconds)
                request = replace(request, speed=request.speed or untold)
                again = replace(again, request=request)  # noqa: PLW2901  (the same, in its own folder)
                outputs = [output for output in pending if pending[output] and _asks_for(again, output)]
                saved = {output: pictures[output] for output in outputs if output in pictures and trust_pictures}
                unsaved = [output for output in outputs if output not in saved]
                now = _rescore(run_dir, again, saved) if saved else {}
                now |= _repeat(again, unsaved, timed=not trust_pictures) if unsaved else {}
                result.rescored, result.repeated = result.rescored + len(saved), result.repeated + len(unsaved)
                for (output, names), value in now.items():
                    if row := pending[output].pop(names, None):
                        result.checks.append(_check(output, row, value, run, exact=again.same_versions))
                        if value.device not in ("", row["device"]):
                            remarks.append(f"the device changed: {row['device']} then, {value.device} now")
                        if any(value.made_by) and value.made_by != _code(row):
                            remarks.append(f"{output.part}: {_other_code(row, value)}")
                if unsaved and not trust_pictures:
                    costs, unmeasured = check_costs(again, {output.method for output in unsaved}, then, run_request)
                    result.costs, result.unseen = result.costs + costs, result.unseen + unmeasured
                advance("")
    result.unseen = list(dict.fromkeys(result.unseen))
    result.remarks = tuple(dict.fromkeys(remarks))
    unavailable = Value(math.nan, "", "no longer available")
    for output, values in pending.items():
        result.checks += [_check(output, row, unavailable, run, exact=True) for row in values.values()]
    return result


def _remarks_on_pictures(faults: Mapping[str, int]) -> list[str]:
    """Return a remark per fault of saved pictures, with the number of outputs that have it."""
    return [
        f"the saved pictures of {counted(count, 'output')} {fault}{'' if fault == CHANGED else ': made again'}"
        for fault, count in faults.items()
    ]


def _stored(run: Row, rows: Sequence[Row]) -> dict[Output, dict[tuple[str, str], Row]]:
    """Return the board's rows: the last row of each value, for images still in the datasets of ``run.json``."""
    stored: dict[Output, dict[tuple[str, str], Row]] = defaultdict(dict)
    metrics = {described["identity"] for described in run["metrics"].values()}
    for row in rows:
        if row["kind"] == "score" and not row.get("missing") and _names(row)[0] in run["metrics"]:
            images = run["datasets"].get(f"{row['dataset']} x{row['scale']}", {}).get("images", {})
            is_shown = row["metric"] in metrics and row["protocol"] in ("", *run["protocols"])
            if is_shown and images.get(row["image"]) == row["image_sha256"]:
                stored[_output(row)][_names(row)] = row
    return dict(stored)


def _unseen(run_dir: Path, rows: Sequence[Row], unread: str, *, trust_pictures: bool) -> list[str]:
    """Return what no verification looks at, as far as the run has it; ``unread`` is why the board is not looked at."""
    texts = [unread] if unread else []
    if any(row["kind"] == "job" and row["status"] in ("failed", "unsupported") for row in rows):
        texts.append("methods that failed or are unsupported")
    if any(row["kind"] == "picture" for row in rows):
        texts.append("how saved pictures were made" if trust_pictures else "saved pictures")
    costs = [row for row in rows if row["kind"] == "speed"]
    if costs and trust_pictures:
        texts.append("parameters, MACs and speed")
    if any(row.get("peak_mem_mib") is not None for row in costs):
        texts.append("memory")
    if any(row["weights"] for row in rows):
        texts.append("how weights were trained")
    unread_files = [name for name in ("leaderboard.md", "report.html") if (run_dir / name).is_file()]
    return texts + unread_files


def _other_code(row: Row, value: Value) -> str:
    stated, present = (f"code {plugin}, weights {weights or 'none'}" for plugin, weights in (_code(row), value.made_by))
    return f"its rows name {stated}; here are {present}"


def _code(row: Row) -> tuple[str, str]:
    return row["plugin"], row["weights"]


def _without_training(again: Again, stored: Mapping[Output, Mapping[tuple[str, str], Row]]) -> Again:
    """Return a request of the metrics that have values, which trains nothing."""
    valued = {metric for values in stored.values() for metric, _ in values}
    metrics = tuple(name for name in again.request.metrics if again.catalog.metrics[name].name in valued)
    return replace(again, request=replace(again.request, metrics=metrics, train_on=()))


def _output(row: Row) -> Output:
    return Output(*(row[name] for name in Output._fields))


def _names(row: Row) -> tuple[str, str]:
    """Return the names of the metric and the protocol, without versions."""
    return row["metric"].split("/")[0], row["protocol"].split("/")[0]


def _saved_pictures(
    run_dir: Path, rows: Sequence[Row], stored: Mapping[Output, Mapping[tuple[str, str], Row]]
) -> tuple[dict[Output, Row], Counter[str]]:
    """Return the picture row of each output whose files exist and match its values' code, weights and HR.

    Second, the number of outputs whose files are not as they were saved, by what is wrong with them. Those that only
    changed are scored again as they are: that they no longer have their values is what verifying finds.
    """
    saved = SavedPictures(run_dir).add(rows)
    known = {_output(row): row for row in saved.rows.values()}
    pictures: dict[Output, Row] = {}
    faults: Counter[str] = Counter()
    for output, values in stored.items():
        picture = known.get(output)
        if picture and all(made_from(row) == made_from(picture) for row in values.values()):
            wrong = {fault for kind in KINDS if (fault := saved.fault(picture[kind], read=True))}
            faults.update(wrong)
            if wrong <= {CHANGED}:
                pictures[output] = picture
    return pictures, faults


def _asks_for(again: Again, output: Output) -> bool:
    request = again.request
    degradation = get_degradation(request.degradation)
    suffix = "" if degradation is BICUBIC else f"+{degradation.label}"
    return (
        output.precision == request.recorded_precision
        and output.scale in request.scales
        and output.method in {again.catalog.models[name].name for name in request.methods}
        and output.dataset in {f"{dataset.name}{suffix}" for dataset in named_datasets(request, again.catalog)}
    )


def _rescore(run_dir: Path, again: Again, pictures: Mapping[Output, Row]) -> Now:
    """Score the saved files of a run."""
    request = again.request
    worker = Worker(Session(request.device, request.threads, request.plugins))
    device = worker.environment().device
    protocols = [get_protocol(name) for name in request.protocols]
    metrics = [again.catalog.metrics[name] for name in request.metrics]
    now: Now = {}
    for scale in request.scales:
        outputs = {str(i): output for i, output in enumerate(pictures) if output.scale == scale}
        files = [
            FilePair(i, run_dir / pictures[output]["sr"], run_dir / pictures[output]["hr"])
            for i, output in outputs.items()
        ]
        scored = score_folders(files, scale, protocols, metrics, worker.device)
        for i, output in outputs.items():
            for criterion in criteria(metrics, protocols):
                score = scored.scores.get((i, criterion.protocol.name), {}).get(criterion.metric.name)
                value = math.nan if score is None or score.value is None else score.value
                reason = score.reason if score else scored.faults.get(i, "")
                now[output, criterion.names] = Value(value, device, reason)
    return now


def _repeat(again: Again, outputs: Sequence[Output], *, timed: bool) -> Now:
    """Make and score these outputs only, the methods in reverse order, and measure or count their costs."""
    repeated = {output.method for output in outputs}
    methods = tuple(name for name in reversed(again.request.methods) if again.catalog.models[name].name in repeated)
    request = replace(
        again.request,
        methods=methods,
        weights={name: choice for name, choice in again.request.weights.items() if name in repeated},
        only=frozenset(outputs),
        speed=again.request.speed and timed,
        save_images=False,
    )
    failed = run_request(request, again.catalog, Silent()).failed
    now: Now = {}
    for row in read_rows(request.out / "results.jsonl"):
        if row["kind"] == "score":
            value = decode_value(row["value"])
            now[_output(row), _names(row)] = Value(value, row["device"], row["reason"], _code(row))
    metrics = [again.catalog.metrics[name] for name in request.metrics]
    names = [criterion.names for criterion in criteria(metrics, [get_protocol(name) for name in request.protocols])]
    for output in outputs:
        if failure := failed.get(output.part):
            for metric_and_protocol in names:
                now.setdefault((output, metric_and_protocol), Value(math.nan, "", failure.reason))
    return now


def _check(output: Output, row: Row, value: Value, run: Row, *, exact: bool) -> Check:
    metric, protocol = _names(row)
    then = decode_value(row["value"])
    # GPU results depend on the batch size, and these batches are not the run's
    exact = exact and row["device"] == value.device and not value.device.startswith("cuda")
    allowed = 0.0 if exact else max(10.0 ** -run["metrics"][metric]["decimals"], 1e-6 * abs(then))
    both_undefined = math.isnan(then) and math.isnan(value.value) and value.reason == row.get("reason", "")
    agrees = both_undefined or then == value.value or abs(then - value.value) <= allowed
    return Check(output, metric, protocol, then, value.value, agrees, value.reason)
