"""The four specs that plugins return, and the small frozen records that flow between rooms.

Nothing here imports torch: a spec says what exists and how to build it, and building happens later.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from srbench.errors import SpecError, SRBenchError, UsageError, say

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import torch

    from srbench.protocols import Protocol as ScoringProtocol

NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
FILE_NAME = re.compile(f"{NAME.pattern}:{NAME.pattern}")
PRECISIONS = ("fp32", "bf16", "fp16")
Tile: TypeAlias = int | Literal["auto", "off"]
"""Height and width of tiles in LR pixels; or tiles where memory would not do, or never."""
LEAST_TILE = 16
TOLERANCE = {"psnr": 0.05, "ssim": 0.002}
"""Of published figures: what rounding to their digits and small differences between scripts come to."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def _require(condition: bool, spec: object, message: str) -> None:
    if not condition:
        raise SpecError(f"{type(spec).__name__} {getattr(spec, 'name', '?')!r}: {message}")


def _check_names(spec: ModelSpec | LossSpec | DatasetSpec | MetricSpec) -> None:
    """Coerce aliases and check what the four kinds have in common."""
    text = isinstance(spec.aliases, str)
    _require(not text, spec, f"aliases is the text {spec.aliases!r}; write ({spec.aliases!r},)")
    object.__setattr__(spec, "aliases", tuple(spec.aliases))
    form = FILE_NAME if getattr(spec, "file", None) else NAME
    for name in (spec.name, *spec.aliases):
        _require(
            isinstance(name, str) and form.fullmatch(name) is not None,
            spec,
            f"name {name!r} must be lower-case letters, digits, '.', '_' or '-'",
        )
    _require(isinstance(spec.summary, str) and bool(spec.summary.strip()), spec, "summary is empty")
    _require(spec.summary.isprintable(), spec, "summary must be one line of printable text")


def _check_weights(spec: ModelSpec) -> None:
    if isinstance(spec.weights, Path):
        return
    _require(hasattr(spec.weights, "items"), spec, "weights must be files by scale, {4: Path(...)}, or a folder's Path")
    weights = {scale: Path(path) for scale, path in spec.weights.items()}
    _require(set(weights) <= set(spec.scales), spec, "weights are given for a scale it does not do")
    object.__setattr__(spec, "weights", MappingProxyType(weights))


def _check_scales(spec: ModelSpec | DatasetSpec) -> None:
    try:
        scales = frozenset(spec.scales)
    except TypeError:
        scales = frozenset()
    _require(bool(scales), spec, "scales must be a non-empty set of whole numbers")
    _require(
        all(type(scale) is int and 1 < scale <= 16 for scale in scales),
        spec,
        f"scales must be whole numbers from 2 to 16, not {sorted(scales, key=str)}",
    )
    object.__setattr__(spec, "scales", scales)


def _check_callable(spec: object, name: str) -> None:
    _require(callable(getattr(spec, name)), spec, f"{name} must be callable")


@dataclass(frozen=True)
class Published:
    """A figure that a paper prints for a method, with the protocol it was measured by."""

    dataset: str
    scale: int
    metric: str
    value: float
    protocol: str
    source: str

    def __post_init__(self) -> None:
        names = (self.dataset, self.metric, self.protocol, self.source)
        right = all(isinstance(name, str) for name in names) and type(self.scale) is int
        if not right or isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise SpecError(f"{self}: scale must be a whole number, value a number, the others texts")

    @property
    def tolerance(self) -> float:
        """How far a figure may be from it and still count as the same."""
        return TOLERANCE.get(self.metric, 0.02 * abs(self.value))


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One method: a row of the leaderboard.

    ``build(scale)`` returns a ``torch.nn.Module`` that maps float32 RGB in [0, 1] of shape ``(N, 3, h, w)``
    to ``(N, 3, h*scale, w*scale)``. The harness moves it to its device and puts it into eval mode. A network that knows
    several answers has a method ``sample`` beside ``forward``, which draws one of them (``srbench upscale --samples``).
    One that computes outside of torch sets ``outside_torch = True``: its MACs and its memory are then left open.

    Raises:
        SpecError: a field is invalid; the message names the field.
    """

    name: str
    summary: str
    scales: Collection[int]
    build: Callable[[int], torch.nn.Module]
    recipe: Callable[[Any, Any], Any] | None = None
    """Training recipe ``recipe(net, training)``; None for methods that have nothing to learn."""
    weights: Mapping[int, Path] | Path = field(default_factory=dict)
    """Safetensors files shipped with the plugin, by scale; or the folder where they are ``NAME_xSCALE.safetensors``."""
    aliases: Sequence[str] = ()
    family: str = ""
    about: str = ""
    """The idea in a few sentences, for ``srbench info``: plain text, paragraphs apart by an empty line."""
    paper: str = ""
    published: Iterable[Published] = ()
    halo: int | None = None
    """Receptive-field radius in LR pixels, the overlap of tiles; None when unknown or global: whole images only."""
    multiple: int = 1
    """LR height and width must be multiples of this; the harness pads (replicating edges) and crops."""
    stochastic: bool = False
    precisions: Collection[str] = PRECISIONS
    """In which it gives usable images: lower ones are torch's autocast, which most networks bear."""
    start_from: str = ""
    """Method whose weights training starts from."""
    file: Path | None = None
    """The file that holds network and weights, which ``build`` reads, of a method that is one; see `ModelFileSpec`."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of how its weights were made, as the card of weights does."""

    def __post_init__(self) -> None:
        _check_names(self)
        _check_scales(self)
        _check_callable(self, "build")
        if self.recipe is not None:
            _check_callable(self, "recipe")
        _require(type(self.multiple) is int and self.multiple >= 1, self, "multiple must be at least 1")
        _require(self.halo is None or (type(self.halo) is int and self.halo >= 0), self, "halo must be >= 0")
        object.__setattr__(self, "precisions", frozenset(self.precisions))
        _require(
            bool(self.precisions) and set(self.precisions) <= set(PRECISIONS),
            self,
            f"precisions must be some of {', '.join(PRECISIONS)}",
        )
        _check_weights(self)
        _require(self.file is None or self.recipe is None, self, "a file that is a method has no recipe")
        object.__setattr__(self, "card", MappingProxyType(dict(self.card)))
        published = tuple(self.published)
        _require(all(isinstance(p, Published) for p in published), self, "published must hold Published")
        object.__setattr__(self, "published", published)

    @property
    def shipped(self) -> Mapping[int, Path]:
        """Return the files of weights that the plugin brings, by scale."""
        if not isinstance(self.weights, Path):
            return self.weights
        files = {scale: self.weights / f"{self.name}_x{scale}.safetensors" for scale in self.scales}
        return {scale: file for scale, file in files.items() if file.is_file()}

    @property
    def indivisible(self) -> str:
        """Why an image cannot be cut into tiles for it; empty if it can."""
        if self.stochastic:
            return "its output is drawn at random, and tiles would be drawn apart"
        return "" if self.halo is not None else "its spec states no halo, so a pixel may depend on the whole image"

    @property
    def reference(self) -> str:
        """What another process asks its catalog for: the name, or of a file ``NAME=PREFIX:PATH``."""
        prefix, _, label = self.name.partition(":")
        return f"{label}={prefix}:{self.file}" if self.file else self.name


@dataclass(frozen=True, kw_only=True)
class LossSpec:
    """A training loss: ``build()`` returns a callable ``(sr, hr) -> scalar tensor``.

    Both inputs are float RGB of shape ``(N, 3, H, W)``; HR is in [0, 1], SR is not clamped.

    Raises:
        SpecError: a field is invalid.
    """

    name: str
    summary: str
    build: Callable[[], Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]
    aliases: Sequence[str] = ()
    formula: str = ""
    """In plain Unicode, of SR ŷ and HR y, for ``srbench info``: ``mean (ŷ - y)²``."""
    zero_at_equality: bool = False
    """Claims that the loss is 0 where SR equals HR; ``srbench check`` holds it to that."""
    paper: str = ""

    def __post_init__(self) -> None:
        _check_names(self)
        _check_callable(self, "build")


def _check_inside(kind: str, path: str) -> None:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path or not parts.parts:
        raise SpecError(f"{kind} path {path!r} must be relative and stay inside the cache")


@dataclass(frozen=True)
class Asset:
    """A file with a known SHA-256, found in the cache or a mirror under ``path``, else downloaded from ``url``."""

    path: str
    sha256: str
    url: str = ""

    def __post_init__(self) -> None:
        _check_inside("asset", self.path)
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise SpecError(f"asset {self.path}: sha256 must be 64 lower-case hex digits")


@dataclass(frozen=True)
class Archive:
    """A zip or tar file, one folder of which holds the images of a dataset.

    A mirror has it under ``path``, e.g. ``datasets/div2k/DIV2K_train_HR.zip``; else it is downloaded from ``url``. The
    cache keeps the images, in a folder of the archive's name, and not the archive.

    Raises:
        SpecError: a field is invalid.
    """

    path: str
    url: str = ""
    folder: str = ""
    """The folder inside that the images lie in; its subfolders and everything else stay packed."""
    images: int = 0
    """How many there must be; 0 where unknown."""
    size: int = 0
    """Of the archive, in bytes; 0 where unknown."""
    hash: str = ""
    """``sha256:HEX`` or ``md5:HEX``; empty where none is published: then the archive's own checksums must do."""

    def __post_init__(self) -> None:
        _check_inside("archive", self.path)
        if not self.name:
            raise SpecError(f"archive {self.path}: must end in one of {', '.join(ARCHIVES)}")
        if self.hash and not re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", self.hash):
            raise SpecError(f"archive {self.path}: hash must be sha256: or md5: and lower-case hex digits")

    @property
    def name(self) -> str:
        """The file's name without its suffix, which the folder in the cache has."""
        file = PurePosixPath(self.path).name
        return next((file.removesuffix(suffix) for suffix in ARCHIVES if file.endswith(suffix)), "")


@dataclass(frozen=True)
class ImagePair:
    """One image of a dataset: its HR file and, where the set brings its own, the LR file."""

    name: str
    hr: Path | Asset
    lr: Path | Asset | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A named set of images, listed by ``images(scale)`` without opening any, or the images in an ``archive``.

    Without an ``lr`` file, LR is made from HR by the benchmark bicubic.

    Raises:
        SpecError: a field is invalid.
    """

    name: str
    summary: str
    scales: Collection[int]
    images: Callable[[int], Sequence[ImagePair]] | None = None
    archive: Archive | None = None
    """Instead of ``images``, for a set that comes in one piece: it is listed when it has been unpacked."""
    aliases: Sequence[str] = ()
    training: bool = False
    """Meant to be trained on: ``srbench check`` then looks for images of the other sets in it."""
    source: str = ""
    refusals: Mapping[int, str] = field(default_factory=dict)
    """Why a scale that users may ask for does not exist."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Images that the source has and the set leaves out, with the reason; written into the card of weights."""

    def __post_init__(self) -> None:
        _check_names(self)
        _check_scales(self)
        _require(self.images is not None or self.archive is not None, self, "it has neither images nor an archive")
        if self.images is not None:
            _check_callable(self, "images")
        object.__setattr__(self, "refusals", MappingProxyType(dict(self.refusals)))
        object.__setattr__(self, "excluded", MappingProxyType(dict(self.excluded)))

    def check_scale(self, scale: int) -> None:
        """Refuse a scale that the set does not exist at.

        Raises:
            UsageError: says why.
        """
        if scale not in self.scales:
            does = ", ".join(f"x{s}" for s in sorted(self.scales))
            reason = self.refusals.get(scale, f"it has {does}")
            raise UsageError(f"dataset {self.name} does not exist at x{scale}: {reason}")

    def pairs(self, scale: int) -> list[ImagePair]:
        """List the images at a scale.

        Raises:
            UsageError: the set does not exist at this scale, names an image twice, or is an archive not yet unpacked.
        """
        self.check_scale(scale)
        if self.images is None:
            raise UsageError(f"dataset {self.name} is not here yet: 'srbench fetch {self.name}' gets it")
        try:
            pairs = list(self.images(scale))
        except SRBenchError:
            raise
        except Exception as error:  # a plugin may raise anything
            raise UsageError(f"dataset {self.name}: images({scale}) failed: {say(error)}") from error
        if strangers := [pair for pair in pairs if not isinstance(pair, ImagePair)]:
            raise UsageError(f"dataset {self.name}: images({scale}) gave {strangers[0]!r:.60}, which is no ImagePair")
        for pair in pairs:
            files = {"hr": pair.hr, **({} if pair.lr is None else {"lr": pair.lr})}
            if wrong := [f"{role}={file!r:.60}" for role, file in files.items() if not isinstance(file, Path | Asset)]:
                raise UsageError(f"dataset {self.name}: {pair.name!r} has {wrong[0]}, which is no Path and no Asset")
            if (
                not isinstance(pair.name, str)
                or not pair.name
                or set(pair.name) & set("/\\\0")
                or pair.name in (".", "..")
            ):
                raise UsageError(f"dataset {self.name}: {pair.name!r} cannot be the name of an image")
        (name, count), *_ = Counter(pair.name for pair in pairs).most_common(1) or [("", 0)]
        if count > 1:
            raise UsageError(f"dataset {self.name}: {count} images are named {name!r}; rename all but one")
        return pairs


class Metric(Protocol):
    """What a metric's ``build()`` returns.

    Images arrive as ``(C, H, W)``, or as ``(N, C, H, W)`` with `MetricSpec.batched`: where the protocol applies, its
    channels in [0, 255] as float64 with the border already cut; otherwise RGB in [0, 1] as float32, whole.
    Other metrics see the same tensors: change none in place.
    """

    def prepare(self, hr: torch.Tensor, protocol: ScoringProtocol) -> Any:
        """Compute what depends on HR alone; shared by all methods."""

    def score(self, sr: torch.Tensor, prepared: Any) -> float | torch.Tensor:
        """Score an SR image against what `prepare` returned.

        Raises:
            UndefinedScoreError: the metric has no value here.
        """


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """A quality metric.

    Raises:
        SpecError: a field is invalid.
    """

    name: str
    summary: str
    build: Callable[[], Metric]
    better: Literal["higher", "lower"]
    version: str = "1"
    """Changes whenever values would; part of every result's key."""
    uses_protocol: bool = True
    """False when the protocol's channel and border do not apply (LPIPS: always RGB, never cut)."""
    batched: bool = False
    """True when both steps take ``(N, C, H, W)``, images of one size, instead, and `score` returns their ``(N,)``
    values: a GPU is given several images at once, a CPU one. Of a batch with an `UndefinedScoreError` each image is
    scored again alone."""
    backbone: str = ""
    """Pretrained feature network that must be fetched first."""
    decimals: int = 4
    aliases: Sequence[str] = ()
    paper: str = ""

    def __post_init__(self) -> None:
        _check_names(self)
        _check_callable(self, "build")
        _require(self.better in ("higher", "lower"), self, "better must be 'higher' or 'lower'")
        _require(bool(self.version), self, "version is empty")

    @property
    def identity(self) -> str:
        """Name, version and backbone as recorded with every value, e.g. ``lpips/0.1/alexnet``."""
        return "/".join(part for part in (self.name, self.version, self.backbone) if part)
