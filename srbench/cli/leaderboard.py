"""``srbench leaderboard``: show, merge and convert the results of runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srbench.cli.options import sort_given, sort_option
from srbench.cli.parameters import Names, OutputFile
from srbench.cli.plugins import load_catalog, plugin_option
from srbench.errors import UsageError
from srbench.system.text_tables import is_piped, stdout_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import RenderableType

    from srbench.catalog.catalog import Catalog
    from srbench.results.board import Board


ENDINGS = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex", ".markdown": "markdown"}
"""Formats by the ending of a file's name."""


@click.command("leaderboard")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--format",
    "style",
    type=click.Choice(["terminal", "csv", "markdown", "latex", "json"]),
    help="Output format [default: terminal; with --out, by the ending of the file's name: .csv, .json, .md, .tex]",
)
@sort_option
@click.option(
    "--columns",
    type=Names(),
    default=(),
    metavar="COLUMN[,COLUMN...]",
    help="Show these columns, by name or heading (psnr,ssim,params,ms) [default: all that have values]",
)
@click.option(
    "--pivot",
    is_flag=True,
    help="The table of a paper: methods by datasets, PSNR / SSIM (or the metrics of --columns) in a cell, the best "
    "bold, the second underlined.",
)
@click.option("--out", type=OutputFile(), help="Write to this file, not to standard output.")
@click.option(
    "--against-published", "published", is_flag=True, help="Show the figures of papers beside those of the runs."
)
@plugin_option
def leaderboard_command(
    *,
    runs: tuple[Path, ...],
    style: str | None,
    columns: tuple[str, ...],
    pivot: bool,
    out: Path | None,
    published: bool,
    plugins: tuple[str, ...],
    **_: Any,
) -> None:
    """Show the leaderboard of one or more runs.

    Rankings never mix datasets, scales, protocols, devices or precisions. If several runs scored a method with the same
    code and weights, the last run given counts.

    \b
    Examples:
      srbench leaderboard runs/20260101-120000
      srbench leaderboard runs/a runs/b --sort lpips --format markdown
      srbench leaderboard runs/a --out table.tex
      srbench leaderboard runs/a --format latex --pivot --columns psnr,ssim,params
      srbench leaderboard runs/a --against-published
    """
    from srbench.results import formats
    from srbench.results.board import load_board
    from srbench.results.pivot import pivots, remarks, to_text
    from srbench.system.atomic import write_text

    shown = _style(style, out)
    board = load_board(runs, sort_given(), columns)
    if pivot and published:
        raise UsageError("--pivot and --against-published cannot be combined")
    if pivot:
        tables = pivots(board)
        for remark in remarks(tables):
            click.echo(remark, err=True)
        text = to_text(tables, shown)
    elif published:
        text = _beside_published(board, runs, shown, load_catalog(plugins))
    else:
        make = {
            "terminal": terminal if out is None else partial(terminal, plain=True),
            "csv": formats.to_csv,
            "markdown": formats.to_markdown,
            "latex": formats.to_latex,
            "json": formats.to_json,
        }[shown]
        text = make(board)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        click.echo(f"saved {out}")


def _style(style: str | None, out: Path | None) -> str:
    """Return the format to write: the one that was named, else that of the file's ending.

    Raises:
        UsageError: they contradict each other, or the ending is of no format.
    """
    if out is None:
        return style or "terminal"
    ending = out.suffix.lower()
    of_ending = ENDINGS.get(ending, "")
    if style and of_ending not in ("", style):
        raise UsageError(f"--format {style} and --out {out} contradict each other: {ending} is {of_ending}")
    if not style and ending and not of_ending:
        raise UsageError(f"--out {out}: {ending} is no ending of a format; there are {', '.join(ENDINGS)}, or --format")
    return style or of_ending or "markdown"


def terminal(board: Board, *, plain: bool = False) -> str:
    """Return the board as text for standard output; plain and untruncated when piped, or if asked for."""
    from srbench.results.tables import render

    return _printed(lambda plain, width: render(board, plain=plain, width=width), plain=plain)


def _printed(render: Callable[[bool, int], Iterable[RenderableType]], *, plain: bool = False) -> str:
    plain = plain or is_piped()
    console = stdout_console(plain=plain)
    with console.capture() as captured:
        for part in render(plain, console.width):
            console.print(part, soft_wrap=isinstance(part, str))
    return captured.get()


def _beside_published(board: Board, runs: tuple[Path, ...], style: str, catalog: Catalog) -> str:
    """Return the published figures beside those of the board; an empty table, with a note, where there are none."""
    from srbench.results import formats, published
    from srbench.results.run_file import read_run_file
    from srbench.results.tables import render_section

    weights = [read_run_file(run).get("weights", {}) for run in runs]
    cards = {digest: entry["card"] for by_digest in weights for digest, entry in by_digest.items()}
    comparisons = published.compare(board, catalog, cards)
    if not comparisons:
        click.echo("no method of these runs has published figures for their datasets and scales", err=True)
    section = published.to_section(comparisons)
    make: dict[str, Callable[[], str]] = {
        "terminal": lambda: _printed(lambda plain, width: render_section(section, plain=plain, width=width)),
        "csv": lambda: published.to_csv(comparisons),
        "markdown": lambda: "\n".join(formats.markdown_lines(section).all),
        "latex": lambda: "\n".join(formats.latex_lines(section).all),
        "json": lambda: published.to_json(comparisons),
    }
    return make[style]()
