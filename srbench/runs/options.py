"""The options of a run, each once: name, type, default, range, help.

The command line, `srbench.run` and `srbench.runs.request.Request` are made of these, or tested against them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench import defaults
from srbench.defaults import EXECUTORS, LEAST_TILE, PRECISIONS
from srbench.errors import UsageError
from srbench.system.json_forms import NONE, NUMBER, TEXT, Each, Several

if TYPE_CHECKING:
    from srbench.specs import Tile

UNBOUNDED = 2**63


@dataclass(frozen=True)
class Sort:
    """A type of values."""

    form: Any
    """How ``run.json`` holds a value; see `srbench.system.json_forms`."""
    expected: str
    """What a value must be, for messages; may name ``{bounds}`` and ``{words}`` of a `Kind`."""
    accepts: Callable[[Kind, Any], bool]
    """Whether a value is of the type and within the bounds of a `Kind`."""


def _is_number(kind: Kind, value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return kind.least <= value <= kind.most and not (kind.above and value == kind.least)  # never nan or infinite


def _is_whole(kind: Kind, value: Any) -> bool:
    return isinstance(value, int) and _is_number(kind, value)


def _are_texts(_: Kind, value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(text, str) for text in value)


SORTS = {
    "names": Sort(Several(TEXT), "one name or several", lambda kind, v: _are_texts(kind, v) and bool(v) and all(v)),
    "texts": Sort(Several(TEXT), "texts", _are_texts),
    "text": Sort(TEXT, "a text", lambda _, value: isinstance(value, str)),
    "choices": Sort(Each(TEXT), "a mapping from names to texts", lambda _, value: isinstance(value, Mapping)),
    "folder": Sort(TEXT, "a folder", lambda _, value: isinstance(value, Path)),
    "flag": Sort((bool,), "True or False", lambda _, value: isinstance(value, bool)),
    "word": Sort(TEXT, "one of {words}", lambda kind, value: value in kind.words),
    "whole": Sort((int, NONE), "a whole number {bounds}", _is_whole),
    "wholes": Sort(
        Several((int,)),
        "whole numbers {bounds}",
        lambda kind, value: isinstance(value, tuple) and bool(value) and all(_is_whole(kind, n) for n in value),
    ),
    "number": Sort(NUMBER, "a number {bounds}", _is_number),
    "tile": Sort(
        (int, str),
        "'auto', 'off' or a number of LR pixels {bounds}",
        lambda kind, value: value in ("auto", "off") or _is_whole(kind, value),
    ),
}


@dataclass(frozen=True)
class Kind:
    """The values that an option takes."""

    sort: str
    """One of `SORTS`: ``names`` is a tuple of at least one text, ``choices`` a text by name, ``tile`` a `Tile`."""
    least: float = 0
    most: float = UNBOUNDED
    above: bool = False
    """Whether ``least`` itself is too little."""
    optional: bool = False
    """Whether None is a value too."""
    words: tuple[str, ...] = ()
    """All values of a ``word``."""

    @property
    def form(self) -> Any:
        """How ``run.json`` holds a value; see `srbench.system.json_forms`."""
        return SORTS[self.sort].form

    def accepts(self, value: Any) -> bool:
        """Return whether a value is valid."""
        return self.optional if value is None else bool(SORTS[self.sort].accepts(self, value))

    @property
    def expected(self) -> str:
        """What a value must be, for messages."""
        bounds = f"{'above' if self.above else 'from'} {self.least:g}"
        bounds += f" to {self.most:g}" if self.most < UNBOUNDED else ""
        return SORTS[self.sort].expected.format(bounds=bounds, words=", ".join(self.words))


NAMES, TEXTS, ONE_TEXT, CHOICES = Kind("names"), Kind("texts"), Kind("text"), Kind("choices")
FLAG = Kind("flag")


@dataclass(frozen=True)
class Option:
    """What is known of one option beside its name and default."""

    kind: Kind
    help: str
    recorded: bool = True
    """Whether results depend on it, so that ``run.json`` holds it and ``srbench rerun`` asks for it again."""
    keyword: str = ""
    """Its name in `srbench.run`, where that is another."""


def _option(
    kind: Kind, text: str, default: Any = None, *, recorded: bool = True, keyword: str = "", needed: bool = False
) -> Any:
    metadata = {"option": Option(kind, text, recorded, keyword)}
    if needed:
        return field(metadata=metadata)
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What ``srbench run`` may be told."""

    methods: tuple[str, ...] = _option(NAMES, "Methods to compare; see 'srbench list methods'.", needed=True)
    datasets: tuple[str, ...] = _option(
        NAMES,
        "Datasets by name, folders of images (HR, or HR and LR), or NAME=FOLDER.",
        (defaults.DATASET,),
        keyword="dataset",
    )
    scales: tuple[int, ...] = _option(Kind("wholes", 2, 16), "Scale factors.", (4,), keyword="scale")
    protocols: tuple[str, ...] = _option(
        NAMES, "Scoring protocols; see 'srbench list protocols'.", (defaults.PROTOCOL,), keyword="protocol"
    )
    metrics: tuple[str, ...] = _option(NAMES, "Metrics; see 'srbench list metrics'.", defaults.METRICS)
    degradation: str = _option(
        ONE_TEXT, "How LR is made from HR; see 'srbench list degradations'.", defaults.DEGRADATION
    )
    out: Path | None = _option(
        Kind("folder", optional=True), "Folder of the run [default: runs/<date-time>]", recorded=False
    )
    sort: str = _option(ONE_TEXT, "Column that ranks the leaderboard.", defaults.SORT, recorded=False)
    speed: bool = _option(FLAG, "Measure speed.", True)
    speed_size: int = _option(Kind("whole", 8, 8192), "LR height and width for speed, in pixels.", 256)
    speed_batch: int = _option(Kind("whole", 1, 1024), "Images per batch for speed.", 1)
    speed_seconds: float = _option(Kind("number", 0, 600, above=True), "How long each speed is measured.", 2.0)
    weights: Mapping[str, str] = _option(
        CHOICES, "Weights by method [default: those shipped with the plugin, else those trained on this machine]", {}
    )
    train_on: tuple[str, ...] = _option(
        TEXTS, "Train the methods that have no weights first, on these sets.", (), keyword="train"
    )
    train_steps: int | None = _option(Kind("whole", 1, optional=True), "Steps of each training [default: the recipe's]")
    save_images: bool = _option(FLAG, "Keep the SR images as PNG in OUT/images.", False)
    limit_images: int = _option(
        Kind("whole"), "Score only the first N images of each dataset, as a quick look; 0: all.", 0
    )
    images: tuple[str, ...] = _option(TEXTS, "Score only these images, by name (butterfly or set5/butterfly).", ())
    force: bool = _option(FLAG, "Score again what is already there.", False, recorded=False)
    device: str = _option(ONE_TEXT, "auto, cpu, cuda, cuda:1, ...", "auto")
    precision: str = _option(
        Kind("word", words=PRECISIONS), "What networks compute in, for quality and speed alike.", "fp32"
    )
    compiled: bool = _option(FLAG, "Run networks by torch.compile, CUDA graphs included.", False)
    tile: Tile = _option(
        Kind("tile", LEAST_TILE),
        "Enlarge in tiles of N x N LR pixels, with overlap; auto: where memory would not do.",
        "auto",
    )
    threads: int = _option(Kind("whole", 0, 1024), "CPU threads; 0: torch's choice.", 0)
    timeout_s: float = _option(
        Kind("number"), "Longest time in seconds for one image or one measurement of speed; 0: no limit.", 1800
    )
    max_memory: int = _option(Kind("whole"), "Most bytes that a method's process may use; 0: no limit.", 0)
    inline: bool = _option(
        FLAG, "Run jobs in this process, for debugging: no time-out, no isolation.", False, recorded=False
    )
    executor: str = _option(
        Kind("word", words=EXECUTORS),
        "Where jobs run: a worker process here, a Dask cluster, or SLURM (by submitit).",
        "local",
        recorded=False,
    )
    scheduler: str = _option(
        ONE_TEXT, "Address of Dask's scheduler [default: a local cluster of --workers]", "", recorded=False
    )
    workers: int = _option(
        Kind("whole", 0, 4096),
        "Workers of a local Dask cluster, or most SLURM jobs at once [default: 2, 64]",
        0,
        recorded=False,
    )
    slurm: tuple[str, ...] = _option(
        TEXTS,
        "What SLURM jobs need, each [METHOD:]NAME=VALUE,...: partition, gpus, cpus, time, mem, any of sbatch's; "
        "cluster=local runs them here.",
        (),
        recorded=False,
    )
    plugins: tuple[str, ...] = _option(TEXTS, "Plugin files to load too.", ())

    @property
    def speed_settings(self) -> dict[str, Any]:
        """Settings by the names of `srbench.inference.speed.SpeedSettings`; without speed, costs are only counted."""
        if not self.speed:
            return {"size": self.speed_size, "batch": self.speed_batch, "timed": False}
        return {"size": self.speed_size, "batch": self.speed_batch, "seconds": self.speed_seconds}

    @property
    def recorded_precision(self) -> str:
        """The precision as results name it: compiled networks compute other values."""
        return self.precision + (" compiled" if self.compiled else "")

    def check(self) -> None:
        """Refuse values that cannot be meant.

        Raises:
            UsageError: one of them; names the option.
        """
        for name, option in OPTIONS.items():
            value = getattr(self, name)
            if not option.kind.accepts(value):
                raise UsageError(f"{option.keyword or name} must be {option.kind.expected}, not {value!r}")


OPTIONS: dict[str, Option] = {option.name: option.metadata["option"] for option in fields(RunOptions)}


def default_of(name: str) -> Any:
    """Return the default of an option."""
    return next(option for option in fields(RunOptions) if option.name == name).default
