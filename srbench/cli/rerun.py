"""``srbench rerun``: repeat a run from what its folder records."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli.options import agreement, other_device_option, sort_option, yes_option
from srbench.cli.plugins import plugin_option

if TYPE_CHECKING:
    from srbench.errors import Failure
    from srbench.runs.parts import Part


@click.command("rerun")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN|run.json")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder [default: runs/<date-time>]")
@sort_option
@other_device_option
@plugin_option
@yes_option
def rerun_command(*, run: Path, out: Path | None, sort: str, device: str, plugins: tuple[str, ...], yes: bool) -> None:
    """Repeat a run from its run.json alone.

    Changes since then (versions, plugins, weights, images) are reported first; what is no longer available is skipped
    (exit code 1). The same command with the same --out resumes.

    run.json may be a stranger's: its plugin files are imported only where their bytes are those of the run, and
    downloads and trainings are asked about first. --plugin FILE replaces the run's plugin file of that name.

    \b
    Examples:
      srbench rerun runs/20260101-120000
      srbench rerun shared/run.json --out runs/again
      srbench rerun shared/run.json --plugin mine.py --yes
    """
    from srbench.runs.consent import works_of
    from srbench.runs.harness import new_folder, score
    from srbench.runs.rerun import requests_of
    from srbench.system.terminal import Terminal

    ui = Terminal()
    out = out or new_folder()
    requests = requests_of(run, out, plugins)
    for remark in dict.fromkeys(remark for again in requests for remark in again.remarks):
        ui.warn(remark)
    agreement(yes=yes)([work for again in requests for work in works_of(again.request, again.catalog)])
    command = shlex.join(["srbench", *sys.argv[1:]])
    failed: dict[Part, Failure] = {}
    unsupported: dict[str, str] = {}
    missing: dict[str, str] = {}
    for again in requests:
        request = replace(again.request, command=command, device=device or again.request.device, sort=sort)
        try:
            scored = score(request, again.catalog, ui)
        except KeyboardInterrupt:
            resume = command if " --out" in command else f"{command} --out {shlex.quote(str(out))}"
            ui.note(f"stopped; finished rows are saved in {out}. To resume: {resume}")
            raise click.exceptions.Exit(130) from None
        failed |= scored.outcome.failed
        unsupported |= scored.outcome.unsupported
        missing |= scored.outcome.missing
    from srbench.cli.run import finish

    outcome = replace(scored.outcome, failed=failed, unsupported=unsupported, missing=missing)
    left_out = dict.fromkeys(name for again in requests for name in again.left_out)
    if left_out:
        click.echo(f"not repeated, since no longer available: {', '.join(left_out)}", err=True)
    finish(replace(scored, outcome=outcome), out, report=False)
    if left_out:
        raise click.exceptions.Exit(1)
