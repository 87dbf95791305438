"""List a folder: its HR images, its pairs of HR and LR at a scale, and what a user should know of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from srbench.data.choose import beside, choose
from srbench.data.layouts import LAYOUTS, scan
from srbench.data.match import image_names, match
from srbench.data.remarks import kinds_of, lr_by_name, named, paired, passed_over, title
from srbench.errors import UsageError, counted
from srbench.specs import ImagePair, Remark

if TYPE_CHECKING:
    from pathlib import Path

    from srbench.data.choose import Chosen


@dataclass(frozen=True)
class Listing:
    """The images of a folder at a scale."""

    files: tuple[Path, ...]
    """The files that a command works on: HR, or LR."""
    remarks: list[Remark]
    pairs: list[ImagePair] = field(default_factory=list)
    """HR with LR, where the folder has LR; only `list_pairs` gives them."""


def list_pairs(folder: Path, scale: int) -> Listing:
    """Return the HR images of a folder, with the LR images if it has some.

    Raises:
        UsageError: it holds no image, LR without HR, LR of other scales, or LR that do not pair up with HR.
    """
    tree = scan(folder)
    chosen = beside(folder, tree, scale) or choose(tree, scale)
    hr, lr = chosen.hr, chosen.lr
    if hr is None:
        raise _no_hr(folder, chosen)
    remarks = passed_over(tree, chosen)
    if lr is None:
        pairs = [ImagePair(name, file) for name, file in zip(image_names(hr.files), hr.files, strict=True)]
        return Listing(hr.files, [*kinds_of(folder, hr.files), *lr_by_name(folder, hr), *remarks], pairs)
    matches = match(hr.files, lr.files, scale, folder)
    pairs = [ImagePair(name, large, small) for name, large, small in matches]
    return Listing(hr.files, [paired(folder, hr, lr, matches[0].lr), *remarks], pairs)


def list_hr(folder: Path, scale: int) -> Listing:
    """Return the HR images of a folder, for work that makes LR from them.

    Raises:
        UsageError: it holds no image, or LR without HR.
    """
    tree = scan(folder)
    chosen = choose(tree, scale, need_lr=False)
    if chosen.hr is None:
        raise _no_hr(folder, chosen)
    remarks = passed_over(tree, chosen)
    if chosen.relatives:
        remarks.insert(0, Remark(f"{title(folder)}: {_images(chosen.hr.files, 'HR')}; the LR stay as they are"))
    return Listing(chosen.hr.files, remarks)


def list_lr(folder: Path, scale: int) -> Listing:
    """Return the images of a folder to enlarge: the LR of its pairs, or all images where there are no pairs.

    Raises:
        UsageError: it holds no image, or LR of other scales.
    """
    tree = scan(folder)
    chosen = choose(tree, scale)
    group = chosen.lr or chosen.hr
    if group is None:
        raise UsageError(f"{folder}: holds no image file")
    remarks = passed_over(tree, chosen)
    if chosen.lr and chosen.hr:
        remarks.insert(0, Remark(f"{title(folder)}: {_images(group.files, 'LR')}; the HR stay as they are"))
    return Listing(group.files, remarks)


def _images(files: tuple[Path, ...], role: str) -> str:
    return counted(len(files), f"{role} image")


def _no_hr(folder: Path, chosen: Chosen) -> UsageError:
    return UsageError(f"{folder}: holds LR images ({named(chosen.used)}) and no HR; layouts that do: {LAYOUTS}")
