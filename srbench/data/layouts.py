"""Layouts of folders with HR and LR images: which words in names of folders and files say HR, LR and the scale.

`read_name` takes one name apart; `scan` finds the groups of images below a folder. `srbench.data.listing` pairs them.
"""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from srbench.errors import UsageError, reason_of
from srbench.images.read import is_image, size_or_none

if TYPE_CHECKING:
    from collections.abc import Callable

Role = Literal["HR", "LR", "SR", ""]

LAYOUTS = "HR/ and LR/ (or LR/x4/), GTmod12/ and LRbicx4/, SET_HR/ and SET_LR_bicubic/X4/, or a_HR.png beside a_LR.png"
"""Layouts that are read, for messages."""
DEPTH = 4
"""Levels of sub-folders that are looked into: RCAN's ``LR/LRBI/Set5/x4`` has four."""
MOST_FOLDERS = 2000
"""Most sub-folders that are looked into."""
RUN_FILE = "run.json"
"""A folder with this file is a run of srbench, whose saved images are no data."""

_LR_KIND = r"(?:bicubic|bic|bi|bd|dn|blur|unknown|mild|difficult|wild|nearest)"
ROLE_WORDS: tuple[tuple[Role, str], ...] = (
    # EDSR, DIV2K, NTIRE: LR_bicubic, LR_unknown; RCAN: LRBI, LRBD, LRDN; BasicSR: LRbicx4, LQ, BIx4; ESRGAN: bicLRx4
    ("LR", rf"(?:bic|bi)?l[rq](?:[ _-]?{_LR_KIND}(?![a-wyz]))?|low?[ _-]?res(?:olution)?|b[di](?=x\d)"),
    # BasicSR: GTmod12, HQ; Kaggle: high_res
    ("HR", r"hr|hq|gt(?:[ _-]?mod[ _-]?\d+)?|hi(?:gh)?[ _-]?res(?:olution)?|ground[ _-]?truth"),
    ("SR", r"sr"),
)
"""Words between letters of other words, in any case."""
GLUED_WORDS: tuple[tuple[Role, str], ...] = (
    # babyHR, babyLR4; KAIR: trainH and trainL
    ("LR", r"(?<=[a-z0-9])(?:LR|LQ)(?=x?\d*$)"),
    ("HR", r"(?<=[a-z0-9])(?:HR|GT|HQ)(?=x?\d*$)"),
    ("LR", r"(?<=train|.test|valid)L$|(?<=test)L$|(?<=val)L$"),
    ("HR", r"(?<=train|.test|valid)H$|(?<=test)H$|(?<=val)H$"),
)
"""Words in capitals behind a word in small letters."""
FOLDER_WORDS: dict[str, Role] = {
    **dict.fromkeys(("h", "high", "original", "originals", "target", "targets", "label", "labels"), "HR"),
    **dict.fromkeys(("l", "low", "input", "inputs", "bicubic", "bic"), "LR"),
}
"""Whole names of folders that say HR or LR where folders of both kinds stand beside each other."""
SCALE = re.compile(
    r"(?:^|(?<=[^a-z]))srf[ _-]?(?P<srf>\d{1,2})(?=$|[^0-9])"  # SelfExSR: img_001_SRF_4_HR
    r"|x(?P<x>\d{1,2})(?:m|d|w\d?)?(?=$|[^a-z0-9])"  # babyx4, LRbicx4; DIV2K mild, difficult, wild: 0001x4m
    r"|(?:^|(?<=[^a-z0-9]))(?P<times>\d{1,2})x(?=$|[^a-z0-9])",
    re.IGNORECASE,
)
"""The scale in a name."""


@dataclass(frozen=True)
class Name:
    """What the name of a folder or file says."""

    role: Role
    """The word of the role; empty if there is none."""
    kind: str
    """The word itself, such as ``lr_bicubic``."""
    scale: int | None
    base: str
    """The name without role and scale."""
    loose: bool = False
    """Whether the word says so only beside folders of the other kind."""

    @cached_property
    def key(self) -> str:
        """The base in lower case, words joined by ``_``, accents composed: the same for HR and LR of one image."""
        return "_".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFC", self.base).lower()))


@lru_cache(2**17)  # names of a folder are read by several steps
def read_name(name: str, *, folder: bool = False) -> Name:
    """Take the name of a folder, or of a file without its extension, apart.

    >>> read_name("Baby_LRBI_x4")
    Name(role='LR', kind='lrbi', scale=4, base='Baby', loose=False)
    """
    if folder and (role := FOLDER_WORDS.get(name.lower())):
        return Name(role, name.lower(), None, "", loose=True)
    if folder and name in {"2", "3", "4", "8"}:  # RealSR: Test/4
        return Name("", "", int(name), "")
    role, kind, rest = _without_role(name)
    scale = None
    if matches := list(SCALE.finditer(rest)):
        last = matches[-1]
        scale = int(last["srf"] or last["x"] or last["times"])
        rest = f"{rest[: last.start()]}\0{rest[last.end() :]}"
    elif role and (folder or not rest.startswith("\0")) and (glued := re.search(r"\0(\d{1,2})", rest)):
        # RealSR: Canon_001_LR4; but of files LR1, LR2 the digits are the name
        scale, rest = int(glued[1]), rest.replace(glued[0], "\0")
    words = [part.strip("_-. ") for part in rest.split("\0")]
    return Name(role, kind, scale, "_".join(word for word in words if word))


PATTERNS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    *(
        (role, re.compile(rf"(?:^|(?<=[^a-zA-Z]))(?:{words})(?=$|[^a-zA-Z]|x\d)", re.IGNORECASE))
        for role, words in ROLE_WORDS
    ),
    *((role, re.compile(words)) for role, words in GLUED_WORDS),
)


def _without_role(name: str) -> tuple[Role, str, str]:
    """Return the role, its word, and the name with the last such word replaced by a NUL."""
    for role, pattern in PATTERNS:
        if matches := list(pattern.finditer(name)):
            word = matches[-1]
            return role, word[0].lower(), f"{name[: word.start()]}\0{name[word.end() :]}"
    return "", "", name


@dataclass(frozen=True)
class Group:
    """Images of one folder that play one role."""

    folder: Path
    label: str
    """The folder relative to the dataset's, with ``/``; ``.`` for itself."""
    role: Role
    kind: str
    scale: int | None
    """The scale that names say; None if they say none."""
    key: str
    """What else the names of the folders say, such as ``div2k_valid``: HR and LR of one set have the same."""
    files: tuple[Path, ...]
    by_file: bool = False
    """Whether the names of the files say the role, not those of the folders."""
    copies: tuple[Path, ...] | None = None
    """The result of `shrunk_copies` where it was needed already: it reads the headers of files."""
    loose: bool = False


@dataclass
class Scan:
    """The images below a folder."""

    folder: Path

    groups: list[Group] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)
    """Images of kinds that are not read."""
    empty: list[Path] = field(default_factory=list)
    """Folders without an image that is read."""


def scan(folder: Path, base: Path | None = None) -> Scan:
    """Return the groups of images in a folder and below it, sorted by path.

    Args:
        folder: the folder.
        base: a folder above it whose sub-folders' names count too.

    Raises:
        UsageError: the folder cannot be read.
    """
    result = Scan(folder)
    above = folder.relative_to(base).parts if base else ()
    folders: list[tuple[Path, tuple[str, ...], int]] = [(folder, above, 0)]
    for path, parts, level in folders:
        try:
            with os.scandir(path) as listed:  # unlike `Path.iterdir`, it knows files from folders at once
                entries = sorted((entry for entry in listed if not entry.name.startswith(".")), key=attrgetter("name"))
        except OSError as error:
            if level:
                continue
            raise UsageError(f"{folder}: cannot be read as a folder ({reason_of(error)})") from error
        files: list[Path] = []
        for entry in entries:
            kind = is_image(entry.name)
            if kind is None:
                if level < DEPTH and len(folders) < MOST_FOLDERS and _may_have_data(entry):
                    folders.append((path / entry.name, (*parts, entry.name), level + 1))
            elif _is_file(entry):
                (files if kind else result.unread).append(path / entry.name)
        if files:
            result.groups += _groups(path, parts, files)
        elif level:
            result.empty.append(path)
    return result


def _is_file(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        return entry.is_file()
    return False


def _may_have_data(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, and none of a run."""
    with suppress(OSError):
        return entry.is_dir() and not (Path(entry.path) / RUN_FILE).is_file()
    return False


def _groups(folder: Path, parts: tuple[str, ...], files: list[Path]) -> list[Group]:
    """Return the groups of one folder: one if the names of folders say its role, else by names of files."""
    names = [read_name(part, folder=True) for part in parts]
    deciding = [name for name in names if name.role]
    group = Group(
        folder=folder,
        label="/".join(parts) or ".",
        role=deciding[-1].role if deciding else "",
        kind="/".join(name.kind for name in deciding),
        scale=next((name.scale for name in reversed(names) if name.scale), None),
        key="_".join(name.key for name in names if name.key),
        files=tuple(files),
        loose=bool(deciding) and all(name.loose for name in deciding),
    )
    return [group] if group.role else _by_file(group)


def _by_file(group: Group) -> list[Group]:
    """Split the images of a folder by the roles that their own names say, such as ``a_HR.png`` and ``a_LR4.png``."""
    names = {file: read_name(file.stem) for file in group.files}
    roles: dict[Path, Role] = {file: name.role for file, name in names.items()}
    large = {names[file].key: file for file in group.files if _may_be_hr(names[file])}
    for file, name in names.items():  # baby.png with babyx4.png, where no word says LR: its size does
        other = large.get(name.key)
        if not name.role and name.scale and other and other != file and _scale_of(file, other) == name.scale:
            roles[file] = "LR"
    for file, other in _unmarked_lr(names).items():
        roles[file], large[names[file].key] = "LR", other
    if not any(roles.values()):
        shrunk = shrunk_copies(group.files)
        group = replace(group, copies=tuple(shrunk))
        if 2 * len(shrunk) == len(group.files):  # baby.png with baby_small.png, throughout
            names |= {file: Name("LR", "", scale, stem) for file, (stem, scale) in shrunk.items()}
            large = {file.stem: file for file in group.files if file not in shrunk}
            roles |= dict.fromkeys(shrunk, "LR")
            names |= {file: Name("", "", None, file.stem) for file in large.values()}
            large = {names[file].key: file for file in large.values()}
    has_partners = any(role == "LR" and names[file].key in large for file, role in roles.items())
    if not has_partners and "SR" not in roles.values():
        role: Role = roles[group.files[0]] if len(set(roles.values())) == 1 else ""
        scales = {name.scale for name in names.values()}
        scale = scales.pop() if role and len(scales) == 1 else None
        return [replace(group, role=role, scale=scale or group.scale, by_file=role == "LR")]
    if "HR" not in roles.values():
        roles = {file: role or ("HR" if names[file].scale is None else "") for file, role in roles.items()}
    parts: dict[tuple[Role, str, int | None], list[Path]] = {}
    for file, role in roles.items():
        kind = names[file].kind if role == "LR" else ""
        parts.setdefault((role, kind, names[file].scale if role else None), []).append(file)
    return [
        replace(group, role=role, kind=kind, scale=scale or group.scale, files=tuple(files), by_file=True)
        for (role, kind, scale), files in parts.items()
    ]


def _unmarked_lr(names: dict[Path, Name]) -> dict[Path, Path]:
    """Return the files whose names say nothing and that are LR of a file whose name says HR: a.png with a_HR.png."""
    marked = {name.key: file for file, name in names.items() if name.role == "HR"}
    pairs = {file: marked[name.key] for file, name in names.items() if not name.role and name.key in marked}
    return {file: hr for file, hr in pairs.items() if _scale_of(file, hr)}


def _may_be_hr(name: Name) -> bool:
    return name.role == "HR" or (not name.role and name.scale is None)


def shrunk_copies(files: tuple[Path, ...]) -> dict[Path, tuple[str, int]]:
    """Return the files that another, of whose name theirs is a longer form, is a whole factor larger than.

    Each has the other's stem and the factor.
    """
    stems = [(file.stem, file) for file in files]
    by_stem = dict(stems)
    size_of = cache(size_or_none)  # many files may be longer forms of one name
    copies = {}
    for own, file in stems:
        ends = [match.start() for match in re.finditer(r"[\W_]", own)]
        stem = next((own[:end] for end in reversed(ends) if own[:end] in by_stem), "")
        if stem and (scale := _scale_of(file, by_stem[stem], size_of)):
            copies[file] = stem, scale
    return copies


def _scale_of(file: Path, hr: Path, size_of: Callable[[Path], tuple[int, int] | None] = size_or_none) -> int:
    """Return the scale of which a file has the size of LR; 0 where it is not smaller by a whole factor.

    Enlarged images are named x4 too.
    """
    small, large = size_of(file), size_of(hr)
    if small is None or large is None:
        return 0
    scale = round(large[0] / small[0])
    fits = all(abs(length * scale - other) < scale for length, other in zip(small, large, strict=True))
    return scale if scale > 1 and fits else 0
