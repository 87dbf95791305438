"""What a user can be told: every expected failure is one of these, and prints as one line.

Failures carry a `Code` for programs beside the reason for people. What a plugin or a library raises is told by `say` or
`reason_of`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


LONGEST = 300
"""Characters that are quoted of a foreign text."""


class Code(StrEnum):
    """The kind of a failure, for programs to decide by; the reason beside it is for people."""

    FAILED = "failed"
    """An exception, or a broken contract."""
    OUT_OF_MEMORY = "out_of_memory"
    """Of the device, the process, ``--max-memory`` or the machine."""
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    """A process ended by a signal or by itself."""
    STOPPED = "stopped"
    """The run was ended by its user."""
    DEVICE_BROKEN = "device_broken"
    """A CUDA error, after which no call of the process can be trusted."""
    LOST = "lost"
    """The machine that ran the job is gone."""
    MISMATCH = "mismatch"
    """Another machine has other code, weights, images or another device."""
    MISSING_FILE = "missing_file"
    """A file of a dataset or of weights could not be had."""
    MISSING_BACKBONE = "missing_backbone"
    """The feature network of a metric could not be had."""
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
        code: the kind of failure, where it is another than the class's.
    """

    exit_code = 1
    code = Code.FAILED

    def __init__(self, message: str = "", code: Code | None = None) -> None:
        super().__init__(without_passwords(message))
        if code is not None:
            self.code = code


class UsageError(SRBenchError):
    """What was asked cannot be done as asked (unknown name, bad value); exit code 2."""

    exit_code = 2


class SpecError(SRBenchError):
    """A plugin's spec is invalid."""


class AssetError(SRBenchError):
    """A file that should come from the cache, a mirror or the network could not be had."""

    code = Code.MISSING_FILE


class ImageError(SRBenchError):
    """An image file cannot be used, with its name and its fault."""


class MethodError(SRBenchError):
    """A method broke the contract: wrong shape, NaN, no weights, an exception of its own."""


class UndefinedScoreError(SRBenchError):
    """A metric has no value for this image (too small, flat); the reason is recorded instead."""

    code = Code.UNDEFINED


def unknown(kind: str, name: str, known: Iterable[str], more: str = "") -> UsageError:
    """Return the error for a name that does not exist: it suggests the nearest, else lists what there is."""
    import difflib  # only where it went wrong

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
    return UsageError(f"unknown {kind} {name!r}; {hint}{more}")


def several(names: Sequence[str], shown: int = 3) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f"{', '.join(names[:shown])}{more}"


def one_line(text_or_error: object) -> str:
    """Return a foreign text, or what an exception says, as one line that every file and terminal takes."""
    try:
        plain = unbroken(str(text_or_error))
    except Exception:  # noqa: BLE001  (a plugin's __str__ may raise anything)
        return "no text"
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]} ..."


def unbroken(text: str) -> str:
    """Return a text of any length as one line, without passwords and without what would steer a terminal."""
    return printable(without_passwords(" ".join(text.split())))


def printable(text: str) -> str:
    """Return a text in which all is escaped that would steer a terminal; line breaks stay.

    What cannot be printed, lone surrogates above all, cannot be written as UTF-8 either.
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def without_passwords(text: str) -> str:
    """Return a text, JSON too, in which no URL says who its user is and by which password."""
    return re.sub(r'://[^/\s"]*@', "://***@", text)


def say(error: BaseException) -> str:
    """Return a foreign exception's type and text as one line."""
    return f"{type(error).__name__}: {one_line(error) or 'no message'}"


def reason_of(error: BaseException) -> str:
    """Return what a foreign exception says as one line; its type where it says nothing."""
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    return one_line(error) or type(error).__name__
