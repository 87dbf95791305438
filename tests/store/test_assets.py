"""Files enter the cache only after their hash was checked, from whichever source has them."""

from __future__ import annotations

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from srbench.errors import AssetError, SpecError
from srbench.specs import Asset
from srbench.store import assets

CONTENT = b"pixels" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PATH = "datasets/set/a.png"


@pytest.fixture
def server():
    """Serve the file under /good, and faults under other names."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/missing"):
                self.send_error(404)
                return
            body = CONTENT[::-1] if self.path.startswith("/wrong") else CONTENT
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:100] if self.path.startswith("/short") else body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def cached():
    """What is offered; a lock and the beginning of a file, both hidden, are not."""
    return [path for path in assets.home().rglob("*") if path.is_file() and not path.name.startswith(".")]


def test_downloads_once_and_takes_the_cache_then(server):
    asset = Asset(PATH, DIGEST, f"{server}/good/a.png")
    assert assets.fetch(asset).read_bytes() == CONTENT
    assert assets.fetch(Asset(PATH, DIGEST, "http://127.0.0.1:9/gone")).read_bytes() == CONTENT
    assert cached() == [assets.home() / PATH]


def test_mirror_folder_comes_before_the_network(tmp_path, monkeypatch):
    (tmp_path / "datasets/set").mkdir(parents=True)
    (tmp_path / PATH).write_bytes(CONTENT)
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    assert assets.fetch(Asset(PATH, DIGEST, "http://127.0.0.1:9/x")).read_bytes() == CONTENT


def test_mirror_url_comes_before_the_network(server, monkeypatch):
    monkeypatch.setenv("SRBENCH_MIRROR", f"{server}/good/")
    assert assets.fetch(Asset(PATH, DIGEST, "http://127.0.0.1:9/x")).read_bytes() == CONTENT


def test_a_mirror_without_the_file_is_passed_over(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    assert assets.fetch(Asset(PATH, DIGEST, f"{server}/good/a.png")).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("place", "said"),
    [("missing", "HTTP 404"), ("wrong", "its SHA-256 is not the pinned one"), ("short", "broke off")],
)
def test_faulty_sources_leave_the_cache_empty_and_are_named(server, place, said):
    with pytest.raises(AssetError) as error:
        assets.fetch(Asset(PATH, DIGEST, f"{server}/{place}/a.png"))
    assert f"{server}/{place}/a.png" in str(error.value)
    assert said in str(error.value)
    assert "SRBENCH_MIRROR" in str(error.value)
    assert "\n" not in str(error.value)
    assert not cached()


def test_all_sources_are_named_when_none_has_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    with pytest.raises(
        AssetError, match=rf"tried {tmp_path}/{PATH} \(not there\); http://127\.0\.0\.1:9/x \(no connection\)"
    ):
        assets.fetch(Asset(PATH, DIGEST, "http://127.0.0.1:9/x"))


def test_a_corrupt_cached_file_is_fetched_anew(server):
    asset = Asset(PATH, DIGEST, f"{server}/good/a.png")
    assets.fetch(asset).write_bytes(b"bits rot")
    assert not assets.is_cached(asset)
    assert assets.fetch(asset).read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "a\\b", ""])
def test_an_asset_cannot_leave_the_cache(path):
    with pytest.raises(SpecError, match="must be relative"):
        Asset(path, DIGEST)


def test_a_silent_source_is_said_to_be_silent(monkeypatch):
    monkeypatch.setattr("srbench.store.downloads.TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.png"
        with pytest.raises(AssetError, match=r"timed out: no data for 0\.3 s"):
            assets.fetch(Asset(PATH, DIGEST, url))


def test_a_mirror_may_be_a_file_url(tmp_path, monkeypatch):
    (tmp_path / "my files/datasets/set").mkdir(parents=True)
    (tmp_path / "my files" / PATH).write_bytes(CONTENT)
    monkeypatch.setenv("SRBENCH_MIRROR", (tmp_path / "my files").as_uri())
    assert assets.fetch(Asset(PATH, DIGEST)).read_bytes() == CONTENT
