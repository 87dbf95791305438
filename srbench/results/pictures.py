"""Saved images of a run: where they lie in its folder, and what each was made from.

A row of kind ``picture`` stands for every image that was saved; of the rows of one file the last one counts, so that no
picture is ever shown under the scores of other code, weights or HR.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench.store.hashes import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from srbench.results.rows import Row

KINDS = ("sr", "hr", "lr")


def picture_row(identity: Row) -> Row:
    """Return the row of a picture: what it is made from, and its files relative to the run's folder.

    Methods share the files of HR and LR, in folders beside their own.
    """
    folder = identity["dataset"]  # two folders of one name go by their paths
    if "/" in folder or "\\" in folder:
        folder = f"{Path(folder).name}-{digest(folder)[:8]}"
    method = identity["method"].replace(":", "+")  # no file of every system may have a colon in its name
    names = {"sr": method, "hr": "HR", "lr": "LR"}  # no method has a name in capitals
    files = {
        kind: f"images/{folder}_x{identity['scale']}/{name}/{identity['image']}.png" for kind, name in names.items()
    }
    return {"kind": "picture", **identity, **files}


def made_from(row: Row) -> tuple[str, ...]:
    """Return what tells one picture of an image from another of the same name: code, weights, device, precision, HR."""
    return tuple(str(row[k]) for k in ("plugin", "weights", "device", "precision", "image_sha256"))


def is_there(out: Path, row: Row, known: Mapping[str, Row]) -> bool:
    """Say whether a run's folder holds this picture, made from what the row says.

    Args:
        out: the run's folder.
        row: the picture.
        known: what `last_pictures` found in the folder's results.
    """
    there, last = all((out / row[kind]).exists() for kind in KINDS), known.get(row["sr"])
    return there and last is not None and made_from(last) == made_from(row)


def last_pictures(rows: Iterable[Row]) -> dict[str, Row]:
    """Return the row that counts for each saved SR file; rows that point out of the run's folder are none of its."""
    pictures = (row for row in rows if row["kind"] == "picture")
    return {row["sr"]: row for row in pictures if all(_is_inside(row[kind]) for kind in KINDS)}


def _is_inside(file: str) -> bool:
    return not Path(file).is_absolute() and ".." not in Path(file).parts
