"""Parse untrusted JSON, and validate it against a form.

A form is a tuple of types, a range of whole numbers, a frozenset of words, `Number`, `Fields`, `Each` or `Several`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEEPEST = 32
"""Most levels of nesting; srbench's files have fewer, and JSON encoders fail at larger depths."""
LARGEST = 2**63
HUGE = 1e100
"""Bound of all numbers with a fraction; squares of larger ones overflow, and Python's JSON has NaN and infinity."""
BOUNDS = {int: LARGEST, float: HUGE}

NONE = type(None)
TEXT = (str,)
NUMBER = (int, float)


@dataclass(frozen=True)
class Number:
    """A number of at least ``least``, or null if ``optional``."""

    least: float
    optional: bool = False


@dataclass(frozen=True)
class Fields:
    """An object with these fields; it may have others."""

    needed: Mapping[str, Any] = field(default_factory=dict)
    optional: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Each:
    """An object with fields of any name and of one form."""

    form: Any


@dataclass(frozen=True)
class Several:
    """A list of items of one form."""

    form: Any


def parse(text: str, form: Any = Fields()) -> Any:
    """Return the value of a JSON text of a form; by default, an object.

    Raises:
        ValueError: the text is not JSON, nested too deep, or of another form; the message says where and why.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    if _depth(value) > DEEPEST:
        raise ValueError("is nested too deep")
    if reason := fault(value, form):
        raise ValueError(reason)
    return value


def fault(value: Any, form: Any, where: str = "it") -> str:
    """Return where and why a value does not have a form; empty if it does."""
    if isinstance(form, Fields):
        return _fields_fault(value, form, where)
    if isinstance(form, Each | Several):
        kind, name = (dict, "no object") if isinstance(form, Each) else (list, "no list")
        if not isinstance(value, kind):
            return f"{where} is {name}"
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        return next((reason for key, part in parts if (reason := fault(part, form.form, f"{where}.{key}"))), "")
    return "" if fits(value, form) else f"{where} is {_shown(value)}"


def fits(value: Any, form: Any) -> bool:
    """Return whether a value has one of the types, or is in the range or among the words.

    Numbers must also be within `BOUNDS`.
    """
    if isinstance(form, Number):
        return (value is None and form.optional) or (fits(value, NUMBER) and value >= form.least)
    if type(form) is tuple:
        bound = BOUNDS.get(type(value))
        return type(value) in form and (bound is None or -bound < value < bound)
    return type(value) is (int if isinstance(form, range) else str) and value in form


def _fields_fault(value: Any, form: Fields, where: str) -> str:
    if not isinstance(value, dict):
        return f"{where} is no object"
    for forms in (form.needed, form.optional):
        for name, inner in forms.items():
            if name not in value:
                if forms is form.needed:
                    return f"{where} has no {name!r}"
                continue
            part = value[name]
            kind = type(part)
            if type(inner) is tuple and kind in inner:
                bound = BOUNDS.get(kind)
                if bound is None or -bound < part < bound:
                    continue  # as `fits` says, without a call: a run has a million rows
            if reason := fault(part, inner, f"{where}.{name}"):
                return reason
    return ""


def _shown(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, str | int | float | NONE) else type(value).__name__
    return text if len(text) < 40 else f"{text[:40]}..."


def _depth(value: Any) -> int:
    """Count levels without recursion."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        depth += 1
        level = [part for parent in level for part in _parts(parent)]
    return depth


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
