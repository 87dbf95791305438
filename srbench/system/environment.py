"""The environment that child processes get: what imported plugins changed of it is undone there."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = ("SRBENCH_", "TORCH_HOME", "HOME")
"""Prefixes of variables by which srbench finds its files."""
_CHANGED: dict[str, tuple[str | None, str | None]] = {}
"""Variable -> its value before plugins changed it, and the one they gave it; None if it was or is not set."""


@contextlib.contextmanager
def watching() -> Iterator[None]:
    """Note what foreign code inside the context changes of the environment; undo what srbench itself depends on."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in before.keys() | os.environ.keys():
            if os.environ.get(name) == before.get(name):
                continue
            if not name.startswith(OWN):
                _CHANGED[name] = _CHANGED.get(name, (before.get(name), None))[0], os.environ.get(name)
            elif name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


def clean_environment() -> dict[str, str]:
    """Return the environment without what plugins changed; what a program set since then stays."""
    environment = dict(os.environ)
    for name, (before, after) in _CHANGED.items():
        if environment.get(name) == after:
            environment.pop(name, None)
            if before is not None:
                environment[name] = before
    return environment
