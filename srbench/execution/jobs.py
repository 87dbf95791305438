"""What a worker is given: how it is set up, and one method on some images, as a line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from srbench import defaults

if TYPE_CHECKING:
    from srbench.specs import Tile


@dataclass(frozen=True)
class Session:
    """What holds for all jobs of a worker."""

    device: str = "auto"
    threads: int = 0
    """CPU threads; 0 leaves torch's choice."""
    plugins: tuple[str, ...] = ()
    """Plugin files, absolute."""
    precision: str = "fp32"
    compiled: bool = False
    """Run networks by torch.compile."""
    tile: Tile = "auto"
    """Whether images go through networks in tiles."""
    max_memory: int = 0
    """Bytes that this process may use; 0 for no limit."""

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Session:
        """Read what ``dataclasses.asdict`` and JSON made of a session."""
        return cls(**settings | {"plugins": tuple(settings["plugins"])})


@dataclass(frozen=True)
class Cell:
    """One value to compute: a metric of an image, under a protocol where the metric uses one."""

    key: str
    metric: str
    protocol: str = ""


@dataclass(frozen=True)
class Job:
    """One method on one chunk of a dataset's images; without images, its speed; without a method, the device's."""

    method: str
    """As rows have it."""
    scale: int
    dataset: str = ""
    """Name, or absolute path of a folder."""
    images: dict[str, list[Cell]] = field(default_factory=dict)
    save_to: dict[str, str] = field(default_factory=dict)
    """File to write the SR image to, by image name; HR and LR go into folders beside its own."""
    speed: dict[str, Any] | None = None
    """Settings of a measurement of speed, by the names of `srbench.inference.speed.SpeedSettings`."""
    weights: str = ""
    """File of weights; empty for methods that have nothing to learn."""
    degradation: str = defaults.DEGRADATION
    reference: str = ""
    """What the catalog is asked for where the method's name is not enough: of a method that is a file."""
    expected: dict[str, str] = field(default_factory=dict)
    """Hashes by which another machine sees whether it has the same: ``plugin``, ``weights``, ``image NAME``."""

    def to_json(self) -> str:
        """Return the job as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Job:
        """Read what `to_json` wrote."""
        fields = json.loads(line)
        fields["images"] = {name: [Cell(**cell) for cell in cells] for name, cells in fields["images"].items()}
        return cls(**fields)
