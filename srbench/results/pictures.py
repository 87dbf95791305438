"""Saved images of a run: their paths in its folder, and what each was made from.

Each saved image has a row of kind ``picture``. The last row of a file counts, so that no picture is shown with the
scores of other code, weights or HR.
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

    Methods share the HR and LR files, in folders beside their own.
    """
    folder = identity["dataset"]  # a path if two folders have the same name
    if "/" in folder or "\\" in folder:
        folder = f"{Path(folder).name}-{digest(folder)[:8]}"
    method = identity["method"].replace(":", "+")  # colons are not portable in file names
    names = {"sr": method, "hr": "HR", "lr": "LR"}  # no method has a name in capitals
    files = {
        kind: f"images/{folder}_x{identity['scale']}/{name}/{identity['image']}.png" for kind, name in names.items()
    }
    return {"kind": "picture", **identity, **files}


def made_from(row: Row) -> tuple[str, ...]:
    """Return what identifies a picture beside its name: code, weights, device, precision, HR."""
    return tuple(str(row[k]) for k in ("plugin", "weights", "device", "precision", "image_sha256"))


def is_there(out: Path, row: Row, known: Mapping[str, Row]) -> bool:
    """Return whether a run's folder holds this picture, with the same identity.

    Args:
        out: the run's folder.
        row: the picture.
        known: the result of `last_pictures` for the folder's rows.
    """
    exists, last = all((out / row[kind]).exists() for kind in KINDS), known.get(row["sr"])
    return exists and last is not None and made_from(last) == made_from(row)


def last_pictures(rows: Iterable[Row]) -> dict[str, Row]:
    """Return the last picture row of each SR file; rows with paths outside the run's folder are ignored."""
    pictures = (row for row in rows if row["kind"] == "picture")
    return {row["sr"]: row for row in pictures if all(_is_inside(row[kind]) for kind in KINDS)}


def _is_inside(file: str) -> bool:
    return not Path(file).is_absolute() and ".." not in Path(file).parts
