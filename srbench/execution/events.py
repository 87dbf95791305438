"""Events that a worker sends to its parent: frozen records, one line of JSON each, with a ``kind``.

A job's last event is `JobDone` or `JobFailed`; the others are sent as soon as they are known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from srbench.errors import Code, Failure, SRBenchError


@dataclass(frozen=True)
class ValueScored:
    """A metric's value for one image."""

    kind: ClassVar[str] = "value"
    cell: str
    """Key of the `srbench.execution.jobs.Cell`."""
    value: float | None
    """None if the metric is undefined or failed; infinite for PSNR if SR equals HR."""
    reason: str = ""
    """Why there is no value, or why it is infinite."""
    code: Code | None = None
    """The kind of failure if the metric could not be computed; None if it was computed or is undefined."""
    tile: int = 0
    """Height and width of tiles in LR pixels; 0 if the image was processed whole."""


@dataclass(frozen=True)
class ImageDone:
    """All values of an image have been sent; ``saved``: its SR has been written too."""

    kind: ClassVar[str] = "image"
    image: str
    saved: bool
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """``sr``, ``hr`` and ``lr`` -> ``bytes`` and ``sha256`` of the file that was written."""


@dataclass(frozen=True)
class MetricsBegun:
    """SR is there, and is scored from now on: time is the metrics' until the next event, not the method's."""

    kind: ClassVar[str] = "metrics"


@dataclass(frozen=True)
class Remarked:
    """What users should know of a method's results, such as that its output is not in [0, 1]."""

    kind: ClassVar[str] = "remark"
    topic: str
    """What it is about, such as ``weights``, ``range`` or ``speed``; one remark of each is kept."""
    text: str


@dataclass(frozen=True)
class SpeedMeasured:
    """The cost of one forward pass, by the names of `srbench.inference.speed.Speed`."""

    kind: ClassVar[str] = "speed"
    figures: dict[str, float | None]
    shared: str = ""
    """What else ran on the device meanwhile; such a timing cannot be compared."""


@dataclass(frozen=True)
class PeakMeasured:
    """FLOP/s of a large matrix product on the device."""

    kind: ClassVar[str] = "peak"
    flops: float


@dataclass(frozen=True)
class TimeSpent:
    """Seconds that a job took, by kind of work."""

    kind: ClassVar[str] = "time"
    seconds: dict[str, float]


@dataclass(frozen=True)
class JobDone:
    """The last event of a job that succeeded."""

    kind: ClassVar[str] = "done"


@dataclass(frozen=True)
class JobFailed:
    """The last event of a job that failed."""

    kind: ClassVar[str] = "failed"
    code: Code
    reason: str
    fatal: bool = False
    """Whether the process can no longer be trusted."""

    @property
    def failure(self) -> Failure:
        """The code and the reason."""
        return Failure(self.code, self.reason)


@dataclass(frozen=True)
class Environment:
    """The device and versions of the machine that a worker runs on."""

    kind: ClassVar[str] = "environment"
    device: str
    """Name in results, such as ``cpu, AMD EPYC, 2 threads``."""
    platform: str
    cuda: str | None
    """Version of CUDA that torch was built with."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of srbench, Python and the numerical libraries."""
    source: str = ""
    """Hash of srbench's own code."""


@dataclass(frozen=True)
class Refused:
    """A machine cannot run jobs, with the reason."""

    kind: ClassVar[str] = "refused"
    reason: str


Event: TypeAlias = (
    ValueScored
    | ImageDone
    | MetricsBegun
    | Remarked
    | SpeedMeasured
    | PeakMeasured
    | TimeSpent
    | JobDone
    | JobFailed
    | Environment
    | Refused
)
Emit: TypeAlias = Callable[[Event], object]
"""Receives each event as soon as it is known."""

_CLASSES: dict[str, type[Any]] = {
    event.kind: event
    for event in (
        *(ValueScored, ImageDone, MetricsBegun, Remarked, SpeedMeasured, PeakMeasured, TimeSpent, JobDone, JobFailed),
        *(Environment, Refused),
    )
}


def encode(event: Event) -> dict[str, Any]:
    """Return an event as JSON data."""
    return {"kind": event.kind, **vars(event)}  # fields hold plain values only


def decode(message: dict[str, Any]) -> Event:
    """Return the event that `encode` was given.

    Raises:
        SRBenchError: it is not an event of this version.
    """
    fields = dict(message)
    try:
        if fields.get("code") is not None:
            fields["code"] = Code(fields["code"])
        event: Event = _CLASSES[fields.pop("kind")](**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise SRBenchError("a worker has another version of srbench; install the same version there") from error
    return event
