"""Two processes on one cache or one folder, and processes killed while they fetch or write a report."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError
from srbench.specs import Asset
from srbench.store import assets
from srbench.system.leftovers import MACHINE
from srbench.system.locks import locked
from srbench.system.terminal import Silent
from srbench.training import engine
from srbench.training.recipes.session import Overrides
from srbench.training.request import TrainRequest

FILES = {f"set/{i}.bin": bytes([i]) * 200_000 for i in range(4)}
FETCH = f"""
from srbench.store import assets
from srbench.specs import Asset
import hashlib
for i in range({len(FILES)}):
    content = bytes([i]) * 200_000
    assert assets.fetch(Asset(f"set/{{i}}.bin", hashlib.sha256(content).hexdigest())).read_bytes() == content
"""


@pytest.fixture
def asked(monkeypatch):
    """How often a slow mirror was asked for each file."""
    counts = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            counts[self.path] += 1
            content = FILES[self.path.removeprefix("/")]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for at in range(0, len(content), 20_000):
                time.sleep(0.005)
                self.wfile.write(content[at : at + 20_000])

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, address):
            """A client that is killed in the midst of an answer is what this is about."""

    with Server(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("SRBENCH_MIRROR", f"http://127.0.0.1:{running.server_port}")
        yield counts
        running.shutdown()
        thread.join()


def start():
    return subprocess.Popen([sys.executable, "-c", FETCH], env={**os.environ})


def test_two_processes_on_one_cache_get_each_file_once(asked):
    both = [start(), start()]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert asked == {f"/{name}": 1 for name in FILES}


def test_a_killed_fetch_leaves_whole_files_and_is_gone_on_from(asked):
    for after in (1, 3):
        process = start()
        while process.poll() is None and len(asked) < after:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        there = {name: (assets.home() / name).read_bytes() for name in FILES if (assets.home() / name).exists()}
        assert there.items() <= FILES.items()
    for name, content in FILES.items():
        assert assets.fetch(Asset(name, hashlib.sha256(content).hexdigest())).read_bytes() == content
    left = {str(path.relative_to(assets.home())) for path in assets.home().rglob("*") if path.is_file()}
    assert left == {*FILES, "set/.lock"}


def test_two_trainings_on_one_folder(tmp_path, save_image, monkeypatch):
    monkeypatch.setattr(engine, "GRACE_S", 0)
    for i in range(2):
        save_image(tmp_path / "train" / f"t{i}.png", 48, 44, seed=i)
    images, out = str(tmp_path / "train"), tmp_path / "out"
    request = TrainRequest(
        "espcn", (images,), out, scale=2, overrides=Overrides(batch=2, patch=16, steps=2), validate_on=images
    )

    def never():
        raise AssertionError

    with (
        locked(out / ".lock", never),
        pytest.raises(UsageError, match=rf"another process is training in {out}; --out chooses another folder"),
    ):
        engine.train(request, Catalog.load(), Silent())
    assert [path.name for path in out.iterdir()] == [".lock"]
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = out / f".state.{MACHINE}-{ended.pid}.pt"
    left.write_bytes(b"of one that was killed")
    assert engine.train(request, Catalog.load(), Silent()).steps == 2
    assert not left.exists()
