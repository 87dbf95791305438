"""Expected failures: each is one of these exceptions, and prints as one line.

A failure has a `Code` for programs and a reason for people. What a plugin or a library raises becomes one line
by `say` or `reason_of`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


LONGEST = 300
"""Most characters that are quoted of a text from outside srbench."""


MOST_NAMES = 24
"""Most names that a message lists."""


class Code(StrEnum):
    """The kind of a failure. Programs decide by it; the reason is for people."""

    FAILED = "failed"
    """An exception, or a broken contract."""
    OUT_OF_MEMORY = "out_of_memory"
    """The memory of the device or the machine, or ``--max-memory``, was used up."""
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    """A process was killed by a signal, or exited before it answered."""
    STOPPED = "stopped"
    """The user ended the run."""
    DEVICE_BROKEN = "device_broken"
    """A CUDA error, after which no call of the process can be trusted."""
    LOST = "lost"
    """The machine that ran the job is gone."""
    MISMATCH = "mismatch"
    """The code, weights, images or device of another machine differ."""
    MISSING_FILE = "missing_file"
    """A file of a dataset or of weights is missing."""
    MISSING_BACKBONE = "missing_backbone"
    """The feature network of a metric is missing."""
    MISSING_WEIGHTS = "missing_weights"
    WRONG_WEIGHTS = "wrong_weights"
    """Weights do not fit the network."""
    UNDEFINED = "undefined"
    """A metric has no value for an image."""


@dataclass(frozen=True)
class Failure:
    """Why something failed: a code for programs, and a reason of one line for people."""

    code: Code
    reason: str

    def __str__(self) -> str:
        return self.reason


class SRBenchError(Exception):
    """Something went wrong that a user can understand and act on; the command ends with exit code 1.

    Args:
        message: what is wrong and what to do, one line.
        code: the kind of failure [default: that of the class].
    """

    exit_code = 1
    code = Code.FAILED

    def __init__(self, message: str = "", code: Code | None = None) -> None:
        super().__init__(without_passwords(message))
        if code is not None:
            self.code = code


class UsageError(SRBenchError):
    """The request is wrong (unknown name, bad value); exit code 2."""

    exit_code = 2


class SpecError(SRBenchError):
    """A plugin's spec is invalid."""


class AssetError(SRBenchError):
    """A file was neither in the cache nor in the mirror, and could not be downloaded."""

    code = Code.MISSING_FILE


class ImageError(SRBenchError):
    """An image file cannot be used; the message names the file and the reason."""


class MethodError(SRBenchError):
    """A method broke its contract: wrong shape, NaN, no weights, an exception in its code."""


class UndefinedScoreError(SRBenchError):
    """A metric has no value for this image (too small, flat). The reason is recorded instead of a value."""

    code = Code.UNDEFINED


def unknown(kind: str, name: str, known: Iterable[str], more: str = "") -> UsageError:
    """Return the error for a name that does not exist. It suggests the nearest name, else lists all."""
    import difflib  # imported only where something went wrong

    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {several(names, MOST_NAMES) or 'none'}"
    return UsageError(f"unknown {kind} {name!r}; {hint}{more}")


def several(names: Sequence[str], shown: int = 3) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f"{', '.join(names[:shown])}{more}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as "1 image" and "1,200 images"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def one_line(text_or_error: object) -> str:
    """Return a text from outside srbench, or of an exception, as one printable line of at most `LONGEST` characters."""
    try:
        plain = unbroken(str(text_or_error))
    except Exception:  # noqa: BLE001  (a plugin's __str__ may raise anything)
        return "no text"
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]} ..."


def unbroken(text: str) -> str:
    """Return a text of any length as one line, without passwords and control characters."""
    return printable(without_passwords(" ".join(text.split())))


def printable(text: str) -> str:
    """Return a text with all characters escaped that cannot be printed; line breaks stay.

    Control characters would change the terminal, and lone surrogates cannot be written as UTF-8.
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def without_passwords(text: str) -> str:
    """Return a text, which may be JSON, with user and password removed from all URLs."""
    return re.sub(r'://[^/\s"]*@', "://***@", text)


def say(error: BaseException) -> str:
    """Return the type and the text of an exception as one line."""
    return f"{type(error).__name__}: {one_line(error) or 'no message'}"


def reason_of(error: BaseException) -> str:
    """Return the text of an exception as one line, or its type if it has none."""
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    return one_line(error) or type(error).__name__
