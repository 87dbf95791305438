"""Downloads over HTTP; interrupted downloads are resumed, by the same command or the next one.

``NAME.part`` holds the bytes so far. ``NAME.part.json`` holds the file's URL, size and version, so that a download is
resumed only if the server's file is still the same.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
import shutil
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from srbench.errors import AssetError
from srbench.store.transfer import SlowServerError, transfer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from requests import Response

    from srbench.system.terminal import UI

TIMEOUT_S = 30
"""Seconds without data after which a request times out."""
PAUSE_S = 1.0
ATTEMPTS = 20
"""Most attempts per download; an attempt without progress ends it."""
BUSY = (429, 503)
"""HTTP status codes to retry: too many requests, service unavailable."""
BUSY_TRIES = 4
LONGEST_PAUSE_S = 60.0
"""Longest ``Retry-After`` that is respected; above it the download fails."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BARRED = (errno.EROFS, errno.EACCES, errno.EPERM)
LARGEST_UNTOLD = 2**32
"""Most bytes of a file of which neither the server nor its user tells the size."""
MIB = 2**20
CHUNK = 2**16
"""Bytes written at a time; at most so many are lost if a transfer is interrupted."""


class WrongSizeError(ValueError):
    """A server's file has another size, or none that is told and more bytes than are taken."""


def download(url: str, target: Path, ui: UI, *, size: int = 0, room: float = 1.0) -> Path:
    """Download a file, resuming an earlier download of it.

    Args:
        url: http or https URL.
        target: path of the complete file.
        ui: shows progress in MiB.
        size: expected size in bytes; 0 if unknown.
        room: required disk space, as a multiple of the file's size.

    Raises:
        AssetError: the disk has too little space.
        OSError: the server cannot be reached, refuses, times out, is too slow or disconnects; the part stays for the
            next attempt.
        WrongSizeError: the server's file has another size.
    """
    import requests

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    refused = 0
    for attempt in range(ATTEMPTS):
        before = _bytes(part)
        try:
            _resume(url, part, ui, size, room)
            break
        except requests.HTTPError as error:
            refused += 1
            if (pause := _pause(error.response, refused)) is None:
                raise
            time.sleep(pause)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            if _bytes(part) <= before or attempt == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE_S)
    part.replace(target)
    _note(part).unlink(missing_ok=True)
    return target


def forget_part(target: Path) -> None:
    """Remove the part of a download that is no longer needed, as the file came from elsewhere."""
    part = target.with_name(target.name + ".part")
    for path in (part, _note(part)):
        path.unlink(missing_ok=True)


def check_room(folder: Path, needed: int, purpose: str) -> None:
    """Check that the disk has enough space.

    Raises:
        AssetError: it has not; the message gives the needed and the free space.
    """
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise AssetError(
            f"{purpose} needs {needed / 1e9:.1f} GB in {folder}, which has {free / 1e9:.1f} GB left; "
            "make room, or set SRBENCH_HOME to a folder on a larger disk"
        )


def is_our_disk(error: OSError, folder: Path) -> bool:
    """Return whether an error is a failure to write to the disk of ``folder``, not to read a source."""
    ours = str(error.filename or folder).startswith(str(folder))
    return error.errno in FULL or (error.errno in BARRED and ours)


def network_fault(error: Exception) -> str:
    """Return the reason of a network error in a few words; empty for other errors."""
    if (response := getattr(error, "response", None)) is not None:
        delay = response.headers.get("Retry-After", "")
        busy = ": it is busy" + (f"; try again in {delay} s" if delay.isdecimal() else "")
        return f"HTTP {response.status_code}{busy if response.status_code in BUSY else ''}"
    if isinstance(error, SlowServerError):
        return str(error)
    if not type(error).__module__.startswith("requests"):
        return ""
    if "Timeout" in type(error).__name__ or any("timed out" in str(cause) for cause in error.args):
        return f"timed out: no data for {TIMEOUT_S:g} s"
    if any("aborted" in str(cause) for cause in error.args):
        return "it closed the connection without an answer"
    names = {"ConnectionError": "no connection", "ChunkedEncodingError": "the transfer broke off"}
    return names.get(type(error).__name__, type(error).__name__)


def _pause(response: Response | None, refused: int) -> float | None:
    """Return the seconds to wait before a retry; None if a retry is useless."""
    if response is None or response.status_code not in BUSY or refused == BUSY_TRIES:
        return None
    delay = response.headers.get("Retry-After", "")
    pause = PAUSE_S * 2**refused
    if delay.isdecimal():
        pause = float(delay)
    elif delay:
        with contextlib.suppress(ValueError, TypeError):  # not a date, or one without a time zone
            pause = max(0.0, (parsedate_to_datetime(delay) - datetime.now(UTC)).total_seconds())
    return pause if pause <= LONGEST_PAUSE_S else None


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _known(part: Path, url: str) -> dict[str, Any]:
    """Return the note beside a part: URL, size and version; empty if the part cannot be resumed."""
    try:
        note: dict[str, Any] = json.loads(_note(part).read_text())
        return note if note["url"] == url and 0 < _bytes(part) <= note["size"] else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _resume(url: str, part: Path, ui: UI, size: int, room: float) -> None:
    """Request the rest of a file, or all of it if the server cannot send the rest of the same file."""
    import requests

    known = _known(part, url)
    have = _bytes(part) if known else 0
    if known and have == known["size"]:
        return None
    headers = {"Accept-Encoding": "identity"}  # compressed transfers cannot be resumed
    if known:
        headers["Range"] = f"bytes={have}-"
        if known["version"]:
            headers["If-Range"] = known["version"]
    with transfer(url, headers, TIMEOUT_S, CHUNK) as (response, chunks):
        if known and not _continues(response, have, known):
            have = 0
            if response.status_code in (206, 416):  # the rest of another file, or a shorter one
                part.unlink()
                return _resume(url, part, ui, size, room)
        response.raise_for_status()
        total = known["size"] if have else int(response.headers.get("Content-Length", 0))
        if size and total and total != size:
            raise WrongSizeError(f"wrong content: it has {total} bytes there, not {size}")
        total = total or size
        check_room(part.parent, int(room * total) - have, part.name.removesuffix(".part"))
        _note(part).write_text(json.dumps({"url": url, "size": total, "version": _version(response)}))
        _receive(chunks, part, ui, have, total)
    if total and _bytes(part) != total:
        raise requests.exceptions.ChunkedEncodingError("the transfer broke off")
    return None


def _receive(chunks: Iterable[bytes], part: Path, ui: UI, have: int, total: int) -> None:
    """Append chunks to the part.

    Raises:
        WrongSizeError: there are more bytes than the total, or than `LARGEST_UNTOLD` if that is unknown.
    """
    done, began = 0, time.monotonic()
    name = part.name.removesuffix(".part")
    with ui.track(f"downloading {name} (MiB)", -(-total // MIB)) as advance, part.open("ab" if have else "wb") as file:
        for _ in range(have // MIB):
            advance("")
        for chunk in chunks:
            if have + done + len(chunk) > (total or LARGEST_UNTOLD):
                part.unlink()
                _note(part).unlink()
                raise WrongSizeError(f"wrong content: it has more than {total or LARGEST_UNTOLD} bytes there")
            file.write(chunk)
            shown = (have + done) // MIB
            done += len(chunk)
            rate = f"{done / max(time.monotonic() - began, 1e-3) / 1e6:.1f} MB/s"
            for _ in range((have + done) // MIB - shown):
                advance(rate)


def _continues(response: Response, have: int, known: dict[str, Any]) -> bool:
    """Return whether a response is the rest of the same file as the part."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    same = not known["version"] or _version(response) in ("", known["version"])
    return (
        response.status_code == 206
        and match is not None
        and (int(match[1]), int(match[2])) == (have, known["size"])
        and same
    )


def _version(response: Response) -> str:
    """Return the version of the server's file: a strong ETag, else its date."""
    tag: str = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
