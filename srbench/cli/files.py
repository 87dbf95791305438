"""``srbench upscale``, ``score`` and ``degrade``: commands on image files."""

from __future__ import annotations

import csv
import io
import json
import math
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from srbench.cli.options import (
    degradation_option,
    device_option,
    load_catalog,
    metrics_option,
    plugin_option,
    protocol_option,
    tile_option,
)

if TYPE_CHECKING:
    from srbench.folders import FolderScores
    from srbench.scoring import Score
    from srbench.terminal import Terminal

SCALE = click.IntRange(2, 16)
PASS = 2**29
"""Bytes that a pass may hold on a CPU: with more, tiles are no faster, and large images take more than they must."""


def _report(faults: list[str], ui: Terminal) -> None:
    for fault in faults:
        ui.warn(fault)
    if faults:
        raise click.exceptions.Exit(1)


@click.command("upscale")
@click.argument("method")
@click.argument("source", type=click.Path(path_type=Path), metavar="IN")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--scale", type=SCALE, default=4, show_default=True, help="Scale factor.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--weights", default="", metavar="PATH|trained|shipped", help="Weights to use.")
@click.option(
    "--samples",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Write N different answers, OUT_1 to OUT_N, of a method that knows several.",
)
@click.option("--repeat", is_flag=True, help="Reach a scale that METHOD does not do by repeating those that it does.")
@tile_option
@device_option
@plugin_option
def upscale_command(
    *,
    method: str,
    source: Path,
    target: Path,
    scale: int,
    overwrite: bool,
    weights: str,
    samples: int | None,
    repeat: bool,
    tile: int | Literal["auto", "off"],
    device: str,
    plugins: tuple[str, ...],
) -> None:
    """Enlarge an image, or every image of a folder, with METHOD.

    Any size; alpha, 16 bits and greyscale are kept. A folder's images are written as PNG under their names. Large
    images are enlarged in tiles, which gives the same, and written as they come: PNG, PPM and PGM of any size.

    \b
    Examples:
      srbench upscale bicubic photo.jpg photo_x4.png
      srbench upscale lanczos photos/ enlarged/ --scale 2
      srbench upscale vae photo.jpg photo_x4.png --samples 3
      srbench upscale espcn photo.jpg photo_x16.png --scale 16 --repeat
    """
    from srbench.errors import UsageError
    from srbench.folders import each, outputs, passes

    spec = load_catalog(plugins).models[method]
    scales = passes(spec, scale, repeat=repeat)
    if samples and len(scales) > 1:
        raise UsageError("--samples shows what a method knows of one scale; it does not go with --repeat")
    seeds = range(1, samples + 1) if samples else range(1)
    pairs = {i: outputs(source, target, overwrite=overwrite, suffix=f"_{i}" if samples else "") for i in seeds}

    from srbench.api import Upscaler
    from srbench.folders import tiles_of, upscale_file
    from srbench.memory import return_memory
    from srbench.terminal import Terminal
    from srbench.tiles import Enlarger, Tiler

    return_memory()
    ui = Terminal()
    loaded = {s: Upscaler(spec, s, weights, device) for s in scales}
    if samples and not hasattr(loaded[scales[0]].net, "sample"):
        raise UsageError(f"{spec.name} knows one answer only; --samples is for methods that know several")
    passed = [Enlarger.of(spec, loaded[s].net, s, sample=bool(samples)) for s in scales]
    where = loaded[scales[0]].device
    tiler = Tiler(reduce(Enlarger.then, passed), where, tile, PASS if where.type == "cpu" else 0)
    if len(scales) > 1:
        steps = ", then ".join(f"x{s}" for s in scales)
        ui.note(f"{spec.name} does not do x{scale}: repeated, {steps}; each pass takes the last one's output for LR")

    faults = []
    count = sum(tiles_of(path, tiler) for path, _ in pairs[seeds[0]]) * len(seeds)
    with ui.track("upscaling", count) as advance:

        def enlarge(path: Path, to: Path, seed: int) -> None:
            upscale_file(path, to, tiler, seed, partial(advance, path.name))

        for seed, files in pairs.items():
            faults += each(files, partial(enlarge, seed=seed))
    _report(faults, ui)


@click.command("degrade")
@click.argument("source", type=click.Path(path_type=Path), metavar="IN")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--scale", type=SCALE, required=True, help="Factor to shrink by.")
@degradation_option("from HR")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is random; a run has 0.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def degrade_command(*, source: Path, target: Path, scale: int, degradation: str, seed: int, overwrite: bool) -> None:
    """Make the LR of an image, or of every image of a folder, as 'srbench run' does; PNG under the same names.

    HR is cropped to multiples of the scale; the bicubic equals the field's LR files in every pixel.

    \b
    Examples:
      srbench degrade DIV2K_valid_HR/ DIV2K_valid_LR_x4/ --scale 4
      srbench degrade photos/ crappy/ --scale 4 --degradation crappify
    """
    from srbench.degradations import get_degradation
    from srbench.folders import degrade_file, each, outputs
    from srbench.saving import write
    from srbench.terminal import Terminal

    ui = Terminal()
    pairs = outputs(source, target, overwrite=overwrite)
    with ui.track("degrading", len(pairs)) as advance:

        def shrink(path: Path, to: Path) -> None:
            try:
                write(to, degrade_file(path, scale, get_degradation(degradation), seed))
            finally:
                advance(path.name)

        faults = each(pairs, shrink)
    _report(faults, ui)


@click.command("score")
@click.argument("sr_dir", type=click.Path(path_type=Path))
@click.argument("hr_dir", type=click.Path(path_type=Path))
@click.option("--scale", type=SCALE, required=True, help="Scale factor: the border that is cut, HR's crop.")
@protocol_option()
@metrics_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="Output.",
)
@click.option("--sr-suffix", default="", metavar="TEXT", help="Taken off the end of SR names before pairing (_x4).")
@click.option("--hr-suffix", default="", metavar="TEXT", help="Taken off the end of HR names before pairing.")
@device_option
@plugin_option
def score_command(
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
    """Score images that any other tool made against HR, paired by file name.

    Exit code 1 when a pair could not be scored. CSV: image,protocol and one column per metric, full precision.

    \b
    Examples:
      srbench score results/ Set5/HR/ --scale 4
      srbench score out/ HR/ --scale 4 --sr-suffix _RCAN_x4 --protocol y,rgb --format csv
    """
    from srbench.devices import find_device
    from srbench.folders import pair_files, score_folders
    from srbench.protocols import get_protocol
    from srbench.terminal import Terminal

    catalog = load_catalog(plugins)
    specs = [catalog.metrics[name] for name in metrics]
    chosen = [get_protocol(name) for name in protocols]
    ui = Terminal()
    pairs, alone = pair_files(sr_dir, hr_dir, sr_suffix, hr_suffix)
    for text in alone:
        ui.warn(text)
    with ui.track("scoring", len(pairs)) as advance:
        result = score_folders(pairs, scale, chosen, specs, find_device(device), advance)
    for name, reason in result.missing.items():
        ui.warn(f"no {name}: {reason}")
    for (image, protocol), scores in result.scores.items():
        for name, score in scores.items():
            if score.reason:
                ui.warn(f"{image} ({protocol}): {name}: {score.reason}")
    names = [spec.name for spec in specs]
    click.echo({"csv": _csv, "json": _json, "table": _table}[style](result, names), nl=False)
    _report(result.faults, ui)


def _cell(score: Score | None) -> float | str | None:
    """Return a value as CSV and JSON hold it: undefined None, infinite ``inf``."""
    if score is None or score.value is None:
        return None
    return score.value if math.isfinite(score.value) else str(score.value)


def _csv(result: FolderScores, metrics: list[str]) -> str:
    from srbench.tables import spreadsheet_text

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


def _table(result: FolderScores, metrics: list[str]) -> str:
    from srbench.errors import printable

    rows = [["image", "protocol", *metrics]]
    for (image, protocol), scores in result.scores.items():
        rows.append([printable(image), protocol, *(_number(_cell(scores.get(name))) for name in metrics)])
    for protocol in dict.fromkeys(protocol for _, protocol in result.scores):
        of = [scores for (_, name), scores in result.scores.items() if name == protocol]
        means = []
        for metric in metrics:
            values = [s[metric].value for s in of if metric in s]
            defined = [value for value in values if value is not None]
            means.append(_number(sum(defined) / len(defined) if defined else None))
        rows.append([f"mean of {len(of)}", protocol, *means])
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
