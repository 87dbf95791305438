"""Saved images of a run: their paths in its folder, and what each was made from.

Each saved image has a row of kind ``picture``, with size and hash of its files. The last row of a file counts, so that
no picture is shown with the scores of other code, weights or HR, and none that was cut short.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.store.hashes import digest, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

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


MISSING, LINKED, CHANGED = "are missing", "are links, which are not followed", "are damaged or changed"
"""What may be wrong with saved files; `SavedPictures.fault` returns one of them."""


@dataclass
class SavedPictures:
    """The pictures of a run's folder by its rows. Links are not followed: a stranger's folder may link to anything."""

    folder: Path
    """The run's folder."""
    rows: dict[str, Row] = field(default_factory=dict)
    """The last row of each SR file; rows with paths outside the folder are ignored."""
    _files: dict[str, Row] = field(default_factory=dict)
    """Size and hash of each file by the last row that names it: methods share HR and LR. Old rows have none."""

    def add(self, rows: Iterable[Row]) -> SavedPictures:
        """Add rows in the order of the file, of which those of pictures count; return itself."""
        for row in rows:
            if row["kind"] == "picture" and all(_is_inside(row[kind]) for kind in KINDS):
                self.rows[row["sr"]] = row
                self._files |= {row[kind]: facts for kind, facts in row.get("files", {}).items() if kind in KINDS}
        return self

    def holds(self, row: Row) -> bool:
        """Return whether the folder holds this picture, with the same identity and files of the same size."""
        last = self.rows.get(row["sr"])
        is_same = last is not None and made_from(last) == made_from(row)
        return is_same and not any(self.fault(row[kind]) for kind in KINDS)

    def fault(self, file: str, *, read: bool = False) -> str:
        """Return what is wrong with a file: one of `MISSING`, `LINKED` and `CHANGED`; empty if nothing is.

        Args:
            file: the path relative to the folder.
            read: whether to compare the content too, by its hash; else the size only.
        """
        path, facts = self.folder, self._files.get(file)
        try:
            for part in Path(file).parts:
                path /= part
                status = path.lstat()
                if stat.S_ISLNK(status.st_mode):
                    return LINKED
            if not stat.S_ISREG(status.st_mode):
                return MISSING
            if facts and (status.st_size != facts["bytes"] or (read and sha256(path) != facts["sha256"])):
                return CHANGED
        except (OSError, ValueError):  # ValueError: a NUL in the path
            return MISSING
        return ""


def _is_inside(file: str) -> bool:
    return bool(Path(file).parts) and not Path(file).is_absolute() and ".." not in Path(file).parts
