"""Checks of the fields that specs of several kinds have: names, summary, scales, callables."""

from __future__ import annotations

import re
from typing import Any

from srbench.errors import SpecError

NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
"""The form of a name."""
FILE_NAME = re.compile(f"{NAME.pattern}:{NAME.pattern}")
"""The form of the name of a method in a file, ``PREFIX:LABEL``."""


def require(condition: bool, spec: object, message: str) -> None:
    """Check a condition.

    Raises:
        SpecError: it is false; the message names the spec.
    """
    if not condition:
        raise SpecError(f"{type(spec).__name__} {getattr(spec, 'name', '?')!r}: {message}")


def check_names(spec: Any) -> None:
    """Convert aliases to a tuple, and check name, aliases and summary.

    Raises:
        SpecError: one of them is invalid.
    """
    text = isinstance(spec.aliases, str)
    require(not text, spec, f"aliases is the text {spec.aliases!r}; write ({spec.aliases!r},)")
    object.__setattr__(spec, "aliases", tuple(spec.aliases))
    form = FILE_NAME if getattr(spec, "file", None) else NAME
    mark = "+" if getattr(spec, "ensemble", False) else ""
    for name in (spec.name, *spec.aliases):
        require(
            isinstance(name, str) and form.fullmatch(name.removesuffix(mark)) is not None,
            spec,
            f"name {name!r} must be lower-case letters, digits, '.', '_' or '-'",
        )
    require(isinstance(spec.summary, str) and bool(spec.summary.strip()), spec, "summary is empty")
    require(spec.summary.isprintable(), spec, "summary must be one line of printable text")


def check_scales(spec: Any) -> None:
    """Convert scales to a frozenset and check them.

    Raises:
        SpecError: they are not whole numbers from 2 to 16, at least one.
    """
    try:
        scales = frozenset(spec.scales)
    except TypeError:
        scales = frozenset()
    require(bool(scales), spec, "scales must be a non-empty set of whole numbers")
    require(
        all(type(scale) is int and 1 < scale <= 16 for scale in scales),
        spec,
        f"scales must be whole numbers from 2 to 16, not {sorted(scales, key=str)}",
    )
    object.__setattr__(spec, "scales", scales)


def check_callable(spec: object, name: str) -> None:
    """Check that a field is callable.

    Raises:
        SpecError: it is not.
    """
    require(callable(getattr(spec, name)), spec, f"{name} must be callable")
