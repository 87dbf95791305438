"""Subjects, orders and results of checks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["passed", "failed", "skipped"]


class FaultError(Exception):
    """A fault of a plugin, with the fix; without one, the fix of the check applies."""

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.fix = fix


class SkipError(Exception):
    """A check that does not apply; the message is the reason."""


@dataclass(frozen=True)
class Subject:
    """What is checked: a plugin, or one of its methods, losses, datasets and metrics."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Order:
    """One check of one subject, in the form that is sent to the worker."""

    kind: str
    name: str
    reference: str
    """The name that the catalog looks up: for a method that is a file, ``NAME=PREFIX:PATH``."""
    check: str
    files: tuple[str, ...]
    """Plugin files to load."""
    without: tuple[str, ...]
    """Installed plugins that cannot be loaded."""

    def to_json(self) -> str:
        """Return the order as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Order:
        """Read what `to_json` wrote."""
        fields = json.loads(line)
        return cls(**fields | {"files": tuple(fields["files"]), "without": tuple(fields["without"])})


@dataclass(frozen=True)
class Result:
    """The result of one check of a subject."""

    subject: Subject
    check: str
    status: Status
    reason: str = ""
    """Why it failed or was skipped."""
    fix: str = ""
    seconds: float = 0.0
    blocked: bool = False
    """Whether it was skipped because a check that it needs did not pass."""
