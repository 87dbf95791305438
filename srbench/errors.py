"""What a user can be told: every expected failure is one of these, and prints as one line.

What a plugin or a library raises is told by `say`, and its place in the plugin's own code by `place`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


LONGEST = 300
"""Characters that are quoted of a foreign text."""


class SRBenchError(Exception):
    """Something went wrong that a user can understand and act on; the command ends with exit code 1."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(without_passwords(message))


class UsageError(SRBenchError):
    """What was asked cannot be done as asked (unknown name, bad value); exit code 2."""

    exit_code = 2


class SpecError(SRBenchError):
    """A plugin's spec is invalid."""


class AssetError(SRBenchError):
    """A file that should come from the cache, a mirror or the network could not be had."""


class ImageError(SRBenchError):
    """An image file cannot be used, with its name and its fault."""


class MethodError(SRBenchError):
    """A method broke the contract: wrong shape, NaN, no weights, an exception of its own."""


class UndefinedScoreError(SRBenchError):
    """A metric has no value for this image (too small, flat); the reason is recorded instead."""


def unknown(kind: str, name: str, known: Iterable[str], more: str = "") -> UsageError:
    """Return the error for a name that does not exist: it suggests the nearest, else lists what there is."""
    import difflib  # only where it went wrong

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
    return UsageError(f"unknown {kind} {name!r}; {hint}{more}")


def one_line(said: object) -> str:
    """Return a foreign text, or what an exception says, as one line that every file and terminal takes."""
    try:
        plain = unbroken(str(said))
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
