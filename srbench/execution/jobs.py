"""The input of a worker: its session settings, and jobs (one method on some images), each a line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from srbench import defaults

if TYPE_CHECKING:
    from srbench.specs import Tile


@dataclass(frozen=True)
class Session:
    """Settings shared by all jobs of a worker."""

    device: str = "auto"
    threads: int = 0
    """CPU threads; 0 for torch's default."""
    plugins: tuple[str, ...] = ()
    """Absolute paths of plugin files."""
    scoring: tuple[str, ...] = ()
    """Plugins of the datasets and metrics, by `srbench.catalog.plugin.Plugin.key`; empty for all."""
    precision: str = "fp32"
    compiled: bool = False
    """Run networks through torch.compile."""
    tile: Tile = "auto"
    """Height and width of tiles in LR pixels, or when to use tiles."""
    max_memory: int = 0
    """Memory limit of the process, in bytes; 0 for no limit."""

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Session:
        """Return a session from its ``dataclasses.asdict``, decoded from JSON."""
        tuples = {name: tuple(settings[name]) for name in ("plugins", "scoring")}
        return cls(**settings | tuples)


@dataclass(frozen=True)
class Cell:
    """One value to compute: a metric of an image, under a protocol if the metric uses one."""

    key: str
    metric: str
    protocol: str = ""


@dataclass(frozen=True)
class Job:
    """One method on a chunk of a dataset's images; without images, its speed; without a method, the device's speed."""

    method: str
    """Name in results."""
    scale: int
    dataset: str = ""
    """Name, or absolute path of a folder."""
    images: dict[str, list[Cell]] = field(default_factory=dict)
    save_to: dict[str, str] = field(default_factory=dict)
    """SR file to write, by image name; HR and LR are written to folders beside its own."""
    speed: dict[str, Any] | None = None
    """Fields of `srbench.inference.speed.SpeedSettings` for a measurement of speed."""
    weights: str = ""
    """Path of the weights; empty for methods without parameters."""
    outputs: dict[str, str] = field(default_factory=dict)
    """SR file by image name, of a method that is a folder of SR images; nothing is upscaled then."""
    degradation: str = defaults.DEGRADATION
    reference: str = ""
    """The method's name in the catalog if it differs, as for methods that are model files."""
    plugin: str = ""
    """The method's plugin, by `srbench.catalog.plugin.Plugin.key`; empty to load all."""
    expected: dict[str, str] = field(default_factory=dict)
    """Hashes that another machine must match: ``plugin``, ``weights``, ``image NAME``."""

    def to_json(self) -> str:
        """Return the job as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Job:
        """Return the job that `to_json` wrote."""
        fields = json.loads(line)
        fields["images"] = {name: [Cell(**cell) for cell in cells] for name, cells in fields["images"].items()}
        return cls(**fields)
