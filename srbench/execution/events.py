"""What a worker tells its parent: frozen records, one line of JSON each, told apart by their ``kind``.

A job's events end with `JobDone` or `JobFailed`; the others come before it, as soon as each is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeAlias

from srbench.errors import Code, Failure, SRBenchError


@dataclass(frozen=True)
class ValueScored:
    """A metric's value for one image."""

    kind: ClassVar[str] = "value"
    cell: str
    """Key of the `srbench.execution.jobs.Cell`."""
    value: float | None
    """None where the metric is undefined or failed; infinite where SR equals HR under PSNR."""
    reason: str = ""
    """Why there is no value, or why it is infinite."""
    code: Code | None = None
    """The kind of failure where the metric could not be computed at all; None where it was, or is undefined."""
    tile: int = 0
    """Side of the tiles in LR pixels; 0 where the image went through whole."""


@dataclass(frozen=True)
class ImageDone:
    """All values of an image are out; ``saved`` where its SR was written too."""

    kind: ClassVar[str] = "image"
    image: str
    saved: bool


@dataclass(frozen=True)
class SpeedMeasured:
    """What one pass of a method costs, by the names of `srbench.inference.speed.Speed`."""

    kind: ClassVar[str] = "speed"
    figures: dict[str, float | None]
    shared: str = ""
    """What else ran on the device meanwhile; the timing then compares with nothing."""


@dataclass(frozen=True)
class PeakMeasured:
    """FLOP per second of a large matrix product on the device."""

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
    """Whether the process is no longer to be trusted."""

    @property
    def failure(self) -> Failure:
        """The code and the reason."""
        return Failure(self.code, self.reason)


@dataclass(frozen=True)
class Environment:
    """Where numbers come from: one machine, as a worker finds it."""

    kind: ClassVar[str] = "environment"
    device: str
    """As results name it, such as ``cpu, AMD EPYC, 2 threads``."""
    platform: str
    cuda: str | None
    """Version of CUDA that torch was built with."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of srbench, Python and the libraries that compute."""


@dataclass(frozen=True)
class Refused:
    """A machine cannot run jobs; says why."""

    kind: ClassVar[str] = "refused"
    reason: str


Event: TypeAlias = (
    ValueScored | ImageDone | SpeedMeasured | PeakMeasured | TimeSpent | JobDone | JobFailed | Environment | Refused
)
Emit: TypeAlias = Callable[[Event], object]
"""Takes an event as soon as it is known."""

_CLASSES: dict[str, type[Any]] = {
    event.kind: event
    for event in (
        *(ValueScored, ImageDone, SpeedMeasured, PeakMeasured, TimeSpent, JobDone, JobFailed),
        *(Environment, Refused),
    )
}


def encode(event: Event) -> dict[str, Any]:
    """Return an event as JSON can hold it."""
    return {"kind": event.kind, **asdict(event)}


def decode(message: dict[str, Any]) -> Event:
    """Return the event that `encode` was given.

    Raises:
        SRBenchError: it is none of this version's.
    """
    fields = dict(message)
    try:
        if fields.get("code") is not None:
            fields["code"] = Code(fields["code"])
        event: Event = _CLASSES[fields.pop("kind")](**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise SRBenchError("a worker answered in a form that this srbench does not know; install the same") from error
    return event
