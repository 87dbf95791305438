"""Servers and mirrors that fail: each is named with its fault, and nothing wrong is ever in the cache."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import threading
import time
import zipfile
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from srbench.errors import AssetError
from srbench.specs import Archive, Asset
from srbench.store import assets, downloads
from srbench.store.archives import fetch_archive, read_record
from srbench.system.terminal import Silent

CONTENT = b"pixels" * 10_000
ASSET = Asset("datasets/set/a.png", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def server(monkeypatch):
    """A server whose answers are what `server.answers` says, one after the other; then all is well."""
    state = SimpleNamespace(answers=[], asked=0, pauses=[])
    patched = SimpleNamespace(sleep=state.pauses.append, monotonic=time.monotonic)
    monkeypatch.setattr(downloads, "time", patched)
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.asked += 1
            answer = state.answers.pop(0) if state.answers else "good"
            if isinstance(answer, tuple):
                status, wait = answer
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if wait:
                    self.send_header("Retry-After", wait)
                self.end_headers()
            elif answer == "hangs up":
                self.close_connection = True
            elif answer == "says nothing":
                ended.wait(20)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(CONTENT)))
                self.end_headers()
                parts = {"wrong bytes": CONTENT[::-1], "truncates": CONTENT[:100], "stalls": CONTENT[:100]}
                self.wfile.write(parts.get(answer, CONTENT))
                if answer == "stalls":
                    ended.wait(20)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("SRBENCH_MIRROR", f"http://127.0.0.1:{running.server_port}")
        yield state
        ended.set()
        running.shutdown()
        thread.join()


def offered():
    """What the cache offers: no lock, and no beginning of a file."""
    return [path for path in assets.home().rglob("*") if path.is_file() and not path.name.startswith(".")]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("wrong bytes", "wrong content: its SHA-256 is not the pinned one"),
        ("truncates", "the transfer broke off"),
        ("stalls", "timed out: no data for 0.5 s"),
        ("says nothing", "timed out: no data for 0.5 s"),
        ("hangs up", "it closed the connection without an answer"),
        ((404, ""), "HTTP 404"),
        ((500, ""), "HTTP 500"),
        ((503, ""), "HTTP 503: it is busy"),
        ((429, "3600"), "HTTP 429: it is busy; try again in 3600 s"),
    ],
)
def test_a_faulty_mirror_is_named_with_its_fault_and_the_next_try_is_clean(server, monkeypatch, answer, said):
    server.answers = [answer] * downloads.ATTEMPTS
    with monkeypatch.context() as patch:
        if "timed out" in said:
            patch.setattr(downloads, "TIMEOUT_S", 0.5)
        with pytest.raises(AssetError) as error:
            assets.fetch(ASSET)
    assert f"{os.environ['SRBENCH_MIRROR']}/{ASSET.path} ({said})" in str(error.value)
    assert "\n" not in str(error.value)
    assert offered() == []
    assert server.asked <= downloads.BUSY_TRIES
    server.answers = []
    assert assets.fetch(ASSET).read_bytes() == CONTENT
    assert offered() == [assets.home() / ASSET.path]


@pytest.mark.parametrize(
    ("wait", "pauses"),
    [
        ("", [2.0, 4.0]),
        ("7", [7.0, 7.0]),
        (formatdate(0, usegmt=True), [0.0, 0.0]),  # a clock that is wrong, here or there
        ("soon", [2.0, 4.0]),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_a_pause(server, status, wait, pauses):
    server.answers = [(status, wait)] * 2
    assert assets.fetch(ASSET).read_bytes() == CONTENT
    assert (server.asked, server.pauses) == (3, pauses)


def test_a_busy_server_is_not_asked_for_ever(server):
    server.answers = [(503, "1")] * 100
    with pytest.raises(AssetError, match=r"HTTP 503: it is busy; try again in 1 s"):
        assets.fetch(ASSET)
    assert server.asked == downloads.BUSY_TRIES
    server.answers, server.asked, server.pauses[:] = [(503, "61")], 0, []  # longer than anybody waits
    with pytest.raises(AssetError, match="HTTP 503"):
        assets.fetch(ASSET)
    assert (server.asked, server.pauses) == (1, [])


def test_a_damaged_file_of_the_cache_is_got_anew_or_named(server, monkeypatch):
    assets.fetch(ASSET).write_bytes(b"bits rot")
    monkeypatch.setenv("SRBENCH_MIRROR", "/nowhere")
    with pytest.raises(AssetError) as error:
        assets.fetch(ASSET)
    assert f"tried {assets.home() / ASSET.path} (damaged); /nowhere/{ASSET.path} (not there)" in str(error.value)


def test_a_mirror_folder_that_cannot_be_read_is_passed_over(server, tmp_path, monkeypatch):
    url = f"{os.environ['SRBENCH_MIRROR']}/a.png"
    place = tmp_path / ASSET.path
    place.mkdir(parents=True)  # where a file should be; of one without permission root would not hear
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    with pytest.raises(AssetError, match=r"\(Is a directory\)"):
        assets.fetch(ASSET)
    assert assets.fetch(Asset(ASSET.path, ASSET.sha256, url)).read_bytes() == CONTENT
    if os.geteuid():
        place.rmdir()
        place.write_bytes(CONTENT)
        place.chmod(0)
        (assets.home() / ASSET.path).unlink()
        with pytest.raises(AssetError, match=r"\(Permission denied\)"):
            assets.fetch(ASSET)


@pytest.fixture
def other_cache(tmp_path, monkeypatch):
    """The cache of another machine, which got an archive from a folder; it is the mirror of this one."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for i in range(4):
            image = io.BytesIO()
            Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(image, "PNG")
            opened.writestr(f"Tiny_HR/{i}.png", image.getvalue())
    source = tmp_path / "source" / "datasets" / "tiny" / "Tiny_HR.zip"
    source.parent.mkdir(parents=True)
    source.write_bytes(stream.getvalue())
    archive = Archive(
        "datasets/tiny/Tiny_HR.zip",
        "",
        folder="Tiny_HR",
        images=4,
        hash=f"sha256:{hashlib.sha256(stream.getvalue()).hexdigest()}",
    )
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "source"))
    with monkeypatch.context() as there:
        there.setenv("SRBENCH_HOME", str(tmp_path / "other"))
        folder = fetch_archive(archive, Silent())
    shutil.rmtree(tmp_path / "source")
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "other"))
    return archive, folder


def test_what_another_cache_has_unpacked_stands_in_for_its_archive(other_cache):
    archive, there = other_cache
    here = fetch_archive(archive, Silent())
    assert here.is_relative_to(assets.home())
    assert {p.name: p.read_bytes() for p in here.glob("*.png")} == {p.name: p.read_bytes() for p in there.glob("*.png")}
    record = {**read_record(there), "source": str(there)}
    assert read_record(here) == record
    assert read_record(there)["verified"] == "pinned SHA256"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "2.png").write_bytes(b"other"), "wrong content"),
        (lambda folder: (folder / "2.png").unlink(), "not there"),
        (lambda folder: (folder / "2.png").rename(folder / "5.png"), "wrong content"),
        (lambda folder: (folder / "archive.json").write_text("{"), "not there"),
        (lambda folder: _without(folder / "archive.json", "content"), "wrong content"),
        (lambda folder: _without(folder / "archive.json", "sha256"), "not there"),
    ],
)
def test_what_another_cache_holds_damaged_stays_there(other_cache, harm, said):
    archive, there = other_cache
    harm(there)
    with pytest.raises(AssetError) as error:
        fetch_archive(archive, Silent())
    assert f"({said}" in str(error.value)
    assert offered() == []


def _without(path, field):
    record = json.loads(path.read_text())
    del record[field]
    path.write_text(json.dumps(record))
