"""A method: `ModelSpec`, or `ModelFileSpec` for a kind of file that is one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from srbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import torch

from typing import TYPE_CHECKING

from srbench.specs.checks import NAME, check_callable, check_names, check_scales, require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


PRECISIONS = ("fp32", "bf16", "fp16")
Tile: TypeAlias = int | Literal["auto", "off"]
"""Height and width of tiles in LR pixels; or tiles where memory would not do, or never."""
LEAST_TILE = 16
TOLERANCE = {"psnr": 0.05, "ssim": 0.002}
"""Of published figures: what rounding to their digits and small differences between scripts come to."""


def _check_weights(spec: ModelSpec) -> None:
    if isinstance(spec.weights, Path):
        return
    require(hasattr(spec.weights, "items"), spec, "weights must be files by scale, {4: Path(...)}, or a folder's Path")
    weights = {scale: Path(path) for scale, path in spec.weights.items()}
    require(set(weights) <= set(spec.scales), spec, "weights are given for a scale it does not do")
    object.__setattr__(spec, "weights", MappingProxyType(weights))


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
    about: str | Path = ""
    """The idea in a few sentences of Markdown, for ``srbench info``; or a Markdown file, see `read_about`."""
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
        check_names(self)
        check_scales(self)
        check_callable(self, "build")
        if self.recipe is not None:
            check_callable(self, "recipe")
        require(isinstance(self.about, str | Path), self, "about must be a text or the Path of a Markdown file")
        require(type(self.multiple) is int and self.multiple >= 1, self, "multiple must be at least 1")
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
class ModelFileSpec:
    """A kind of file that is a method; `srbench_models` returns it beside or instead of `ModelSpec`.

    Raises:
        SpecError: a field is invalid.
    """

    name: str
    """The prefix: ``onnx`` stands for ``onnx:PATH``."""
    summary: str
    open: Callable[[str, Path], ModelSpec]
    """``open(name, path)`` looks into the file and returns its method, with that name and ``file=path``."""
    suffixes: Sequence[str]
    """Of the files, lower-case, with the dot."""
    aliases: Sequence[str] = ()

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
        if not self.suffixes or not all(isinstance(s, str) and s.startswith(".") for s in self.suffixes):
            raise SpecError(f"ModelFileSpec {self.name!r}: suffixes must be some of '.onnx', '.pth', ...")
