"""``srbench run``: score and time methods, save and show the leaderboard."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srbench import defaults
from srbench.cli.options import (
    compile_option,
    degradation_option,
    device_option,
    precision_option,
    run_option,
    scales_or_files,
    sort_option,
    split_choices,
    threads_option,
    tile_option,
    weights_option,
)
from srbench.cli.parameters import SCALES, Memory, Names
from srbench.cli.plugins import load_catalog, plugin_option

if TYPE_CHECKING:
    from srbench.runs.harness import Scored


@click.command("run")
@run_option("methods", "--methods", type=Names("models"), required=True)
@run_option("datasets", "--dataset", type=Names("datasets"))
@run_option("scales", "--scale", type=SCALES)
@run_option("protocols", "--protocol", type=Names())
@run_option("metrics", "--metrics", type=Names("metrics"))
@degradation_option("from HR")
@run_option("out", "--out", type=click.Path(file_okay=False, path_type=Path))
@sort_option
@click.option("--no-speed", is_flag=True, help="Do not measure speed; parameters and MACs are counted.")
@run_option("speed_size", "--speed-size")
@run_option("speed_batch", "--speed-batch")
@run_option("speed_seconds", "--speed-seconds")
@weights_option
@run_option(
    "train_on",
    "--train",
    type=Names("datasets"),
    is_flag=False,
    flag_value=",".join(defaults.TRAINING),
    metavar="[DATA]",
    help=f"Train the methods that have no weights first, on these sets [without DATA: {','.join(defaults.TRAINING)}].",
)
@run_option("train_steps", "--train-steps")
@run_option("save_images", "--save-images")
@click.option("--report", is_flag=True, help="End with a page to look at, OUT/report.html; keeps the images too.")
@run_option("limit_images", "--limit-images", metavar="N")
@run_option("images", "--images", type=Names(), multiple=False, default=(), help="Score only these images, by name.")
@run_option("force", "--force")
@device_option
@precision_option
@compile_option
@tile_option
@threads_option
@run_option("timeout_s", "--timeout", metavar="SECONDS")
@run_option("max_memory", "--max-memory", type=Memory(), help="Most memory a method's process may use, e.g. 8GiB.")
@run_option("inline", "--inline")
@run_option("executor", "--executor")
@run_option("scheduler", "--scheduler", metavar="ADDRESS")
@run_option("workers", "--workers")
@run_option("slurm", "--slurm", metavar="[METHOD:]NAME=VALUE,...")
@plugin_option
def run_command(
    *, no_speed: bool, report: bool, weights: tuple[str, ...], plugins: tuple[str, ...], **options: Any
) -> None:
    """Score and time methods on datasets; save and show the leaderboard.

    The same command on the same --out continues where it stopped. Exit code 1 when a method failed or does none of
    what is asked for; the others' rows stand. Without --scale, files of one scale are run at theirs.

    \b
    Examples:
      srbench run --methods nearest,bilinear,bicubic,lanczos
      srbench run --methods bicubic,lanczos --dataset set5,set14 --scale 2,4 --protocol y,rgb
      srbench run --methods bicubic,mine --plugin mine.py --dataset ~/photos --out runs/mine --report
      srbench run --methods bicubic,lanczos --dataset set5 --degradation blur+noise
      srbench run --methods bicubic,espcn --dataset samples --images cat,coffee
      srbench run --methods bicubic,espcn --dataset set5 --train t91 --train-steps 2000
      srbench run --methods espcn,unet --dataset set5 --executor dask --scheduler tcp://10.0.0.1:8786
      srbench run --methods espcn,unet --executor slurm --slurm partition=gpu,gpus=1 --slurm unet:mem=32GB
    """
    from srbench.runs.harness import new_folder, score
    from srbench.runs.request import Request
    from srbench.system.terminal import Terminal

    ui = Terminal()
    catalog = load_catalog(plugins)
    options["scales"] = scales_or_files(options["methods"], options["scales"], catalog)
    out = options.pop("out") or new_folder()
    command = shlex.join(["srbench", *sys.argv[1:]])
    request = Request(
        **options | {"save_images": options["save_images"] or report, "train_on": options["train_on"] or ()},
        out=out,
        speed=not no_speed,
        weights=split_choices(weights),
        plugins=tuple(str(Path(plugin).resolve()) for plugin in plugins),
        command=command,
    )
    try:
        scored = score(request, catalog, ui)
    except KeyboardInterrupt:
        ui.note(f"stopped; finished rows are saved in {out}. To resume: {_again(command, out)}")
        raise click.exceptions.Exit(130) from None
    finish(scored, out, report=report)


def _again(command: str, out: Path) -> str:
    return command if " --out" in command else f"{command} --out {shlex.quote(str(out))}"


def finish(scored: Scored, out: Path, *, report: bool) -> None:
    """Show the board, and say where it lies, where the time went and what failed (exit code 1)."""
    from srbench.cli.leaderboard import terminal
    from srbench.results.tables import time_line

    click.echo(terminal(scored.board), nl=False)
    click.echo(f"saved in {out}: leaderboard.csv, leaderboard.md, results.jsonl, run.json")
    page = out / "report.html"
    if page.exists() and not report:
        click.echo(f"{page} is older than these results; 'srbench report {out}' renews it", err=True)
    lacking: list[str] = []
    if report:
        from srbench.cli.report import write_and_say

        lacking = write_and_say((out,), page, scored.board.sort if scored.board.has(scored.board.sort) else "")
    if spent := time_line(scored.outcome.seconds):
        click.echo(f"time: {spent}")
    for method, reason in scored.outcome.unsupported.items():
        click.echo(f"{method} was not run: {reason}", err=True)
    for metric, reason in scored.outcome.missing.items():
        click.echo(f"{metric} was asked for and could not be computed: {reason}", err=True)
    if scored.outcome.failed:
        click.echo(f"{len(scored.outcome.failed)} failed; the same command with --out {out} tries them again", err=True)
    if scored.outcome.failed or scored.outcome.unsupported or scored.outcome.missing or lacking:
        raise click.exceptions.Exit(1)
