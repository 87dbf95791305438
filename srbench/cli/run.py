"""``srbench run``: score and time methods, save and show the leaderboard."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from srbench.cli.options import (
    Memory,
    Names,
    Number,
    Scales,
    compile_option,
    degradation_option,
    device_option,
    load_catalog,
    metrics_option,
    plugin_option,
    precision_option,
    protocol_option,
    split_choices,
    threads_option,
    tile_option,
    weights_option,
)

if TYPE_CHECKING:
    from srbench.runs.harness import Scored


@click.command("run")
@click.option("--methods", type=Names("models"), required=True, help="Methods to compare; see 'srbench list methods'.")
@click.option(
    "--dataset",
    "datasets",
    type=Names("datasets"),
    default="samples",
    show_default=True,
    help="Datasets by name, or folders of images (HR, or HR/ and LR/ in it).",
)
@click.option("--scale", "scales", type=Scales(), default="4", show_default=True, help="Scale factors.")
@protocol_option()
@metrics_option
@degradation_option("from HR")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder [default: runs/<date-time>]")
@click.option("--sort", default="psnr", show_default=True, metavar="COLUMN", help="Column that ranks the leaderboard.")
@click.option("--no-speed", is_flag=True, help="Do not measure speed.")
@click.option("--speed-size", type=click.IntRange(8, 8192), default=256, show_default=True, help="LR size for speed.")
@click.option("--speed-batch", type=click.IntRange(1, 1024), default=1, show_default=True, help="Batch for speed.")
@click.option(
    "--speed-seconds",
    type=Number(0, 600, min_open=True),
    default=2.0,
    show_default=True,
    help="How long each speed is measured.",
)
@weights_option
@click.option(
    "--train",
    "training_sets",
    type=Names("datasets"),
    is_flag=False,
    flag_value="t91,bsds500-train,general100",
    metavar="[DATA]",
    help="Train the methods that have no weights first, on these sets [without DATA: t91,bsds500-train,general100].",
)
@click.option("--train-steps", type=click.IntRange(1), help="Steps of each training [default: the recipe's]")
@click.option("--save-images", is_flag=True, help="Keep the SR images as PNG in OUT/images.")
@click.option("--report", is_flag=True, help="End with a page to look at, OUT/report.html; keeps the images too.")
@click.option("--force", is_flag=True, help="Score again what is already there.")
@device_option
@precision_option
@compile_option
@tile_option
@threads_option
@click.option(
    "--timeout",
    type=Number(0),
    default=1800,
    show_default=True,
    metavar="SECONDS",
    help="Longest time for one image or one speed measurement; 0: no limit.",
)
@click.option("--max-memory", type=Memory(), default=0, help="Most memory a method's process may use, e.g. 8GiB.")
@click.option("--inline", is_flag=True, help="Run jobs in this process, for debugging: no time-out, no isolation.")
@click.option(
    "--executor",
    type=click.Choice(["local", "dask", "slurm"]),
    default="local",
    show_default=True,
    help="Where jobs run: a worker process here, a Dask cluster, or SLURM (by submitit).",
)
@click.option(
    "--scheduler", default="", metavar="ADDRESS", help="Dask's scheduler [default: a local cluster of --workers]"
)
@click.option(
    "--workers",
    type=click.IntRange(0, 4096),
    default=0,
    help="Workers of a local Dask cluster, or most SLURM jobs at once [default: 2, 64]",
)
@click.option(
    "--slurm",
    multiple=True,
    metavar="[METHOD:]NAME=VALUE,...",
    help="What SLURM jobs need: partition, gpus, cpus, time, mem, any of sbatch's; cluster=local runs them here. "
    "Repeatable.",
)
@plugin_option
def run_command(
    *,
    methods: tuple[str, ...],
    datasets: tuple[str, ...],
    scales: tuple[int, ...],
    protocols: tuple[str, ...],
    metrics: tuple[str, ...],
    degradation: str,
    out: Path | None,
    sort: str,
    no_speed: bool,
    speed_size: int,
    speed_batch: int,
    speed_seconds: float,
    weights: tuple[str, ...],
    training_sets: tuple[str, ...] | None,
    train_steps: int | None,
    save_images: bool,
    report: bool,
    force: bool,
    device: str,
    precision: str,
    compiled: bool,
    tile: int | Literal["auto", "off"],
    threads: int,
    timeout: float,
    max_memory: int,
    inline: bool,
    executor: str,
    scheduler: str,
    workers: int,
    slurm: tuple[str, ...],
    plugins: tuple[str, ...],
) -> None:
    """Score and time methods on datasets; save and show the leaderboard.

    Running the same command on the same --out goes on where it stopped. Exit code 1 when a method failed; the others'
    rows stand.

    \b
    Examples:
      srbench run --methods nearest,bilinear,bicubic,lanczos
      srbench run --methods bicubic,lanczos --dataset set5,set14 --scale 2,4 --protocol y,rgb
      srbench run --methods bicubic,mine --plugin mine.py --dataset ~/photos --out runs/mine --report
      srbench run --methods bicubic,lanczos --dataset set5 --degradation blur+noise
      srbench run --methods bicubic,espcn --dataset set5 --train t91 --train-steps 2000
      srbench run --methods espcn,unet --dataset set5 --executor dask --scheduler tcp://10.0.0.1:8786
      srbench run --methods espcn,unet --executor slurm --slurm partition=gpu,gpus=1 --slurm unet:mem=32GB
    """
    from srbench.runs.harness import new_folder, score
    from srbench.runs.request import Request
    from srbench.system.terminal import Terminal

    ui = Terminal()
    catalog = load_catalog(plugins)
    out = out or new_folder()
    command = shlex.join(["srbench", *sys.argv[1:]])
    request = Request(
        methods=methods,
        datasets=datasets,
        scales=scales,
        protocols=protocols,
        metrics=metrics,
        out=out,
        plugins=tuple(str(Path(plugin).resolve()) for plugin in plugins),
        device=device,
        threads=threads,
        precision=precision,
        compiled=compiled,
        tile=tile,
        speed=None if no_speed else {"size": speed_size, "batch": speed_batch, "seconds": speed_seconds},
        save_images=save_images or report,
        force=force,
        inline=inline,
        timeout_s=timeout,
        max_memory=max_memory,
        command=command,
        weights=split_choices(weights),
        train_on=training_sets or (),
        train_steps=train_steps,
        degradation=degradation,
        executor=executor,
        scheduler=scheduler,
        workers=workers,
        slurm=slurm,
    )
    try:
        scored = score(request, catalog, ui, sort)
    except KeyboardInterrupt:
        ui.note(f"stopped; what is done is saved in {out}. To go on: {_again(command, out)}")
        raise click.exceptions.Exit(130) from None
    finish(scored, out, sort, report=report)


def _again(command: str, out: Path) -> str:
    return command if " --out" in command else f"{command} --out {shlex.quote(str(out))}"


def finish(scored: Scored, out: Path, sort: str, *, report: bool) -> None:
    """Show the board, and say where it lies, where the time went and what failed (exit code 1)."""
    from srbench.cli.leaderboard import terminal
    from srbench.results.tables import time_line

    click.echo(terminal(scored.board), nl=False)
    click.echo(f"saved in {out}: leaderboard.csv, leaderboard.md, results.jsonl, run.json")
    page = out / "report.html"
    if page.exists() and not report:
        click.echo(f"{page} is older than these results; 'srbench report {out}' renews it", err=True)
    if report:
        from srbench.cli.report import write_and_say

        write_and_say((out,), page, sort)
    if spent := time_line(scored.outcome.seconds):
        click.echo(f"time: {spent}")
    if scored.outcome.failed:
        click.echo(f"{len(scored.outcome.failed)} failed; the same command with --out {out} tries them again", err=True)
        raise click.exceptions.Exit(1)
