"""A dataset: its images, and the files and archives they come in."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from srbench.errors import SpecError, SRBenchError, UsageError, say
from srbench.specs.checks import check_callable, check_names, check_scales, require

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence


ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


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
        check_names(self)
        check_scales(self)
        require(self.images is not None or self.archive is not None, self, "it has neither images nor an archive")
        if self.images is not None:
            check_callable(self, "images")
        object.__setattr__(self, "refusals", MappingProxyType(dict(self.refusals)))
        object.__setattr__(self, "excluded", MappingProxyType(dict(self.excluded)))

    @property
    def scales_text(self) -> str:
        """The scales as people write them: ``x2, x4``."""
        return ", ".join(f"x{scale}" for scale in sorted(self.scales))

    def check_scale(self, scale: int) -> None:
        """Refuse a scale that the set does not exist at.

        Raises:
            UsageError: says why.
        """
        if scale not in self.scales:
            reason = self.refusals.get(scale, f"it has {self.scales_text}")
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
