"""How srbench talks to a terminal: notes, warnings and progress on standard error; silent bars when piped."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from srbench.errors import printable, without_passwords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.progress import ProgressColumn

BAR = 20


class UI(Protocol):
    """How work that takes a while talks to its user."""

    def note(self, text: str) -> None:
        """Say something worth knowing."""

    def warn(self, text: str) -> None:
        """Say that something is wrong, though the work goes on."""

    def track(self, what: str, total: int) -> AbstractContextManager[Callable[[str], None]]:
        """Show progress; the function given is called after each step with what comes next."""


def stderr_console() -> Console:
    """Return a console for messages; wide and colourless when it is no terminal."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


class Silent:
    """Says nothing: a process that works beside the one that speaks, or a caller who does not want to hear."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Say nothing."""

    @contextmanager
    def track(self, what: str, total: int) -> Iterator[Callable[[str], None]]:  # the protocol's names
        """Show nothing."""
        yield lambda _: None


class Terminal:
    """Prints what a run says; the bar shows what is being done, how far and what is left."""

    def __init__(self) -> None:
        self.console = stderr_console()

    def note(self, text: str) -> None:
        """Say something worth knowing."""
        self.console.print(_plain(text), markup=False)

    def warn(self, text: str) -> None:
        """Say that something is wrong, though the run goes on."""
        self.console.print(f"warning: {_plain(text)}", markup=False, style="yellow")

    @contextmanager
    def track(self, what: str, total: int) -> Iterator[Callable[[str], None]]:
        """Show one line with the time left; nothing when standard error is no terminal."""
        if not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.progress import Progress

        with Progress(_one_line(), console=self.console, transient=True) as progress:
            task = progress.add_task(_plain(what), total=total, detail="")
            yield lambda detail: progress.update(task, advance=1, detail=_plain(detail))


def _plain(text: str) -> str:
    return printable(without_passwords(text))


def _one_line() -> ProgressColumn:
    """Return what is shown of a task: a single line whose end is cut where the terminal is narrow, never wrapped."""
    from rich.progress import ProgressColumn, Task, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    left = TimeRemainingColumn()

    class OneLine(ProgressColumn):
        def render(self, task: Task) -> Text:
            done, total = int(task.completed), int(task.total or 0)
            filled = BAR * done // max(1, total)
            bar = (("━" * filled, "bar.complete"), ("━" * (BAR - filled), "bar.back"))
            how_far = (f"{done}/{total}", "progress.download")
            ahead = left.render(task)
            return Text.assemble(f"{task.description} ", how_far, " ", ahead, " ", *bar, f" {task.fields['detail']}")

    return OneLine(Column(no_wrap=True, overflow="ellipsis"))
