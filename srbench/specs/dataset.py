"""`DatasetSpec`: a dataset, its image pairs, and the files and archives that contain them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

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
    """A file with a known SHA-256. It is taken from the cache or a mirror, else downloaded.

    Raises:
        SpecError: a field is invalid.
    """

    path: str
    """Path in the cache and in mirrors, relative, with ``/``, e.g. ``datasets/t91/t1.bmp``."""
    sha256: str
    """SHA-256 of the file, 64 lower-case hex digits."""
    url: str = ""
    """Address for the download; empty if the file has none, so that only a mirror can have it."""

    def __post_init__(self) -> None:
        _check_inside("asset", self.path)
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise SpecError(f"asset {self.path}: sha256 must be 64 lower-case hex digits")


@dataclass(frozen=True)
class Archive:
    """A zip or tar file that contains the images of a dataset in one folder.

    It is taken from a mirror, else downloaded. The cache keeps the unpacked images in a folder of the archive's name,
    but not the archive.

    Raises:
        SpecError: a field is invalid.
    """

    path: str
    """Path in mirrors, relative, e.g. ``datasets/div2k/DIV2K_train_HR.zip``; it ends in one of `ARCHIVES`."""
    url: str = ""
    """Address for the download; empty if it has none, so that only a mirror can have it."""
    folder: str = ""
    """Folder in the archive that contains the images; its subfolders and all other files are not unpacked."""
    images: int = 0
    """Number of images that the folder must contain; 0 if unknown."""
    size: int = 0
    """Size of the archive in bytes; 0 if unknown."""
    hash: str = ""
    """``sha256:HEX`` or ``md5:HEX``; empty if none is published: only the archive's own checksums are then tested."""

    def __post_init__(self) -> None:
        _check_inside("archive", self.path)
        if not self.name:
            raise SpecError(f"archive {self.path}: must end in one of {', '.join(ARCHIVES)}")
        if self.hash and not re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", self.hash):
            raise SpecError(f"archive {self.path}: hash must be sha256: or md5: and lower-case hex digits")

    @property
    def name(self) -> str:
        """The file's name without its suffix: the name of the folder in the cache."""
        file = PurePosixPath(self.path).name
        return next((file.removesuffix(suffix) for suffix in ARCHIVES if file.endswith(suffix)), "")


@dataclass(frozen=True)
class ImagePair:
    """One image of a dataset: its HR file and, if the dataset has its own LR, its LR file."""

    name: str
    """Name of the image, unique in the dataset; without ``/`` and ``\\``."""
    hr: Path | Asset
    """The HR image file, RGB or grey, 8 bits per channel."""
    lr: Path | Asset | None = None
    """The LR image file, whose size times the scale is HR's; None: LR is made from HR by a degradation."""
    aliases: tuple[str, ...] = ()
    """Other names by which users may ask for the image, such as ``butterfly``; results have its name."""


class Remark(NamedTuple):
    """Something that a user should know of a dataset's images, in one line."""

    text: str
    warning: bool = False
    """Whether it may be other than the user expects."""


def find_image(pairs: Sequence[ImagePair], name: str) -> ImagePair | None:
    """Return the image with a name or alias, in any case; None if there is none."""
    for pair in pairs:
        if pair.name == name:
            return pair
    wanted = name.lower()
    return next((pair for pair in pairs if wanted in {pair.name.lower(), *map(str.lower, pair.aliases)}), None)


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A named set of images. It has a function that lists its images or an archive that contains them.

    For images without an LR file, LR is made from HR by MATLAB's bicubic, unless the user names another degradation.

    Raises:
        SpecError: a field is invalid.
    """

    name: str
    """Name of the dataset: lower-case letters, digits, ``.``, ``_`` and ``-``."""
    summary: str
    """Number and kind of the images, in one line."""
    scales: Collection[int]
    """Scales at which the dataset has image pairs, whole numbers from 2 to 16; becomes a frozenset."""
    images: Callable[[int], Sequence[ImagePair]] | None = None
    """``images(scale)`` lists the image pairs at a scale and opens no file; None for a dataset with an archive."""
    archive: Archive | None = None
    """The archive of a dataset without ``images``; its images can be listed once it is unpacked."""
    aliases: Sequence[str] = ()
    """Other names, of the same form as the name."""
    training: bool = False
    """True for a training set: ``srbench check`` then looks for images of the other datasets in it."""
    source: str = ""
    """Where the files come from, e.g. an address or a repository and its commit."""
    refusals: Mapping[int, str] = field(default_factory=dict)
    """Reasons why the dataset has no images at a scale, by scale; shown to users who ask for it."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Images of the source that the dataset leaves out: reasons by name; recorded in the card of weights."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints of images by name (by ``images/fingerprint.py``): trainings report test images among their data."""
    remarks: Callable[[int], Sequence[Remark]] | None = None
    """``remarks(scale)`` returns what users should know of the images at a scale; it is shown before they are used."""

    def __post_init__(self) -> None:
        check_names(self)
        check_scales(self)
        require(self.images is not None or self.archive is not None, self, "it has neither images nor an archive")
        if self.images is not None:
            check_callable(self, "images")
        object.__setattr__(self, "refusals", MappingProxyType(dict(self.refusals)))
        object.__setattr__(self, "excluded", MappingProxyType(dict(self.excluded)))
        object.__setattr__(self, "fingerprints", MappingProxyType(dict(self.fingerprints)))

    @property
    def scales_text(self) -> str:
        """The scales as people write them: ``x2, x4``."""
        return ", ".join(f"x{scale}" for scale in sorted(self.scales))

    def check_scale(self, scale: int) -> None:
        """Check that the dataset has images at a scale.

        Raises:
            UsageError: it has none; states the reason.
        """
        if scale not in self.scales:
            reason = self.refusals.get(scale, f"it has {self.scales_text}")
            raise UsageError(f"dataset {self.name} does not exist at x{scale}: {reason}")

    def pairs(self, scale: int) -> list[ImagePair]:
        """Return the image pairs at a scale.

        Raises:
            UsageError: the dataset has no images at this scale, names an image twice, or its archive is not unpacked.
        """
        self.check_scale(scale)
        if self.images is None:
            raise UsageError(f"dataset {self.name} is not here yet: 'srbench fetch {self.name}' gets it")
        try:
            pairs = list(self.images(scale))
        except SRBenchError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may raise anything
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
