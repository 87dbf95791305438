"""``srbench check``: test a plugin's methods, losses, datasets and metrics."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from srbench.cli.options import device_option, format_option
from srbench.cli.parameters import FiniteNumber, Name
from srbench.cli.plugins import plugin_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.conformance import Result

COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow"}


@click.command("check")
@click.argument("names", nargs=-1, metavar="[NAME...]", type=Name("models", "losses", "datasets", "metrics"))
@click.option("--all", "everything", is_flag=True, help="Check every installed plugin.")
@click.option(
    "--timeout",
    type=FiniteNumber(0, min_open=True),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="Time limit of one check; training, datasets and published figures get several times as long.",
)
@format_option("table", "json")
@device_option
@plugin_option
def check_command(
    *, names: tuple[str, ...], everything: bool, timeout: float, style: str, device: str, plugins: tuple[str, ...]
) -> None:
    """Check that plugins do what their specs declare.

    NAME is a method, loss, dataset, metric or installed plugin; without NAME, everything in the --plugin files is
    checked. Plugins run in a separate process, so a crash or hang only fails that check. Nothing is downloaded.
    Exit code 1 if a check fails. 'pytest --pyargs srbench.conformance' runs the same checks on SRBENCH_CHECK=NAME.

    \b
    Examples:
      srbench check espcn
      srbench check --plugin mine.py
      srbench check --all
    """
    from srbench.conformance.examine import Examiner, make_plan
    from srbench.errors import UsageError

    if everything and names:
        raise UsageError("--all checks everything; it cannot be combined with names")
    plan = make_plan(names, plugins, everything=everything, timeout_s=timeout)
    with Examiner(plan, device, timeout) as examiner:
        results = list(_printed(examiner.run_all())) if style == "table" else list(examiner.run_all())
    if style == "json":
        click.echo(json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False))
    counts: Counter[str] = Counter(result.status for result in results)
    if style == "table":
        click.echo(", ".join(f"{counts[status]} {status}" for status in COLOURS if counts[status]))
    if counts["failed"]:
        raise click.exceptions.Exit(1)


def _printed(results: Iterable[Result]) -> Iterable[Result]:
    """Print each result as it arrives: a title per subject, a line per check, a failure's reason and fix below it."""
    subject = None
    for result in results:
        if result.subject != subject:
            subject = result.subject
            click.secho(str(subject), bold=True)
        note = f"  {result.reason}" if result.status == "skipped" else ""
        click.echo(f"  {result.check:16} {click.style(result.status, fg=COLOURS[result.status])}{note}")
        if result.status == "failed":
            click.echo(f"    why: {result.reason}\n    fix: {result.fix}")
        sys.stdout.flush()
        yield result
