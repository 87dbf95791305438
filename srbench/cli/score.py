"""``srbench score``: score images that another tool made."""

from __future__ import annotations

import csv
import io
import json
import math
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from srbench.cli.options import device_option, metrics_option, protocol_option
from srbench.cli.parameters import Scale
from srbench.cli.plugins import load_catalog, plugin_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from srbench.catalog.catalog import Catalog
    from srbench.runs.request import Request
    from srbench.scoring.folders import FolderScores
    from srbench.scoring.scorer import Score
    from srbench.system.terminal import Terminal


DEFAULT = ParameterSource.DEFAULT


@click.command("score")
@click.argument("sr_dir", type=click.Path(path_type=Path))
@click.argument("hr", metavar="HR_DIR|DATASET")
@click.option(
    "--scale",
    type=Scale(1),
    required=True,
    help="Scale factor; as many pixels are cut from each side (none at 1).",
)
@protocol_option
@metrics_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="Output format.",
)
@click.option("--sr-suffix", default="", metavar="TEXT", help="Removed from the end of SR names before pairing (_x4).")
@click.option("--hr-suffix", default="", metavar="TEXT", help="Removed from the end of HR names before pairing.")
@click.option(
    "--crop",
    type=click.Choice(["multiple", "common"]),
    default="multiple",
    show_default=True,
    help="multiple: HR is cropped to multiples of the scale; common: where sizes differ by less than the scale, both "
    "are cropped to what they have in common, from the top left.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also make a run folder: SR as a row beside bicubic, with intervals, CSV and report.html.",
)
@device_option
@plugin_option
@click.pass_context
def score_command(
    ctx: click.Context,
    *,
    sr_dir: Path,
    hr: str,
    scale: int,
    protocols: tuple[str, ...],
    metrics: tuple[str, ...],
    style: str,
    sr_suffix: str,
    hr_suffix: str,
    crop: str,
    out: Path | None,
    device: str,
    plugins: tuple[str, ...],
) -> None:
    """Score images that another tool made against HR images, paired by file name.

    HR is a folder or a dataset by name; two files are scored too. Names may have a common beginning or ending (baby_x4,
    SwinIR_baby, baby_HR), another case or extension; the rule that pairs them is said.

    CSV columns are image, protocol and one per metric, in full precision; an image that could not be scored has a row
    without values. Exit code 1 if an image has no partner, a
    pair could not be scored, or a metric that was asked for has no value.

    \b
    Examples:
      srbench score results/ Set5/HR/ --scale 4
      srbench score results/ set5 --scale 4
      srbench score results/ set5 --scale 4 --out runs/results
      srbench score out/ HR/ --scale 4 --sr-suffix _RCAN_x4 --protocol y,rgb --format csv
    """
    from srbench.protocols import get_protocol
    from srbench.scoring.folders import score_folders
    from srbench.scoring.hr_files import find_hr
    from srbench.scoring.pairing import list_names, pair_files, passed_over
    from srbench.system.devices import find_device
    from srbench.system.terminal import Terminal

    catalog = load_catalog(plugins)
    specs = list({catalog.metrics[name].name: catalog.metrics[name] for name in metrics}.values())
    chosen = list({get_protocol(name).name: get_protocol(name) for name in protocols}.values())
    ui = Terminal()
    request = _request(sr_dir, hr, scale, out, ctx) if out else None
    if sr_dir.exists() and Path(hr).exists() and sr_dir.samefile(hr):
        kind = "folder" if sr_dir.is_dir() else "file"
        ui.warn(f"SR_DIR and HR are the same {kind}, {sr_dir}: each image is compared with itself")
    sr_files, references = list_names(sr_dir, sr_suffix), find_hr(catalog, hr, scale, ui, hr_suffix)
    for folder in (sr_dir, Path(hr)):
        for text in passed_over(folder):
            ui.warn(text)
    if sr_dir.is_file() and Path(hr).is_file():  # two files are a pair, whatever their names
        references = references._replace(files=dict(zip(sr_files, references.files.values(), strict=True)))
    pairing = pair_files(sr_files, references.files, scale, references.aliases)
    for note in pairing.notes:
        ui.note(note)
    for warning in pairing.warnings:
        ui.warn(warning)
    with ui.track("scoring", len(pairing.pairs)) as advance:
        result = score_folders(
            pairing.pairs, scale, chosen, specs, find_device(device), advance, crop_common=crop == "common"
        )
    _warn(result, ui)
    names = [spec.name for spec in specs]
    texts: dict[str, Callable[[FolderScores, list[str]], str]]
    alone = {name: file for name, file in references.files.items() if file in pairing.hr_alone}
    absent = result.faults | {name: f"{file} has no SR partner" for name, file in alone.items()}
    empty = {(image, protocol.name): reason for image, reason in absent.items() for protocol in chosen}
    texts = {"csv": partial(_csv, empty=empty), "json": partial(_json, empty=empty)}
    texts["table"] = partial(_table, total=pairing.images)
    click.echo(texts[style](result, names), nl=False)
    lacks = _lacks_a_metric(result, names, are_chosen=ctx.get_parameter_source("metrics") is not DEFAULT)
    if request is not None:
        _make_run(request, catalog, ui, show=style == "table")
    if not result.scores:
        click.echo("nothing could be scored", err=True)
    if result.faults or pairing.warnings or lacks:
        raise click.exceptions.Exit(1)


def _warn(result: FolderScores, ui: Terminal) -> None:
    """Say what could not be scored and why, and what is odd about what was."""
    from srbench.errors import several

    for name, reason in result.missing.items():
        ui.warn(f"no {name}: {reason}")
    for remark, images in result.remarks.items():
        ui.warn(f"{several(images)}: {remark}")
    for (image, protocol), scores in result.scores.items():
        for name, score in scores.items():
            if score.reason:
                ui.warn(f"{image} ({protocol}): {name}: {score.reason}")
    for fault in result.faults.values():
        ui.warn(fault)


def _request(sr_dir: Path, hr: str, scale: int, out: Path, ctx: click.Context) -> Request:
    """Return the request of a run in which SR is a row beside the baseline.

    Raises:
        UsageError: an option has no meaning in a run.
    """
    from srbench import defaults
    from srbench.catalog.output_folders import OUTPUT_FOLDERS
    from srbench.errors import UsageError
    from srbench.runs.request import Request

    given = ctx.params
    options = {"--crop common": given["crop"] == "common", "--scale 1": scale == 1}
    options |= {"--sr-suffix": bool(given["sr_suffix"]), "--hr-suffix": bool(given["hr_suffix"])}
    if out.suffix in {".csv", ".json", ".md", ".txt", ".html"}:
        raise UsageError(f"--out {out}: is the folder of a run; --format csv > {out.stem}.csv writes a file")
    if wrong := [option for option, is_set in options.items() if is_set]:
        raise UsageError(f"--out makes a run, which has no {wrong[0]}; score without --out, or rename the files")
    return Request(
        methods=(f"{OUTPUT_FOLDERS.name}:{sr_dir}", defaults.BASELINE),
        datasets=(hr,),
        scales=(scale,),
        protocols=given["protocols"],
        metrics=given["metrics"],
        out=out,
        speed=False,
        save_images=True,
        device=given["device"],
        plugins=tuple(str(Path(plugin).resolve()) for plugin in given["plugins"]),
        command=shlex.join(["srbench", *sys.argv[1:]]),
    )


def _make_run(request: Request, catalog: Catalog, ui: Terminal, *, show: bool) -> None:
    """Make the run's folder and its report; show its board, unless standard output is for programs.

    Raises:
        click.exceptions.Exit: a row failed; exit code 1.
    """
    from srbench.cli.run import finish
    from srbench.report.page import write_report
    from srbench.runs.harness import score

    scored = score(request, catalog, ui)
    if show:
        finish(scored, request.out, report=True)
        return
    written = write_report((request.out,), request.out / "report.html", ui)
    for remark in [*written.faults, *written.remarks]:
        ui.warn(remark)
    ui.note(f"saved in {request.out}: leaderboard.csv, leaderboard.md, results.jsonl, run.json, report.html")
    if scored.outcome.failed or scored.outcome.missing or written.faults:
        raise click.exceptions.Exit(1)


def _lacks_a_metric(result: FolderScores, metrics: list[str], *, are_chosen: bool) -> bool:
    """Return whether a metric that was asked for has no value at all; of the default ones, whether all lack."""
    empty = [
        all(name not in scores or scores[name].value is None for scores in result.scores.values()) for name in metrics
    ]
    return any(empty) if are_chosen else all(empty)


def _cell(score: Score | None) -> float | str | None:
    """Return a value for CSV and JSON: None if undefined, the text ``inf`` if infinite."""
    if score is None or score.value is None:
        return None
    return score.value if math.isfinite(score.value) else str(score.value)


def _csv(result: FolderScores, metrics: list[str], empty: Mapping[tuple[str, str], str]) -> str:
    """Return a row per image and protocol, without values for images that were not scored (``empty``)."""
    from srbench.results.formats import spreadsheet_text

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["image", "protocol", *metrics])
    for (image, protocol), scores in result.scores.items():
        writer.writerow([spreadsheet_text(image), protocol, *(_cell(scores.get(name)) for name in metrics)])
    for image, protocol in empty:
        writer.writerow([spreadsheet_text(image), protocol, *("" for _ in metrics)])
    return buffer.getvalue()


def _json(result: FolderScores, metrics: list[str], empty: Mapping[tuple[str, str], str]) -> str:
    """Return an object per image and protocol, with reasons alone for images that were not scored (``empty``)."""
    rows: list[dict[str, Any]] = []
    for (image, protocol), scores in result.scores.items():
        row = {"image": image, "protocol": protocol} | {name: _cell(scores.get(name)) for name in metrics}
        reasons = {name: score.reason for name, score in scores.items() if score.reason} | result.missing
        rows.append(row | {"reasons": reasons})
    for (image, protocol), reason in empty.items():
        row = {"image": image, "protocol": protocol} | dict.fromkeys(metrics)
        rows.append(row | {"reasons": dict.fromkeys(metrics, reason)})
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _table(result: FolderScores, metrics: list[str], total: int) -> str:
    """Return a row per image and, by protocol, the means; each says over how many of ``total`` images it is."""
    from srbench.errors import printable

    rows = [["image", "protocol", *metrics]]
    for (image, protocol), scores in result.scores.items():
        rows.append([printable(image), protocol, *(_number(_cell(scores.get(name))) for name in metrics)])
    for protocol in dict.fromkeys(protocol for _, protocol in result.scores):
        means, counts = zip(*(result.mean(metric, protocol) for metric in metrics), strict=True)
        shown = [count for count in counts if count]  # a column without values claims nothing
        same = set(shown) <= {total}
        rows.append([f"mean of {total}" if same else "mean", protocol, *map(_number, means)])
        if not same:
            rows.append(["images", protocol, *(f"{count} of {total}" for count in counts)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    aligned = (
        "  ".join(
            text.ljust(width) if i < 2 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in aligned) + "\n"


def _number(value: float | str | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) and math.isfinite(value) else str(value)
