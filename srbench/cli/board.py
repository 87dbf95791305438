"""``srbench leaderboard``: show, merge and convert the results of runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from srbench.leaderboard import Board


@click.command("leaderboard")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--format",
    "style",
    type=click.Choice(["terminal", "csv", "markdown", "latex", "json"]),
    default="terminal",
    show_default=True,
    help="How to show it.",
)
@click.option("--sort", default="psnr", show_default=True, metavar="COLUMN", help="Column that ranks.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead.")
def leaderboard_command(*, runs: tuple[Path, ...], style: str, sort: str, out: Path | None) -> None:
    """Show the leaderboard of one or more runs.

    Rankings never mix datasets, scales, protocols, devices or precisions. Of a method that several runs scored with the
    same code and weights, the last run named counts.

    \b
    Examples:
      srbench leaderboard runs/20260101-120000
      srbench leaderboard runs/a runs/b --sort lpips --format markdown
      srbench leaderboard runs/a --format latex --out table.tex
    """
    from srbench import tables
    from srbench.leaderboard import load_board
    from srbench.results import write_text

    board = load_board(runs, sort)
    if style == "terminal" and out is None:
        show(board)
        return
    make = {
        "csv": tables.to_csv,
        "markdown": tables.to_markdown,
        "terminal": tables.to_markdown,
        "latex": tables.to_latex,
        "json": tables.to_json,
    }[style]
    if out is None:
        click.echo(make(board), nl=False)
    else:
        write_text(out, make(board))


def show(board: Board) -> None:
    """Print the board on standard output; plain and uncut when piped."""
    from rich.console import Console

    from srbench.tables import render

    tty = sys.stdout.isatty()
    console = Console(width=None if tty else 250, highlight=False, emoji=False)
    for part in render(board, plain=not tty, width=console.width):
        console.print(part, soft_wrap=isinstance(part, str))
