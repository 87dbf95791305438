"""Are a run's values still what they were? Its saved images are scored again; what it saved none of is made again."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from srbench.errors import SRBenchError
from srbench.execution.jobs import Session
from srbench.execution.worker import Worker
from srbench.images.degradations import BICUBIC, get_degradation
from srbench.protocols import get_protocol
from srbench.results.pictures import is_there, last_pictures, made_from
from srbench.results.rows import decode_value, read_rows
from srbench.results.run_file import read_run_file
from srbench.runs.prepare import named_datasets
from srbench.runs.request import Output
from srbench.runs.rerun import requests_of
from srbench.runs.runner import run as run_request
from srbench.scoring.folders import score_folders
from srbench.store.hashes import digest
from srbench.system.terminal import Silent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from srbench.results.rows import Row
    from srbench.runs.rerun import Again
    from srbench.system.terminal import UI


class Made(NamedTuple):
    """A method's output for an image, in a precision."""

    output: Output
    precision: str


class Cell(NamedTuple):
    """A metric and a protocol by name; no protocol where the metric uses none."""

    metric: str
    protocol: str


class Found(NamedTuple):
    """A value as it is now, on which device; NaN with the reason where there is none."""

    value: float
    device: str
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """A value of the run beside the value now."""

    output: Output
    cell: Cell
    then: float
    now: float
    agrees: bool
    reason: str


@dataclass
class Verified:
    """What was looked at, and in a line each what has changed since, whether or not a value differs for it."""

    checks: list[Check] = field(default_factory=list)
    rescored: int = 0
    """Outputs whose saved images were scored again."""
    repeated: int = 0
    """Outputs that were made again."""
    remarks: tuple[str, ...] = ()

    @property
    def differing(self) -> list[Check]:
        """What does not agree, or could not be had again."""
        return [check for check in self.checks if not check.agrees]


def verify(place: Path, sample: int, ui: UI, device: str = "") -> Verified:
    """Hold a run's values against what they are now.

    On the processor and with the versions of the run they must be equal. Elsewhere rounding to 8 bits may flip a few
    pixels, and on a GPU kernels differ by how many images go together: one unit in the last digit that boards print of
    a metric is allowed.

    Args:
        place: the run's folder.
        sample: how many outputs (a method's of an image) are looked at, drawn by their hash; 0 for all.
        ui: shows progress.
        device: where, if not on the one that was asked for.

    Raises:
        SRBenchError: there is no run, it holds no values, or does not say what was asked.
        UsageError: nothing of it can be run here.
    """
    run = read_run_file(place)
    rows = list(read_rows(place / "results.jsonl"))
    left = _stored(run, rows)
    if not left:
        raise SRBenchError(f"{place} holds no value that could be verified")
    chosen = sorted(left, key=digest)[: sample or None]
    left = {made: left[made] for made in chosen}
    saved = _saved(place, rows, left)
    result = Verified()
    with TemporaryDirectory(prefix="srbench-verify-") as scratch:
        asked = requests_of(place, Path(scratch))
        remarks = [remark for again in asked for remark in again.remarks]
        with ui.track("verifying", len(asked)) as advance:
            for number, again in enumerate(asked):
                request = replace(again.request, out=Path(scratch) / str(number), device=device or again.request.device)
                mine = [made for made in left if left[made] and _asks_for(again, made)]
                kept = {made: saved[made] for made in mine if made in saved}
                lost = [made for made in mine if made not in saved]
                found = _rescore(place, replace(again, request=request), kept) if kept else {}
                found |= _repeat(replace(again, request=request), lost) if lost else {}
                result.rescored, result.repeated = result.rescored + len(kept), result.repeated + len(lost)
                for (made, cell), value in found.items():
                    if row := left[made].pop(cell, None):
                        result.checks.append(_check(made, cell, row, value, run, exact=again.same_versions))
                        if value.device not in ("", row["device"]):
                            remarks.append(f"the device changed: {row['device']} then, {value.device} now")
                advance("")
    result.remarks = tuple(dict.fromkeys(remarks))
    for made, cells in left.items():
        for cell, row in cells.items():
            nothing = Found(math.nan, "", "it cannot be had any more")
            result.checks.append(_check(made, cell, row, nothing, run, exact=True))
    return result


def _stored(run: Row, rows: list[Row]) -> dict[Made, dict[Cell, Row]]:
    """Return the rows that the board is made of: of each value the last one, of images that are still asked for."""
    stored: dict[Made, dict[Cell, Row]] = defaultdict(dict)
    for row in rows:
        if row["kind"] == "score" and not row.get("missing"):
            images = run["datasets"].get(f"{row['dataset']} x{row['scale']}", {}).get("images", {})
            if images.get(row["image"]) == row["image_sha256"]:
                stored[_made(row)][_cell(row)] = row
    return dict(stored)


def _made(row: Row) -> Made:
    return Made(Output(row["method"], row["dataset"], row["scale"], row["image"]), row["precision"])


def _cell(row: Row) -> Cell:
    return Cell(row["metric"].split("/")[0], row["protocol"].split("/")[0])


def _saved(place: Path, rows: list[Row], stored: Mapping[Made, dict[Cell, Row]]) -> dict[Made, Row]:
    """Return the row of the picture of each output whose files are there, made from what its values are of."""
    known = last_pictures(rows)
    pictures = {_made(row): row for row in known.values() if is_there(place, row, known)}
    return {
        made: pictures[made]
        for made, cells in stored.items()
        if made in pictures and all(made_from(row) == made_from(pictures[made]) for row in cells.values())
    }


def _asks_for(again: Again, made: Made) -> bool:
    how, output = again.request, made.output
    degradation = get_degradation(how.degradation)
    suffix = "" if degradation is BICUBIC else f"+{degradation.name}"
    return (
        made.precision == how.precision + (" compiled" if how.compiled else "")
        and output.scale in how.scales
        and output.method in {again.catalog.models[name].name for name in how.methods}
        and output.dataset in {f"{name}{suffix}" for _, _, name in named_datasets(how, again.catalog)}
    )


def _rescore(place: Path, again: Again, pictures: Mapping[Made, Row]) -> dict[tuple[Made, Cell], Found]:
    """Score the files that the run saved."""
    how = again.request
    worker = Worker(Session(how.device, how.threads, how.plugins))
    device = worker.environment()["device"]
    protocols = [get_protocol(name) for name in how.protocols]
    metrics = [again.catalog.metrics[name] for name in how.metrics]
    found: dict[tuple[Made, Cell], Found] = {}
    for scale in how.scales:
        of_scale = {str(i): made for i, made in enumerate(pictures) if made.output.scale == scale}
        files = [(i, place / pictures[made]["sr"], place / pictures[made]["hr"]) for i, made in of_scale.items()]
        scored = score_folders(files, scale, protocols, metrics, worker.device, lambda _: None)
        for i, made in of_scale.items():
            for protocol in protocols:
                for metric in metrics:
                    score = scored.scores.get((i, protocol.name), {}).get(metric.name)
                    value = math.nan if score is None or score.value is None else score.value
                    files_of = pictures[made]["sr"], pictures[made]["hr"]
                    fault = next((text for text in scored.faults if any(file in text for file in files_of)), "")
                    reason = (score.reason if score else "") or scored.missing.get(metric.name, fault)
                    cell = Cell(metric.name, protocol.name if metric.uses_protocol else "")
                    found[made, cell] = Found(value, device, reason)
    return found


def _repeat(again: Again, outputs: list[Made]) -> dict[tuple[Made, Cell], Found]:
    """Run what is asked for of these outputs, and nothing else."""
    only = frozenset(made.output for made in outputs)
    request = replace(again.request, only=only, speed=None, save_images=False, train_on=())
    failed = run_request(request, again.catalog, Silent()).failed
    found: dict[tuple[Made, Cell], Found] = {}
    for row in read_rows(request.out / "results.jsonl"):
        if row["kind"] == "score":
            found[_made(row), _cell(row)] = Found(decode_value(row["value"]), row["device"], row["reason"])
    for made in outputs:
        of = f"{made.output.method} on {made.output.dataset} x{made.output.scale}: "
        for reason in (text.removeprefix(of) for text in failed if text.startswith(of)):
            for metric in request.metrics:
                protocols = request.protocols if again.catalog.metrics[metric].uses_protocol else ("",)
                for protocol in protocols:
                    cell = Cell(again.catalog.metrics[metric].name, protocol)
                    found.setdefault((made, cell), Found(math.nan, "", reason))
    return found


def _check(made: Made, cell: Cell, row: Row, found: Found, run: Row, *, exact: bool) -> Check:
    then = decode_value(row["value"])
    # of a GPU the kernels differ by how many images go together, and these are not the run's groups
    exact = exact and row["device"] == found.device and not found.device.startswith("cuda")
    allowed = 0.0 if exact else max(10.0 ** -run["metrics"][cell.metric]["decimals"], 1e-6 * abs(then))
    both_undefined = math.isnan(then) and math.isnan(found.value) and found.reason == row["reason"]
    agrees = both_undefined or then == found.value or abs(then - found.value) <= allowed
    return Check(made.output, cell, then, found.value, agrees, found.reason)
