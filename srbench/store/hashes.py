"""Hashes of files and of values."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from srbench.specs import Asset
from srbench.system.file_kinds import check_readable


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex.

    Raises:
        OSError: it cannot be read, or is a pipe, a socket or a device.
    """
    check_readable(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_hash(folder: Path) -> str:
    """Return one SHA-256 over the image files below a folder, by relative path."""
    from srbench.images.read import SUFFIXES  # here, to keep numpy out of `srbench list`

    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return hashlib.sha256(json.dumps([(str(f.relative_to(folder)), sha256(f)) for f in files]).encode()).hexdigest()


@cache
def own_code() -> str:
    """Return a hash (16 hex digits) of srbench's own Python files, as they are when it is first called."""
    folder, total = Path(__file__).parents[1], hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        total.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def size_and_hash(path: Path) -> dict[str, Any]:
    """Return ``bytes``, the size of a file, and ``sha256``, its SHA-256 in hex, by which damage is found later."""
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def digest(value: Any) -> str:
    """Return a short, reproducible hash (16 hex digits) of JSON data."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(file: Path | Asset) -> str:
    """Return a file's SHA-256; for an asset, the pinned one."""
    return file.sha256 if isinstance(file, Asset) else sha256(file)
