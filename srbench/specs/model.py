"""`ModelSpec`: a method. `ModelFileSpec`: a kind of file that contains one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from srbench.defaults import PRECISIONS
from srbench.errors import SpecError
from srbench.specs.checks import NAME, check_callable, check_names, check_scales, require

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import torch


Tile: TypeAlias = int | Literal["auto", "off"]
"""Height and width of tiles in LR pixels; ``auto``: tiles only if memory does not suffice; ``off``: never."""


class Recipe(Protocol):
    """The part of a training recipe that the harness calls; `srbench.training.Recipe` documents it in full.

    The type is structural and is repeated here because specs may not import `srbench.training`.
    """

    def step(self, lr: torch.Tensor, hr: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Learn from one batch, ``(N, 3, h, w)`` and ``(N, 3, h*scale, w*scale)``; return scalars to log."""

    def state(self) -> Mapping[str, Any]:
        """Return everything that an exact resumption needs, by name."""


def _check_weights(spec: ModelSpec) -> None:
    if isinstance(spec.weights, Path):
        return
    require(hasattr(spec.weights, "items"), spec, "weights must be files by scale, {4: Path(...)}, or a folder's Path")
    weights = {scale: Path(path) for scale, path in spec.weights.items()}
    require(set(weights) <= set(spec.scales), spec, "weights are given for a scale it does not do")
    object.__setattr__(spec, "weights", MappingProxyType(weights))


@dataclass(frozen=True)
class Published:
    """A published figure of a method, with the protocol by which it was measured.

    Raises:
        SpecError: a field has the wrong type.
    """

    dataset: str
    """Name of the dataset, e.g. ``set5``."""
    scale: int
    """Scale factor."""
    metric: str
    """Name of the metric, e.g. ``psnr``."""
    value: float
    """Mean over the dataset, in the metric's unit (dB for PSNR)."""
    protocol: str
    """Name of the protocol, e.g. ``y``; any other text for a protocol that srbench does not have."""
    source: str
    """Table or page that states the figure, e.g. ``SRGAN, Table 2 (arXiv:1609.04802)``."""

    def __post_init__(self) -> None:
        names = (self.dataset, self.metric, self.protocol, self.source)
        right = all(isinstance(name, str) for name in names) and type(self.scale) is int
        if not right or isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise SpecError(f"{self}: scale must be a whole number, value a number, the others texts")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One method: a row of the leaderboard.

    Raises:
        SpecError: a field is invalid; the message names the field.
    """

    name: str
    """Name of the method: lower-case letters, digits, ``.``, ``_`` and ``-``; of a file ``PREFIX:LABEL``."""
    summary: str
    """What the method is, in one line."""
    scales: Collection[int]
    """Scales that the method supports, whole numbers from 2 to 16; becomes a frozenset."""
    build: Callable[[int], torch.nn.Module]
    """``build(scale)`` returns the network, which maps RGB ``(N, 3, h, w)`` to ``(N, 3, h*scale, w*scale)``.

    Input and output are float32 in [0, 1]; the harness clamps the output. It also moves the network to the device and
    sets eval mode. A network with several possible outputs has a method ``sample(lr)`` beside ``forward``, which draws
    one of them (``srbench upscale --samples``). A network that computes outside of torch has the attribute
    ``outside_torch = True``; its multiply-accumulates and memory are then not reported.
    """
    recipe: Callable[[Any, Any], Recipe] | None = None
    """``recipe(net, training)`` returns the training recipe; None if the method has nothing to train.

    ``net`` is what ``build`` returned. ``training`` is a `srbench.training.Training`. Both are typed Any, so that a
    recipe may name its own class of network, and because specs may not import `srbench.training`.
    """
    weights: Mapping[int, Path] | Path = field(default_factory=dict)
    """Safetensors files that the plugin ships, by scale; or a folder with files ``NAME_xSCALE.safetensors``."""
    aliases: Sequence[str] = ()
    """Other names, of the same form as the name; results carry the name."""
    family: str = ""
    """Name that methods of the same network share, e.g. ``srresnet``; empty if there is no family."""
    about: str | Path = ""
    """The idea in a few sentences of Markdown, for ``srbench info``; or a Markdown file, see `read_about`."""
    paper: str = ""
    """Source, e.g. ``arXiv:1609.05158``; empty if there is none."""
    published: Iterable[Published] = ()
    """Published figures of the method; becomes a tuple."""
    halo: int | None = None
    """Radius of the receptive field in LR pixels, by which tiles overlap; None if unknown or global: never tiled."""
    multiple: int = 1
    """LR height and width must be multiples of this number; the harness pads by replicating edges, and crops."""
    smallest: int = 1
    """Smallest LR height and width; the harness pads smaller images by replicating edges, and crops."""
    stochastic: bool = False
    """True if ``forward`` draws from torch's generator, which the harness seeds before each call; never tiled."""
    precisions: Collection[str] = PRECISIONS
    """Precisions in which the output is usable, some of `PRECISIONS`; becomes a frozenset."""
    start_from: str = ""
    """Name of the method whose weights training starts from; empty: training starts from random weights."""
    file: Path | None = None
    """For a method from a `ModelFileSpec`, the file with network and weights, which ``build`` reads; else None."""
    more_files: Sequence[Path] = ()
    """Files that belong to ``file``, such as weights that an ONNX file keeps beside it; hashed with it."""
    outputs: bool = False
    """True if ``file`` is a folder of SR images that some tool made: they are scored, and nothing is built or timed."""
    ensemble: bool = False
    """True for ``NAME+``, which srbench makes of every method: the mean over eight flips and rotations of the input."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """Facts about the training of the weights in ``file``, by name, as in the card of a weights file."""

    def __post_init__(self) -> None:
        check_names(self)
        check_scales(self)
        check_callable(self, "build")
        if self.recipe is not None:
            check_callable(self, "recipe")
        require(isinstance(self.about, str | Path), self, "about must be a text or the Path of a Markdown file")
        require(type(self.multiple) is int and self.multiple >= 1, self, "multiple must be at least 1")
        require(type(self.smallest) is int and self.smallest >= 1, self, "smallest must be at least 1")
        object.__setattr__(self, "more_files", tuple(self.more_files))
        require(self.halo is None or (type(self.halo) is int and self.halo >= 0), self, "halo must be >= 0")
        object.__setattr__(self, "precisions", frozenset(self.precisions))
        require(
            bool(self.precisions) and set(self.precisions) <= set(PRECISIONS),
            self,
            f"precisions must be some of {', '.join(PRECISIONS)}",
        )
        _check_weights(self)
        require(self.file is None or self.recipe is None, self, "a file that is a method has no recipe")
        object.__setattr__(self, "card", MappingProxyType(dict(self.card)))
        published = tuple(self.published)
        require(all(isinstance(p, Published) for p in published), self, "published must hold Published")
        object.__setattr__(self, "published", published)

    def read_about(self) -> str:
        """Return `about` as a Markdown text. A file is read only now.

        A file may describe a family. Its text before the first ``##`` heading applies to every method of the family.
        A section applies to the methods that its heading names: ``## wgan, wgan-gp``. A title (``# ...``) is left out.

        Raises:
            SpecError: the file cannot be read; the message names the method and the file.
        """
        if isinstance(self.about, str):
            return self.about
        try:
            text = self.about.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise SpecError(f"ModelSpec {self.name!r}: about file {self.about} cannot be read ({reason})") from error
        introduction, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
        parts = [re.sub(r"^\s*# .*", "", introduction)]
        for section in sections:
            heading, _, body = section.partition("\n")
            if self.name in (name.strip() for name in heading.split(",")):
                parts.append(body)
        return "\n\n".join(part.strip() for part in parts if part.strip())

    @property
    def shipped(self) -> Mapping[int, Path]:
        """The weights files that the plugin ships, by scale."""
        if not isinstance(self.weights, Path):
            return self.weights
        files = {scale: self.weights / f"{self.name}_x{scale}.safetensors" for scale in self.scales}
        return {scale: file for scale, file in files.items() if file.is_file()}

    @property
    def base(self) -> str:
        """The name of the method that weights and trainings belong to: without the ``+`` of a self-ensemble."""
        return self.name.removesuffix("+") if self.ensemble else self.name

    @property
    def scales_text(self) -> str:
        """The scales as people write them: ``x2, x4``."""
        return ", ".join(f"x{scale}" for scale in sorted(self.scales))

    def lacks_scale(self, scale: int) -> str:
        """Return that the method does not do a scale, and which it does; empty where it does it."""
        return "" if scale in self.scales else f"does not do x{scale}; it does {self.scales_text}"

    @property
    def indivisible(self) -> str:
        """The reason why an image cannot be processed in tiles; empty if it can."""
        if self.stochastic:
            return "its output is drawn at random, and tiles would be drawn apart"
        return "" if self.halo is not None else "its spec states no halo, so a pixel may depend on the whole image"

    @property
    def reference(self) -> str:
        """The name by which the catalog of another process finds the method; of a file ``NAME=PREFIX:PATH``."""
        prefix, _, label = self.base.partition(":")
        mark = self.name.removeprefix(self.base)
        return f"{label}={prefix}:{self.file}{mark}" if self.file else self.name


@dataclass(frozen=True, kw_only=True)
class ModelFileSpec:
    """A kind of file that contains a method, i.e. network and weights; `srbench_models` may return it too.

    Raises:
        SpecError: a field is invalid.
    """

    name: str
    """Prefix by which users name such files: ``onnx`` for ``onnx:PATH``; of the form of a method's name."""
    summary: str
    """The kind of file and the library that runs it, in one line."""
    open: Callable[[str, Path], ModelSpec]
    """``open(name, path)`` reads the file and returns its method, with this name and ``file=path``.

    It raises a `UsageError` that states the reason if the file is not a method.
    """
    suffixes: Sequence[str]
    """Suffixes of the files, lower-case, with the dot, e.g. ``.onnx``; none for folders."""
    folders: bool = False
    """Whether ``PATH`` is a folder."""
    aliases: Sequence[str] = ()
    """Other prefixes."""

    def __post_init__(self) -> None:
        for name in ("suffixes", "aliases"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise SpecError(f"ModelFileSpec {self.name!r}: {name} is the text {value!r}; write ({value!r},)")
            object.__setattr__(self, name, tuple(value))
        for name in (self.name, *self.aliases):
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise SpecError(f"ModelFileSpec {name!r}: must be lower-case letters, digits, '.', '_' or '-'")
        if not callable(self.open):
            raise SpecError(f"ModelFileSpec {self.name!r}: open must be callable")
        suffixes = all(isinstance(suffix, str) and suffix.startswith(".") for suffix in self.suffixes)
        if not suffixes or bool(self.suffixes) == self.folders:
            raise SpecError(f"ModelFileSpec {self.name!r}: suffixes must be some of '.onnx', '.pth', ...")
