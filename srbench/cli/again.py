"""``srbench rerun`` and ``srbench verify``: a run once more, in full or in part, from what its folder records."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from srbench.verify import Check

device = click.option("--device", default="", metavar="NAME", help="Another device than the one asked for then.")


@click.command("rerun")
@click.argument("run", type=click.Path(path_type=Path, exists=True), metavar="RUN|run.json")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder [default: runs/<date-time>]")
@click.option("--sort", default="psnr", show_default=True, metavar="COLUMN", help="Column that ranks the leaderboard.")
@device
def rerun_command(*, run: Path, out: Path | None, sort: str, device: str) -> None:
    """Run what a run was asked for once more, from its run.json alone.

    What is no longer there, or is not what it was (versions, plugins, weights, images), is said first; what cannot be
    had is left out. The same command on the same --out goes on where it stopped.

    \b
    Examples:
      srbench rerun runs/20260101-120000
      srbench rerun shared/run.json --out runs/again
    """
    from srbench.harness import new_folder, score
    from srbench.rerun import requests_of
    from srbench.terminal import Terminal

    ui = Terminal()
    out = out or new_folder()
    asked = requests_of(run, out)
    for remark in dict.fromkeys(remark for again in asked for remark in again.remarks):
        ui.warn(remark)
    command = shlex.join(["srbench", *sys.argv[1:]])
    failed: list[str] = []
    for again in asked:
        request = replace(again.request, command=command, device=device or again.request.device)
        try:
            scored = score(request, again.catalog, ui, sort)
        except KeyboardInterrupt:
            going_on = shlex.join(["srbench", "rerun", str(run), "--out", str(out)])
            ui.note(f"stopped; what is done is saved in {out}. To go on: {going_on}")
            raise click.exceptions.Exit(130) from None
        failed += scored.outcome.failed
    from srbench.cli.run import finish

    finish(replace(scored, outcome=replace(scored.outcome, failed=tuple(failed))), out, sort, report=False)


@click.command("verify")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--sample", type=click.IntRange(0), default=20, show_default=True, help="Outputs to look at; 0: all of them."
)
@device
def verify_command(*, run: Path, sample: int, device: str) -> None:
    """Say whether a run's values still hold, and what has changed since. Exit code 1 where one does not.

    An output is one method's of one image. Where the run kept it (--save-images) it is scored again, else made again.
    On the same processor and versions values must be equal; elsewhere, and on a GPU, they may differ by one in the last
    digit that boards print (PSNR 0.01 dB, SSIM and LPIPS 0.0001), as rounding to 8 bits may flip a few pixels.

    \b
    Examples:
      srbench verify runs/20260101-120000
      srbench verify runs/a --sample 0
    """
    from srbench.terminal import Terminal
    from srbench.verify import verify

    ui = Terminal()
    found = verify(run, sample, ui, device)
    for remark in found.remarks:
        ui.warn(remark)
    if found.differing:
        _table(found.differing)
    differ = f"{len(found.differing)} differ" if found.differing else "all agree"
    click.echo(f"{len(found.checks)} values of {found.rescored} saved and {found.repeated} repeated outputs: {differ}")
    if found.differing:
        raise click.exceptions.Exit(1)


def _table(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("method", "image", "metric", "protocol", "then", "now", box=None, pad_edge=False)
    for check in checks:
        output = check.output
        place = f"{output.dataset}/{output.image} x{output.scale}"
        now = check.reason if check.now != check.now else f"{check.now:.6f}"
        table.add_row(output.method, place, *check.cell, f"{check.then:.6f}", now)
    Console(width=None if sys.stdout.isatty() else 250, highlight=False, emoji=False, markup=False).print(table)
