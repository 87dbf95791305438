"""List the images of folders and pair SR with HR by name. No torch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from srbench.data.layouts import scan
from srbench.data.remarks import suffixes, title
from srbench.errors import UsageError, counted, several
from srbench.images.read import list_folder
from srbench.scoring.names import pair_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class FilePair(NamedTuple):
    """An SR file and its HR file."""

    name: str
    sr: Path
    hr: Path


@dataclass(frozen=True)
class Pairing:
    """The files of two folders, paired by name."""

    pairs: list[FilePair]
    sr_alone: list[Path]
    """SR files without an HR file."""
    hr_alone: list[Path]
    """HR files without an SR file."""
    notes: list[str]
    """By which rule they were paired, if names differ."""

    @property
    def images(self) -> int:
        """Number of HR images: as many as there should be scores."""
        return len(self.pairs) + len(self.hr_alone)

    @property
    def warnings(self) -> list[str]:
        """A line for each file without a partner."""
        return [f"{file} has no HR partner" for file in self.sr_alone] + [
            f"{file} has no SR partner" for file in self.hr_alone
        ]


def pair_files(
    sr: Mapping[str, Path],
    hr: Mapping[str, Path],
    scale: int,
    aliases: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Pairing:
    """Pair SR and HR files by their names; see `srbench.scoring.names`.

    Args:
        sr: SR files by name, as `list_names` returns them.
        hr: HR files by name.
        scale: the scale factor.
        aliases: other names of HR, by name.

    Raises:
        UsageError: there are no pairs, or several ways to pair.
    """
    matched = pair_names(list(sr), list(hr), scale, aliases)
    pairs = [FilePair(name, sr[partner], hr[name]) for name, partner in matched.pairs.items()]
    if not pairs:
        raise UsageError(
            f"no SR file has a name like one of HR (SR: {several(list(sr))}; HR: {several(list(hr))}); "
            "--sr-suffix and --hr-suffix remove endings of names"
        )
    affixes, taken = matched.affixes, set(matched.pairs.values())
    notes = [f"paired by name: {affixes}"] if affixes.length else []
    others = 0
    sr_alone, hr_alone = [], []
    for name, file in sr.items():
        if name not in taken and affixes.sr_core_of(name):
            sr_alone.append(file)
        others += name not in taken and not affixes.sr_core_of(name)
    for name, file in hr.items():
        if name not in matched.pairs and affixes.hr_core_of(name):
            hr_alone.append(file)
        others += name not in matched.pairs and not affixes.hr_core_of(name)
    if others:
        notes.append(f"{others} files with other names are left out")
    return Pairing(pairs, sr_alone, hr_alone, notes)


def passed_over(folder: Path) -> list[str]:
    """Return a line on the files of kinds that are not read in a folder, as in a run; none if there are none."""
    unread = scan(folder).unread if folder.is_dir() else []
    kinds = "of kinds that are not read"
    return (
        [f"{title(folder)}: passed over: {counted(len(unread), 'file')} {kinds}: {suffixes(unread)}"] if unread else []
    )


def list_names(folder: Path, suffix: str = "") -> dict[str, Path]:
    """Return the image files of a folder, or of its subfolders if it has none, by name without extension and suffix.

    A file is taken as it is, by its name.

    Raises:
        UsageError: there are no images, or two have the same name.
    """
    if folder.is_file():
        return {folder.stem: folder}
    try:
        files = list_folder(folder)
    except UsageError:
        files = [file for sub in sorted(folder.rglob("*")) if sub.is_dir() for file in _images_of(sub)]
        if not files:
            raise
    stems = Counter(file.stem for file in files)
    if files[0].parent != folder and max(stems.values()) > 1:  # as a/1.png and b/1.png
        named = [(file.relative_to(folder).with_suffix("").as_posix(), file) for file in files]
    else:
        named = [(file.stem, file) for file in files]
    if suffix and not any(stem.lower().endswith(suffix.lower()) for stem, _ in named):
        raise UsageError(f"{folder}: no name ends in {suffix!r} (such as {named[0][0]})")
    names: dict[str, Path] = {}
    for stem, file in named:
        name = stem[: -len(suffix)] if suffix and stem.lower().endswith(suffix.lower()) else stem
        if name in names:
            raise UsageError(f"{names[name]} and {file.name} have the same name; rename one")
        names[name] = file
    return names


def _images_of(folder: Path) -> list[Path]:
    try:
        return list_folder(folder)
    except UsageError:
        return []
