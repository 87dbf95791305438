"""Notes, warnings and progress bars on standard error; no bars when piped."""

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
    """The interface by which long work reports to its user."""

    def note(self, text: str) -> None:
        """Print a remark."""

    def warn(self, text: str) -> None:
        """Print a warning: something is wrong, and the work continues."""

    def track(self, what: str, total: int) -> AbstractContextManager[Callable[[str], None]]:
        """Show progress. Call the function that is returned after each step, with the name of the next."""


def stderr_console() -> Console:
    """Return a console for messages; without line breaks and colours if it is not a terminal."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


class Silent:
    """Prints nothing: for further processes of a training, and for callers who want no output."""

    def note(self, text: str) -> None:
        """Print nothing."""

    def warn(self, text: str) -> None:
        """Print nothing."""

    @contextmanager
    def track(self, what: str, total: int) -> Iterator[Callable[[str], None]]:  # names of the protocol
        """Show nothing."""
        yield lambda _: None


class Terminal:
    """Prints to standard error; the bar shows the current item, the count and the time left."""

    def __init__(self) -> None:
        self.console = stderr_console()

    def note(self, text: str) -> None:
        """Print a remark."""
        self.console.print(_plain(text), markup=False)

    def warn(self, text: str) -> None:
        """Print a warning: something is wrong, and the run continues."""
        self.console.print(f"warning: {_plain(text)}", markup=False, style="yellow")

    @contextmanager
    def track(self, what: str, total: int) -> Iterator[Callable[[str], None]]:
        """Show one line with the time left; nothing if standard error is not a terminal."""
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
    """Return the progress column: a single line, cut at the end if the terminal is narrow, never wrapped."""
    from rich.progress import ProgressColumn, Task, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    left = TimeRemainingColumn()

    class OneLine(ProgressColumn):
        def render(self, task: Task) -> Text:
            done, total = int(task.completed), int(task.total or 0)
            filled = BAR * done // max(1, total)
            bar = (("━" * filled, "bar.complete"), ("━" * (BAR - filled), "bar.back"))
            count = (f"{done}/{total}", "progress.download")
            ahead = left.render(task)
            return Text.assemble(f"{task.description} ", count, " ", ahead, " ", *bar, f" {task.fields['detail']}")

    return OneLine(Column(no_wrap=True, overflow="ellipsis"))
