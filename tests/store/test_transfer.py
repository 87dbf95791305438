"""Servers that are slow or send without end are given up; parts of pinned files are resumed."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from srbench.errors import AssetError
from srbench.specs import Asset
from srbench.store import assets, downloads, transfer
from srbench.store.archives import fetch_archive
from srbench.system.terminal import Silent
from tests.store.conftest import CONTENT, PATH, archive, check


@contextmanager
def speaking(*parts, pause=0.0, forever=b""):
    """A server that answers each connection with these bytes, then with others without end."""
    ended = threading.Event()

    def talk(connection):
        with connection:
            connection.recv(10_000)
            try:
                for part in parts:
                    connection.sendall(part)
                while forever and not ended.wait(pause):
                    connection.sendall(forever)
            except OSError:
                return

    def serve(listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/a.png"
        ended.set()
        listening.shutdown(socket.SHUT_RDWR)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
ASSET = "datasets/set/a.png"


@pytest.fixture
def hurry(monkeypatch):
    monkeypatch.setattr(transfer, "WINDOW_S", 0.5)


@pytest.mark.parametrize(
    ("parts", "drop"),
    [((HEAD,), b"x"), ((), b"H"), ((b"HTTP/1.1 200 OK\r\n",), b"a: b\r\n")],
    ids=["body", "status line", "headers"],
)
def test_a_server_that_drips_is_given_up(hurry, parts, drop):
    began = time.monotonic()
    with (
        speaking(*parts, pause=0.05, forever=drop) as url,
        pytest.raises(AssetError, match=r"\(slower than 4 kB/s for 0\.5 s\)"),
    ):
        assets.fetch(Asset(ASSET, "0" * 64, url))
    assert time.monotonic() - began < 10


def test_a_slow_archive_says_that_it_can_be_resumed(hurry, server, monkeypatch):
    server.slowly = 0.6
    with pytest.raises(AssetError, match=r"\(slower than 4 kB/s for 0\.5 s\)\. The same command resumes the download"):
        fetch_archive(archive(server.url), Silent())
    server.slowly = 0
    check(fetch_archive(archive(server.url), Silent()))
    assert server.asked[-1].startswith("bytes=")


def test_a_server_that_pauses_and_is_fast_otherwise_is_waited_for(server, monkeypatch):
    monkeypatch.setattr(transfer, "WINDOW_S", 0.4)
    monkeypatch.setattr(transfer, "SLOWEST", 1000)
    server.slowly = 0.1  # 10 kB/s
    check(fetch_archive(archive(server.url), Silent()))


@pytest.mark.parametrize("told", [b"", b"Transfer-Encoding: chunked\r\n"])
def test_what_has_no_size_has_a_bound(monkeypatch, told):
    monkeypatch.setattr(downloads, "LARGEST_UNTOLD", 2**20)
    block = b"x" * 2**16
    forever = b"10000\r\n" + block + b"\r\n" if told else block
    with (
        speaking(b"HTTP/1.1 200 OK\r\n" + told + b"\r\n", forever=forever) as url,
        pytest.raises(AssetError, match="wrong content: it has more than 1048576 bytes there"),
    ):
        assets.fetch(Asset(ASSET, "0" * 64, url))
    assert not [path for path in assets.home().rglob("*") if path.is_file() and path.name != ".lock"]


def test_parts_of_pinned_files_are_resumed(server):
    asset = Asset(ASSET, hashlib.sha256(CONTENT).hexdigest(), server.url)
    server.breaks = [5000, 0]
    with pytest.raises(AssetError, match="broke off"):
        assets.fetch(asset)
    assert [path.stat().st_size for path in assets.home().rglob("*.part")] == [5000]
    assert assets.fetch(asset).read_bytes() == CONTENT
    assert server.asked == ["", "bytes=5000-", "bytes=5000-"]
    assert not list(assets.home().rglob(".incoming"))


def test_a_part_of_wrong_content_is_not_kept(server):
    asset = Asset(ASSET, "0" * 64, server.url)
    for _ in range(2):
        with pytest.raises(AssetError, match="not the pinned one"):
            assets.fetch(asset)
    assert server.asked == ["", ""]
    assert not list(assets.home().rglob(".incoming"))


def test_no_thread_waits_for_a_server_that_was_given_up_with_its_chunks(server):
    before = threading.active_count()
    with transfer.transfer(server.url, {}, 2, 10) as (response, chunks):
        assert response.status_code == 200
        assert next(chunks)
    end = time.monotonic() + 10
    while threading.active_count() > before:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_part_is_forgotten_when_the_file_came_from_elsewhere(server, tmp_path, monkeypatch):
    asset = Asset(ASSET, hashlib.sha256(CONTENT).hexdigest(), server.url)
    for fetch, name in (
        (lambda: assets.fetch(asset), ASSET),
        (lambda: fetch_archive(archive(server.url), Silent()), PATH),
    ):
        monkeypatch.delenv("SRBENCH_MIRROR", raising=False)
        server.breaks = [5000, 0]
        with pytest.raises(AssetError, match="broke off"):
            fetch()
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(CONTENT)
        monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
        assert fetch()
        assert not [path for path in assets.home().rglob("*") if ".part" in path.name or path.name == ".incoming"]
