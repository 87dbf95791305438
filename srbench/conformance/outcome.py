"""How a check ends."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["passed", "failed", "skipped"]


class FaultError(Exception):
    """What is wrong with a plugin; the fix is the check's own unless another is given."""

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.fix = fix


class SkipError(Exception):
    """Why a check does not apply here."""


@dataclass(frozen=True)
class Subject:
    """What is checked: a plugin, or a method, loss, dataset or metric that it brings."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Order:
    """One check of one subject, as the process that runs it is told."""

    kind: str
    name: str
    reference: str
    """What the catalog is asked for: of a method that is a file, ``NAME=PREFIX:PATH``."""
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
    """How one check of a subject ended."""

    subject: Subject
    check: str
    status: Status
    reason: str = ""
    """What is wrong, or why it was skipped."""
    fix: str = ""
    seconds: float = 0.0
    blocked: bool = False
    """Whether it was skipped because a check that it needs did not pass."""
