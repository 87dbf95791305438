"""A server of an archive that breaks off, stalls or changes as it is told to."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from srbench.specs import Archive
from srbench.store import assets, downloads

PATH = "datasets/tiny/Tiny_HR.zip"


class Listener:
    """A user interface that remembers."""

    def __init__(self):
        self.said = []
        self.steps = 0

    def note(self, text):
        self.said.append(text)

    warn = note

    @contextmanager
    def track(self, what, total):
        def advance(detail):
            self.steps += 1

        yield advance


def png(seed, size=(40, 36)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


IMAGES = {f"{i:04d}.png": png(i) for i in range(1, 9)}


def make_zip(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in members:
            opened.writestr(name, content)
    return stream.getvalue()


GOOD = [(f"Tiny_HR/{name}", content) for name, content in IMAGES.items()]
CONTENT = make_zip([("Tiny_HR/", b""), *GOOD, ("Tiny_HR/notes.txt", b"-"), ("Tiny_LR/0001.png", png(0)), ("x", b"-")])


class Server:
    """What the test server does: its content, version, faults, and the requests that it had."""

    def __init__(self):
        self.content, self.etag = CONTENT, '"one"'
        self.ranges = True
        self.breaks = []  # bytes after which the next answers break off
        self.stalls = []  # bytes after which the next answers say nothing more
        self.slowly = 0.0
        self.status = 0
        self.asked = []


@pytest.fixture
def server(monkeypatch):  # noqa: C901
    monkeypatch.setattr(downloads, "PAUSE_S", 0)
    monkeypatch.setattr(downloads, "TIMEOUT_S", 2)
    monkeypatch.setattr(downloads, "CHUNK", 1000)
    state = Server()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range", "")
            state.asked.append(asked)
            if state.status:
                self.send_error(state.status)
                return
            start = int(asked[6:-1]) if asked and state.ranges else 0
            if self.headers.get("If-Range", state.etag) != state.etag:
                start = 0
            if start >= len(state.content):
                self.send_error(416)
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}")
            if state.etag:
                self.send_header("ETag", state.etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            stop = state.breaks.pop(0) if state.breaks else len(body)
            stall = state.stalls.pop(0) if state.stalls else None
            if state.slowly:
                for at in range(0, len(body), 1000):
                    self.wfile.write(body[at : at + 1000])
                    time.sleep(state.slowly)
                return
            self.wfile.write(body[: stop if stall is None else stall])
            if stall is not None:
                self.wfile.flush()
                ended.wait(20)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        state.url = f"http://127.0.0.1:{running.server_port}/Tiny_HR.zip"
        yield state
        ended.set()
        running.shutdown()
        thread.join()


def archive(url="", **fields):
    return Archive(PATH, url, **{"folder": "Tiny_HR", "images": 8, **fields})


def check(folder):
    assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == IMAGES
    files = {str(path.relative_to(assets.home())) for path in assets.home().rglob("*") if path.is_file()}
    inside = {f"datasets/tiny/Tiny_HR/{name}" for name in [*IMAGES, "archive.json"]}
    assert files - {"datasets/tiny/.Tiny_HR.lock"} == inside


def part():
    return assets.home() / f"{PATH}.part"
