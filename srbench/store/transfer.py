"""Receive the answer to an HTTP request in a thread, so that a server that is too slow can be given up.

The time limit of a request is one between two bytes: a server that sends one every few seconds would hold a command for
days. A read that waits for such bytes cannot be interrupted, but its thread can be left behind.
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from requests import Response

WINDOW_S = 60.0
SLOWEST = 4096
"""Bytes per second, on average over a window, below which a server is given up."""
QUEUED = 4
"""Chunks that may wait to be written."""


class SlowServerError(OSError):
    """A server sent fewer bytes in a window than `SLOWEST` per second, or no answer."""

    def __init__(self) -> None:
        super().__init__(f"slower than {SLOWEST / 1000:.0f} kB/s for {WINDOW_S:g} s")


@contextmanager
def transfer(
    url: str, headers: Mapping[str, str], timeout_s: float, chunk: int
) -> Iterator[tuple[Response, Iterator[bytes]]]:
    """Request a URL; yield the response, without its body, and the body in chunks as they arrive.

    Args:
        url: http or https URL.
        headers: of the request.
        timeout_s: longest time to the connection and between two bytes, in seconds.
        chunk: largest size of a chunk in bytes.

    Raises:
        SlowServerError: from the context, or as chunks are taken.
        requests.RequestException: the request failed, likewise.
    """
    arrived: queue.Queue[Any] = queue.Queue(QUEUED)
    stopped = threading.Event()

    def put(item: Any) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                arrived.put(item, timeout=0.5)
                return

    def receive() -> None:
        import requests

        try:
            with requests.get(url, headers=dict(headers), stream=True, timeout=timeout_s) as response:
                put(response)
                for part in response.iter_content(chunk):
                    put(part)
                    if stopped.is_set():
                        return
            put(None)
        except Exception as error:  # noqa: BLE001  (raised again where the item is taken)
            put(error)

    items = _paced(arrived)
    threading.Thread(target=receive, daemon=True).start()
    try:
        yield next(items), items
    finally:
        stopped.set()


def _paced(arrived: queue.Queue[Any]) -> Iterator[Any]:
    """Yield what arrives until None; raise exceptions that arrive, and a `SlowServerError` where too little does."""
    began, count = time.monotonic(), 0
    while True:
        try:
            item = arrived.get(timeout=max(0.0, began + WINDOW_S - time.monotonic()))
        except queue.Empty:
            item = b""
        if item is None:
            return
        if isinstance(item, Exception):
            raise item
        count += len(item) if isinstance(item, bytes) else 0
        if time.monotonic() >= began + WINDOW_S:
            if count < SLOWEST * WINDOW_S:
                raise SlowServerError
            began, count = time.monotonic(), 0
        if item != b"":
            yield item
