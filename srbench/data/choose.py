"""Choose the groups of images of a folder that make its dataset: HR alone, or HR and LR that belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from srbench.data.layouts import DEPTH, LAYOUTS, Group, Scan, read_name, scan
from srbench.data.remarks import counts, label, named, suffixes
from srbench.errors import UsageError
from srbench.images.read import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Chosen:
    """The groups of a folder that make its dataset."""

    hr: Group | None
    lr: Group | None
    relatives: tuple[Group, ...] = ()
    """Groups of the same images for other scales, which need no remark."""

    @property
    def used(self) -> list[Path]:
        """The files of the dataset."""
        return [file for group in (self.hr, self.lr) if group for file in group.files]


def choose(tree: Scan, scale: int, *, need_lr: bool = True) -> Chosen:
    """Choose the groups that make the dataset of a folder.

    Raises:
        UsageError: there is none, or it is not clear which.
    """
    groups = _settled(tree.groups)
    large = [group for group in groups if group.role == "HR"]
    small = [group for group in groups if group.role == "LR"]
    plain = [group for group in groups if not group.role]
    if small and not large:
        large = _hr_without_word(plain, small)
    if not small:
        if need_lr and any(group.label != "." for group in large):
            _refuse_empty(tree)
        return Chosen(_only(tree, large, plain, scale), None)
    if not large:
        fitting = [group for group in small if group.scale in {None, scale}] or small
        return Chosen(None, _single(tree, fitting, scale, "LR"))
    if not need_lr:
        return Chosen(_single(tree, _of_one_set(tree, large), scale, "HR"), None, tuple(small))
    large, small = _same_set(tree, large, small)
    fitting = [group for group in small if group.scale in {None, scale}]
    if not fitting:
        scales = ", ".join(f"x{group.scale} ({label(group)})" for group in small)
        raise UsageError(
            f"{tree.folder}: has LR for {scales}, none for x{scale}; give the folder of HR alone to have LR made: "
            f"{large[0].folder}"
        )
    hr, lr = _single(tree, large, scale, "HR"), _single(tree, fitting, scale, "LR")
    return Chosen(hr, lr, tuple(group for group in (*large, *small) if group not in (hr, lr)))


def _settled(groups: Iterable[Group]) -> list[Group]:
    """Return groups with roles that hold: words such as ``low`` count only where both roles are there.

    Folders ``X4`` beside ``HR`` hold LR.
    """
    groups = list(groups)
    roles = {group.role for group in groups}
    if not {"HR", "LR"} <= roles:
        groups = [replace(group, role="", key=_plain_key(group)) if group.loose else group for group in groups]
    keys = {group.key for group in groups if group.role == "HR" and not group.by_file}
    return [
        replace(group, role="LR")
        if not group.role and group.scale and group.label != "." and group.key in keys
        else group
        for group in groups
    ]


def _refuse_empty(tree: Scan) -> None:
    """Check that no folder says LR and holds no image: LR would be made anew in silence.

    Raises:
        UsageError: one does.
    """
    for folder in tree.empty:
        inside = [file for file in tree.unread if file.is_relative_to(folder)]
        if _says(folder, "LR") and not any(other != folder and other.is_relative_to(folder) for other in tree.empty):
            more = f" (passed over: {suffixes(inside)})" if inside else ""
            raise UsageError(f"{folder}: holds no image file{more}; remove it to have LR made from HR")


def _plain_key(group: Group) -> str:
    return "_".join(read_name(part).key for part in group.label.split("/"))


def _hr_without_word(plain: Sequence[Group], small: Sequence[Group]) -> list[Group]:
    """Return the groups that are HR only because LR stand beside them: ``Set5`` with ``Set5_bicLRx4``."""
    keys = {group.key for group in small}
    same = [group for group in plain if group.key in keys or group.label == "."]
    return same or (list(plain) if len(plain) == 1 else [])


def _only(tree: Scan, large: Sequence[Group], plain: Sequence[Group], scale: int) -> Group:
    """Return the one group of HR images of a folder without LR.

    Raises:
        UsageError: there is none, or several.
    """
    below = [group for group in large if group.key == "" and group.label != "."]  # HR/ in it
    own = [group for group in (*large, *plain) if group.label == "."]
    if below or own:
        return _single(tree, below or own, scale, "HR")
    if large:
        return _single(tree, _of_one_set(tree, large), scale, "HR")
    if plain:
        raise UsageError(f"{tree.folder}: holds no image file; its sub-folders do: {counts(plain)}; give one of them")
    more = f"; passed over: {suffixes(tree.unread)}" if tree.unread else ""
    raise UsageError(f"{tree.folder}: holds no image file ({', '.join(sorted(SUFFIXES))}){more}")


def _same_set(tree: Scan, large: Sequence[Group], small: Sequence[Group]) -> tuple[list[Group], list[Group]]:
    """Return the HR and LR groups whose folders' names are the same but for role and scale.

    Raises:
        UsageError: there are several such sets, or none.
    """
    common = {group.key for group in large} & {group.key for group in small}
    if "" in common:
        common = {""}
    if not common and len({group.key for group in large}) == len({group.key for group in small}) == 1:
        return list(large), list(small)
    if len(common) > 1:
        sets = [next(group for group in small if group.key == key) for key in sorted(common)]
        raise UsageError(
            f"{tree.folder}: holds {len(common)} sets of pairs ({', '.join(sorted(common))}); give the LR folder of "
            f"one, such as {sets[0].folder}"
        )
    if not common:
        folders = ", ".join(dict.fromkeys(label(group) for group in (*large, *small)))
        raise UsageError(
            f"{tree.folder}: it is not clear which of {folders} belong together; layouts that do: {LAYOUTS}"
        )
    return [group for group in large if group.key in common], [group for group in small if group.key in common]


def _of_one_set(tree: Scan, large: Sequence[Group]) -> list[Group]:
    """Return the HR groups of the only set.

    Raises:
        UsageError: there are several sets.
    """
    keys = {group.key for group in large}
    if "" in keys:
        return [group for group in large if group.key == ""]
    if len(keys) > 1:
        raise UsageError(f"{tree.folder}: holds HR of {len(keys)} sets: {counts(large)}; give one of them")
    return list(large)


def _single(tree: Scan, groups: Sequence[Group], scale: int, role: str) -> Group:
    """Return the group for the scale, else the one that a word says most clearly.

    Raises:
        UsageError: several are as good.
    """
    best = [group for group in groups if group.scale == scale] or [group for group in groups if group.scale is None]
    best = best or list(groups)
    best = [group for group in best if not group.loose] or best
    if len(best) == 1:
        return best[0]
    labels = " and ".join(dict.fromkeys(label(group) for group in best))
    if len({group.folder for group in best}) == 1:
        kinds = " and ".join(sorted({group.kind or named(group.files[:1]) for group in best}))
        raise UsageError(
            f"{tree.folder}: has {role} of {len(best)} kinds at x{scale} ({kinds}); put one into a folder of its own"
        )
    raise UsageError(
        f"{tree.folder}: has {role} for x{scale} in {labels}; give the folder of one of them, such as {best[0].folder}"
    )


def beside(folder: Path, tree: Scan, scale: int) -> Chosen | None:
    """Return the pairs of a folder of LR, such as ``DIV2K_valid_LR_bicubic/X4``, with the HR beside it.

    None for another folder, or where no HR is beside it.
    """
    if any(group.role == "HR" for group in tree.groups):
        return None
    for lr_folder in (folder, *list(folder.parents)[:DEPTH]):
        base = lr_folder.parent
        if not _says(lr_folder, "LR"):
            continue
        groups = [replace(group, role="LR") for group in scan(folder, base).groups if group.role in {"LR", ""}]
        keys = {group.key for group in groups}
        for path in sorted(base.iterdir()):
            if path.is_dir() and _says(path, "HR"):
                groups += [group for group in scan(path, base).groups if group.role == "HR" and group.key in keys]
        if {group.role for group in groups} == {"HR", "LR"}:
            return choose(Scan(base, groups), scale)
    return None


def _says(folder: Path, role: str) -> bool:
    name = read_name(folder.name, folder=True)
    return name.role == role and not name.loose
