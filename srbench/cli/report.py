"""``srbench report``: make an HTML page of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from srbench.cli.options import sort_given, sort_option
from srbench.cli.parameters import Memory, OutputFile
from srbench.errors import counted


@click.command("report")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--out", type=OutputFile("report.html"), help="HTML file, or its folder [default: report.html in the first RUN]"
)
@sort_option
@click.option(
    "--max-size",
    type=Memory("MB"),
    default="36MiB",
    show_default=True,
    help="Largest file size; image crops shrink until it fits.",
)
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
def report_command(*, runs: tuple[Path, ...], out: Path | None, max_size: int, show: bool, **_: Any) -> None:
    """Make one self-contained HTML page of one or more runs.

    It shows sortable and filterable tables, plots, every image side by side with zoom, slider and error maps, training
    curves and provenance. Images need 'srbench run --save-images'; those that do not fit into --max-size are linked
    from the run's folder.

    \b
    Examples:
      srbench report runs/20260101-120000 --open
      srbench report runs/a runs/b --out a-and-b.html --max-size 10MB
    """
    target = out or (runs[0].parent if runs[0].is_file() else runs[0]) / "report.html"
    faults = write_and_say(runs, target, sort_given(), max_size)
    if show:
        import webbrowser

        webbrowser.open(target.resolve().as_uri())
    if faults:
        raise click.exceptions.Exit(1)


def write_and_say(runs: tuple[Path, ...], target: Path, sort: str, max_size: int | None = None) -> list[str]:
    """Write the report, and print its path, size and warnings; return those about pictures that it lacks."""
    from srbench.report.page import MAX_BYTES, write_report
    from srbench.system.terminal import Terminal

    ui = Terminal()
    written = write_report(runs, target, ui, sort, max_size or MAX_BYTES)
    for remark in [*written.faults, *written.remarks]:
        ui.warn(remark)
    click.echo(f"report: {target} ({written.bytes / 1e6:.1f} MB, {counted(written.images, 'image')})")
    return written.faults
