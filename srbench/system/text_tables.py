"""Tables on standard output, all of one style: lines of ASCII and no line breaks where it is piped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from srbench.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.table import Table

PIPED_WIDTH = 250


def is_piped() -> bool:
    """Return whether standard output is no terminal."""
    return not sys.stdout.isatty()


def stdout_console(*, plain: bool, width: int = PIPED_WIDTH) -> Console:
    """Return a console for standard output: as wide as the terminal or, if ``plain``, of a fixed width."""
    from rich.console import Console

    return Console(width=width if plain else None, highlight=False, emoji=False, markup=False)


def empty_table(*, plain: bool) -> Table:
    """Return a table without columns."""
    from rich import box
    from rich.table import Table

    return Table(box=box.ASCII2 if plain else box.SIMPLE_HEAD)


def text_table(
    headings: Iterable[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = (), plain: bool
) -> Table:
    """Return a table of texts that are not cut; those of the columns ``right`` are numbers."""
    table, numbers = empty_table(plain=plain), set(right)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    return table
