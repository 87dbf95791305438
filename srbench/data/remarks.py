"""What a user should know of a folder's images: how they were paired, which files were passed over."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from srbench.data.layouts import read_name, shrunk_copies
from srbench.errors import counted, one_line
from srbench.specs import Remark

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from srbench.data.choose import Chosen
    from srbench.data.layouts import Group, Scan

SHOWN = 3
"""Names in a remark."""


def paired(folder: Path, hr: Group, lr: Group, first: Path) -> Remark:
    """Return what was paired with what; ``first`` is the LR file of the first HR file."""
    start = f"{title(folder)}: {counted(len(hr.files), 'pair')}; "
    if hr.by_file or lr.by_file:
        return Remark(f"{start}LR by names of files, such as {one_line(first.name)} of {one_line(hr.files[0].name)}")
    return Remark(f"{start}HR from {label(hr)}, LR from {label(lr)}")


def lr_by_name(folder: Path, hr: Group) -> list[Remark]:
    """Return a remark where names say that the images taken as HR are LR."""
    name = title(folder)
    if read_name(folder.name, folder=True).role == "LR":
        return [Remark(f"{name}: says LR, and no HR is beside it; its images are taken as HR", warning=True)]
    if hr.scale and not hr.by_file:
        return []
    names = {file: read_name(file.stem) for file in hr.files}
    small = [file for file, name in names.items() if name.role in {"LR", "SR"}]
    if not small and all(name.scale and not name.role for name in names.values()):  # babyx4.png and no baby.png
        small = list(names)
    if not small:
        copies = list(shrunk_copies(hr.files)) if hr.copies is None else hr.copies
        text = f"{name}: {named(copies)}: smaller copies of other images by name and size, but taken as HR"
        return [Remark(text, warning=True)] if copies else []
    return [Remark(f"{name}: {named(small)}: LR or SR by name, but taken as HR", warning=True)]


def kinds_of(folder: Path, files: Sequence[Path]) -> list[Remark]:
    """Return a remark where files are of several kinds, of which some may not keep all that an image had."""
    if len({file.suffix.lower() for file in files}) < 2:
        return []
    return [Remark(f"{title(folder)}: {counted(len(files), 'image')} of several kinds: {suffixes(files)}")]


def passed_over(tree: Scan, chosen: Chosen) -> list[Remark]:
    """Return a remark for files of kinds that are not read, and one each for images beside and below the dataset's."""
    used = {file for group in (chosen.hr, chosen.lr, *chosen.relatives) if group for file in group.files}
    own = [file for group in tree.groups if group.folder == tree.folder for file in group.files if file not in used]
    below = [group for group in tree.groups if group.folder != tree.folder and not used.issuperset(group.files)]
    texts = []
    if tree.unread:
        texts.append(f"{counted(len(tree.unread), 'file')} of kinds that are not read: {suffixes(tree.unread)}")
    if own:
        texts.append(f"{counted(len(own), 'image')} that {'is' if len(own) == 1 else 'are'} no HR: {named(own)}")
    if below:
        number = sum(len(set(group.files) - used) for group in below)
        texts.append(f"{counted(number, 'image')} in sub-folders: {counts(below)}")
    return [Remark(f"{title(tree.folder)}: passed over: {text}", warning=True) for text in texts]


def title(folder: Path) -> str:
    """Return a folder's name for a line of text, whatever path it was given by."""
    return one_line(folder.name or folder.resolve().name)


def label(group: Group) -> str:
    """Return a group's folder for a line of text."""
    return one_line(group.label)


def named(files: Sequence[Path]) -> str:
    """Return the names of the first files."""
    return ", ".join(one_line(file.name) for file in files[:SHOWN]) + (", ..." if len(files) > SHOWN else "")


def suffixes(files: Sequence[Path]) -> str:
    """Return how many files have which suffix."""
    by_suffix = Counter(file.suffix.lower() for file in files)
    return ", ".join(f"{count} {suffix}" for suffix, count in sorted(by_suffix.items()))


def counts(groups: Sequence[Group]) -> str:
    """Return how many images the first folders have."""
    by_label: Counter[str] = Counter()
    for group in groups:
        by_label[label(group)] += len(group.files)
    listed = [f"{name} ({count})" for name, count in list(by_label.items())[:SHOWN]]
    return ", ".join(listed) + (f" and {len(by_label) - SHOWN} more" if len(by_label) > SHOWN else "")
