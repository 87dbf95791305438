"""What a user can be told: every expected failure is one of these, and prints as one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SRBenchError(Exception):
    """Something went wrong that a user can understand and act on; the command ends with exit code 1."""

    exit_code = 1


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
