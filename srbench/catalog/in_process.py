"""Methods that a program made in this process, by name; a catalog knows them beside those of plugins. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from srbench.catalog.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.specs import ModelSpec


@dataclass(frozen=True)
class Program(Plugin):
    """The program that made a method, in place of a plugin."""

    digest: str = ""

    @property
    def fingerprint(self) -> str:
        """What identifies the method's code and weights, 16 hex digits."""
        return self.digest


REGISTERED: dict[str, tuple[ModelSpec, Program]] = {}
"""By name; a method that is made again under its name replaces the earlier."""


def needs_this_process(methods: Iterable[str]) -> list[str]:
    """Return the methods, by name, that no other process knows."""
    return [name for name in methods if name in REGISTERED]


def register(spec: ModelSpec, digest: str) -> None:
    """Make a method known to the catalogs of this process."""
    REGISTERED[spec.name] = spec, Program("this program", "made in Python", digest=digest)
