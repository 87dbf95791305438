"""``srbench score``: score images that another tool made."""

from __future__ import annotations

import csv
import io
import json
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from srbench.cli.options import device_option, metrics_option, protocol_option, report_faults
from srbench.cli.parameters import SCALE
from srbench.cli.plugins import load_catalog, plugin_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from srbench.scoring.folders import FolderScores
    from srbench.scoring.scorer import Score


DEFAULT = ParameterSource.DEFAULT


@click.command("score")
@click.argument("sr_dir", type=click.Path(path_type=Path))
@click.argument("hr_dir", type=click.Path(path_type=Path))
@click.option("--scale", type=SCALE, required=True, help="Scale factor; as many pixels are cut from each side.")
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
@device_option
@plugin_option
@click.pass_context
def score_command(
    ctx: click.Context,
    *,
    sr_dir: Path,
    hr_dir: Path,
    scale: int,
    protocols: tuple[str, ...],
    metrics: tuple[str, ...],
    style: str,
    sr_suffix: str,
    hr_suffix: str,
    device: str,
    plugins: tuple[str, ...],
) -> None:
    """Score images that another tool made against HR images, paired by file name.

    CSV columns are image, protocol and one per metric, in full precision. Exit code 1 if an image has no partner, a
    pair could not be scored, or a metric that was asked for has no value.

    \b
    Examples:
      srbench score results/ Set5/HR/ --scale 4
      srbench score out/ HR/ --scale 4 --sr-suffix _RCAN_x4 --protocol y,rgb --format csv
    """
    from srbench.errors import several
    from srbench.protocols import get_protocol
    from srbench.scoring.folders import pair_files, score_folders
    from srbench.system.devices import find_device
    from srbench.system.terminal import Terminal

    catalog = load_catalog(plugins)
    specs = [catalog.metrics[name] for name in metrics]
    chosen = [get_protocol(name) for name in protocols]
    ui = Terminal()
    if sr_dir.is_dir() and hr_dir.is_dir() and sr_dir.samefile(hr_dir):
        ui.warn(f"SR_DIR and HR_DIR are the same folder, {sr_dir}: each image is compared with itself")
    pairing = pair_files(sr_dir, hr_dir, sr_suffix, hr_suffix)
    for warning in pairing.warnings:
        ui.warn(warning)
    with ui.track("scoring", len(pairing.pairs)) as advance:
        result = score_folders(pairing.pairs, scale, chosen, specs, find_device(device), advance)
    for name, reason in result.missing.items():
        ui.warn(f"no {name}: {reason}")
    for remark, images in result.remarks.items():
        ui.warn(f"{several(images)}: {remark}")
    for (image, protocol), scores in result.scores.items():
        for name, score in scores.items():
            if score.reason:
                ui.warn(f"{image} ({protocol}): {name}: {score.reason}")
    names = [spec.name for spec in specs]
    texts: dict[str, Callable[[FolderScores, list[str]], str]]
    texts = {"csv": _csv, "json": _json, "table": partial(_table, total=pairing.images)}
    click.echo(texts[style](result, names), nl=False)
    report_faults(list(result.faults.values()), ui)
    if pairing.warnings or _lacks_a_metric(result, names, asked=ctx.get_parameter_source("metrics") is not DEFAULT):
        raise click.exceptions.Exit(1)


def _lacks_a_metric(result: FolderScores, metrics: list[str], *, asked: bool) -> bool:
    """Return whether a metric that was asked for has no value at all; of the default ones, whether all lack."""
    empty = [
        all(name not in scores or scores[name].value is None for scores in result.scores.values()) for name in metrics
    ]
    return any(empty) if asked else all(empty)


def _cell(score: Score | None) -> float | str | None:
    """Return a value for CSV and JSON: None if undefined, the text ``inf`` if infinite."""
    if score is None or score.value is None:
        return None
    return score.value if math.isfinite(score.value) else str(score.value)


def _csv(result: FolderScores, metrics: list[str]) -> str:
    from srbench.results.formats import spreadsheet_text

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["image", "protocol", *metrics])
    for (image, protocol), scores in result.scores.items():
        writer.writerow([spreadsheet_text(image), protocol, *(_cell(scores.get(name)) for name in metrics)])
    return buffer.getvalue()


def _json(result: FolderScores, metrics: list[str]) -> str:
    rows = []
    for (image, protocol), scores in result.scores.items():
        row = {"image": image, "protocol": protocol} | {name: _cell(scores.get(name)) for name in metrics}
        reasons = {name: score.reason for name, score in scores.items() if score.reason} | result.missing
        rows.append(row | {"reasons": reasons})
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
