"""``results.jsonl``: one JSON line per row, appended and flushed, never edited; a correction is a new row."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from srbench.errors import SRBenchError, reason_of, without_passwords
from srbench.system.atomic import write_text
from srbench.system.json_forms import NONE, TEXT, Fields, fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = 1
BLOCK = 2**16

IDENTITY = {**dict.fromkeys(("method", "device", "precision", "plugin", "weights"), TEXT), "scale": range(2, 1000)}
IMAGE = {**IDENTITY, "dataset": TEXT, "image": TEXT, "image_sha256": TEXT}
TIMES = ("latency_ms", "latency_p10_ms", "latency_p90_ms")
COSTS = (*TIMES, "params", "macs", "images_per_s", "mpix_per_s", "peak_mem_mib")
FORMS: dict[str, Fields] = {
    "job": Fields({**IDENTITY, "dataset": TEXT, "status": TEXT, "reason": TEXT}),
    "score": Fields(
        {**IMAGE, "metric": TEXT, "protocol": TEXT, "value": (float, int, str, NONE)},
        {"key": TEXT, "reason": TEXT, "degradation": TEXT, "missing": (bool,)},
    ),
    "speed": Fields(
        IDENTITY,
        {"key": TEXT, "size": (int,), "batch": (int,), **dict.fromkeys(COSTS, (int, float, NONE))},
    ),
    "picture": Fields({**IMAGE, **dict.fromkeys(("sr", "hr", "lr"), TEXT)}),
}
"""What is relied on of a row, by its kind."""

Row = dict[str, Any]


class ResultsFile:
    """Append-only rows of one run. Only one process writes to it."""

    def __init__(self, path: Path) -> None:
        """Open for appending, cutting off a last line that a crash left torn.

        Raises:
            SRBenchError: the file cannot be written.
        """
        self.path = path
        try:
            with path.open("ab+") as file:
                file.truncate(_whole(file))
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise SRBenchError(f"{path}: cannot be written ({reason_of(error)})") from error

    def append(self, row: Row) -> None:
        """Write one row and hand it to the operating system at once.

        Raises:
            SRBenchError: the disk refuses; all rows before are safe.
        """
        line = json.dumps({"schema": SCHEMA, **row}, allow_nan=False, separators=(",", ":"))
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            raise SRBenchError(f"{self.path}: cannot be written ({reason_of(error)}); what it holds is kept") from error

    def close(self) -> None:
        """Close the file; what a full disk refused was said when it was written."""
        with contextlib.suppress(OSError):
            self._file.close()


def _whole(file: BinaryIO) -> int:
    """Return the length of a file up to its last newline, looked for from the end."""
    position = file.seek(0, os.SEEK_END)
    while position:
        size = min(BLOCK, position)
        position = file.seek(position - size)
        newline = file.read(size).rfind(b"\n")
        if newline >= 0:
            return position + newline + 1
    return 0


def read_rows(path: Path) -> Iterator[Row]:
    """Read all rows, one at a time; a torn last line is passed over.

    Raises:
        SRBenchError: the file cannot be read, or a line in it is no row of this schema.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    yield _row(line, f"{path}:{number}")
    except FileNotFoundError:
        return
    except OSError as error:
        raise SRBenchError(f"{path}: cannot be read ({reason_of(error)})") from error


def _row(line: bytes, location: str) -> Row:
    try:
        row: Row = json.loads(line.decode())
        schema = row["schema"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SRBenchError(f"{location}: is no row of results; move the file away") from error
    if schema != SCHEMA:
        raise SRBenchError(f"{location}: was written with schema {schema}, this srbench reads {SCHEMA}")
    if reason := fault(row, FORMS.get(str(row.get("kind")), Fields())):
        raise SRBenchError(f"{location}: is damaged or not srbench's ({reason}); move the file away")
    return row


def encode_value(value: float | None) -> float | str | None:
    """Return a value as JSON can hold it: infinities become ``"inf"`` and ``"-inf"``."""
    if value in (float("inf"), float("-inf")):
        return str(value)
    return value


def decode_value(value: float | str | None) -> float:
    """Return what `encode_value` was given; None becomes NaN."""
    return float("nan") if value is None else float(value)


def write_json(path: Path, data: Any) -> None:
    """Replace a JSON file atomically; passwords in URLs stay out of it.

    Raises:
        SRBenchError: it cannot be written.
    """
    write_text(path, without_passwords(json.dumps(data, indent=2, ensure_ascii=False)) + "\n")
