"""``results.jsonl``: one JSON line per row, appended and flushed, never edited; a correction is a new row."""

from __future__ import annotations

import contextlib
import json
import math
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from srbench.errors import SRBenchError, reason_of, without_passwords
from srbench.system.atomic import write_text
from srbench.system.file_kinds import check_readable, write_fault
from srbench.system.json_forms import LARGEST, NONE, TEXT, Each, Fields, Number, fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SCHEMA = 1
BLOCK = 2**16
BEGINNING = b'{"schema":1,'
"""How each row begins, without spaces; a crash leaves the beginning of one."""

IDENTITY = {**dict.fromkeys(("method", "device", "precision", "plugin", "weights"), TEXT), "scale": range(2, 1000)}
IMAGE = {**IDENTITY, "dataset": TEXT, "image": TEXT, "image_sha256": TEXT}
TIMES = ("latency_ms", "latency_p10_ms", "latency_p90_ms")
COSTS = (*TIMES, "params", "macs", "images_per_s", "mpix_per_s", "peak_mem_mib")
FORMS: dict[str, Fields] = {
    "job": Fields({**IDENTITY, "dataset": TEXT, "status": TEXT, "reason": TEXT}),
    "score": Fields(
        {**IMAGE, "metric": TEXT, "protocol": TEXT, "value": (float, int, str, NONE)},
        {"key": TEXT, "reason": TEXT, "degradation": TEXT, "missing": (bool,), "srbench": TEXT},
    ),
    "speed": Fields(
        IDENTITY,
        {
            "key": TEXT,
            "srbench": TEXT,
            "size": range(1, LARGEST),
            "batch": range(1, LARGEST),
            "timed": (bool,),
            "shared": TEXT,
            **dict.fromkeys(COSTS, Number(0, optional=True)),
        },
    ),
    "remark": Fields({**IDENTITY, "dataset": TEXT, "topic": TEXT, "text": TEXT}),
    "picture": Fields(
        {**IMAGE, **dict.fromkeys(("sr", "hr", "lr"), TEXT)},
        {"files": Each(Fields({"bytes": range(LARGEST), "sha256": TEXT}))},
    ),
}
"""The JSON form of rows, by kind."""

Row = dict[str, Any]
Bounds = tuple[float, float]
"""The smallest and the largest value of a metric."""
NO_BOUNDS: Mapping[str, Bounds] = MappingProxyType({})
INFINITE = ("inf", "-inf")
"""Infinite values, as they are written."""
ROUNDING = 1e-6
"""How far rounding may take a value out of its bounds."""


class ResultsFile:
    """The append-only file of a run's rows. Only one process writes to it."""

    def __init__(self, path: Path) -> None:
        """Open the file for appending; remove an incomplete last line, as a crash may leave.

        Raises:
            SRBenchError: the file cannot be written, or is not srbench's; then it stays as it is.
        """
        self.path = path
        if fault := write_fault(path):
            raise SRBenchError(f"{path}: {fault}")
        check_rows(path)
        try:
            with path.open("ab+") as file:
                file.truncate(_whole(file))
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise SRBenchError(f"{path}: cannot be written ({reason_of(error)})") from error

    def append(self, row: Row) -> None:
        """Write one row and flush it to the operating system.

        Raises:
            SRBenchError: the row cannot be written; earlier rows are safe.
        """
        line = json.dumps({"schema": SCHEMA, **row}, allow_nan=False, separators=(",", ":"))
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            raise SRBenchError(f"{self.path}: cannot be written ({reason_of(error)}); earlier rows are safe") from error

    def close(self) -> None:
        """Close the file; write errors were already reported by `append`."""
        with contextlib.suppress(OSError):
            self._file.close()


def _whole(file: BinaryIO) -> int:
    """Return the length of a file up to and including its last newline."""
    position = file.seek(0, os.SEEK_END)
    while position:
        size = min(BLOCK, position)
        position = file.seek(position - size)
        newline = file.read(size).rfind(b"\n")
        if newline >= 0:
            return position + newline + 1
    return 0


def check_rows(path: Path) -> None:
    """Check by its first and last lines that a file that exists is one of rows of this schema.

    Raises:
        SRBenchError: it is not, or cannot be read.
    """
    try:
        check_readable(path)
        with path.open("rb") as file:
            first = file.readline(BLOCK)
            file.seek(_whole(file))
            rest = file.read(BLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise SRBenchError(f"{path}: cannot be read ({reason_of(error)})") from error
    if first.endswith(b"\n"):
        _row(first, f"{path}:1", NO_BOUNDS)
    begun = rest.replace(b" ", b"").rstrip(b"\0")[: len(BEGINNING)]  # a loss of power may leave zeros
    if not BEGINNING.startswith(begun):
        raise SRBenchError(f"{path}: ends in what is no row of srbench's; move the file away, or use another --out")


def read_rows(path: Path, bounds: Mapping[str, Bounds] = NO_BOUNDS) -> Iterator[Row]:
    """Yield all rows; skip an incomplete last line.

    Args:
        path: the file.
        bounds: the smallest and the largest value of metrics, by identity.

    Raises:
        SRBenchError: the file cannot be read, or a line is not a row of this schema.
    """
    try:
        check_readable(path)
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    yield _row(line, f"{path}:{number}", bounds)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SRBenchError(f"{path}: cannot be read ({reason_of(error)})") from error


def is_cut_off(path: Path) -> bool:
    """Return whether a file ends in the middle of a row."""
    try:
        with path.open("rb") as file:
            return file.seek(0, os.SEEK_END) > _whole(file)
    except OSError:
        return False


def _row(line: bytes, location: str, bounds: Mapping[str, Bounds]) -> Row:
    try:
        row: Row = json.loads(line.decode())
        schema = row["schema"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SRBenchError(
            f"{location}: is not a row of results: the file is damaged; restore it, or move it away"
        ) from error
    if schema != SCHEMA:
        raise SRBenchError(f"{location}: was written with schema {schema}, this srbench reads {SCHEMA}")
    if reason := fault(row, FORMS.get(str(row.get("kind")), Fields({"kind": TEXT}))):
        raise SRBenchError(f"{location}: is damaged or not srbench's ({reason}); move the file away")
    if row["kind"] == "score" and (reason := _value_fault(row, bounds)):
        raise SRBenchError(f"{location}: {reason}; remove the line to have it scored again, or move the file away")
    return row


def _value_fault(row: Row, bounds: Mapping[str, Bounds]) -> str:
    """Return why the value of a score cannot be one of its metric; empty if it can."""
    value = row["value"]
    if value is None:
        return ""
    if type(value) is str:
        if value not in INFINITE:
            return f"value is {json.dumps(value[:40])}, neither a number nor one of {', '.join(INFINITE)}"
        value = float(value)
    least, most = bounds.get(row["metric"], (-math.inf, math.inf))
    if least - ROUNDING <= value <= most + ROUNDING:
        return ""
    return f"value is {value:g}, but {row['metric']} is from {least:g} to {most:g}"


def encode_value(value: float | None) -> float | str | None:
    """Return a value as JSON data: infinities become ``"inf"`` and ``"-inf"``."""
    if value in (math.inf, -math.inf):
        return str(value)
    return value


def decode_value(value: float | str | None) -> float:
    """Return what `encode_value` was given; None becomes NaN."""
    return float("nan") if value is None else float(value)


def write_json(path: Path, data: Any) -> None:
    """Replace a JSON file atomically; passwords in URLs are removed.

    Raises:
        SRBenchError: the file cannot be written.
    """
    write_text(path, without_passwords(json.dumps(data, indent=2, ensure_ascii=False)) + "\n")
