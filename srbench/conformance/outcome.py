"""How a check ends."""

from __future__ import annotations

from dataclasses import dataclass
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
class Result:
    """How one check of a subject ended."""

    subject: Subject
    check: str
    status: Status
    reason: str = ""
    """What is wrong, or why it was skipped."""
    fix: str = ""
    seconds: float = 0.0
