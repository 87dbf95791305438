"""Downloads: resumed where they broke off, begun anew where that is not safe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from srbench.errors import AssetError
from srbench.store import downloads
from srbench.store.archives import fetch_archive
from tests.store.conftest import CONTENT, PATH, Listener, archive, check, part


def test_a_broken_transfer_goes_on_where_it_broke_off(server):
    server.breaks = [5000, 3000]
    check(fetch_archive(archive(server.url), Listener()))
    assert server.asked == ["", "bytes=5000-", "bytes=8000-"]


def test_the_next_command_goes_on_where_the_last_one_gave_up(server):
    server.breaks = [5000, 0]
    with pytest.raises(AssetError, match=r"broke off.*The same command resumes the download"):
        fetch_archive(archive(server.url), Listener())
    assert part().stat().st_size == 5000
    check(fetch_archive(archive(server.url), Listener()))
    assert server.asked == ["", "bytes=5000-", "bytes=5000-"]


def test_a_killed_download_is_gone_on_from(server, tmp_path):
    server.slowly = 0.05
    code = (
        "from srbench.store.archives import fetch_archive\nfrom srbench.specs import Archive\n"
        "from srbench.system.terminal import Terminal\n"
        "from srbench.store import downloads\ndownloads.CHUNK = 1000\n"
        f"fetch_archive(Archive({PATH!r}, {server.url!r}, 'Tiny_HR', 8), Terminal())"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ})
    while process.poll() is None and not (part().exists() and part().stat().st_size):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    server.slowly = 0
    have = part().stat().st_size
    check(fetch_archive(archive(server.url), Listener()))
    assert server.asked == ["", f"bytes={have}-"]


def test_a_server_without_ranges_starts_anew(server):
    server.ranges = False
    server.breaks = [5000]
    check(fetch_archive(archive(server.url), Listener()))
    assert server.asked == ["", "bytes=5000-"]


@pytest.mark.parametrize("etag", ['"two"', ""])
def test_another_file_of_the_same_name_starts_anew(server, etag):
    server.etag = '"one"' if etag else ""
    server.breaks = [5000, 0]
    server.content = CONTENT[::-1] + b"..."
    with pytest.raises(AssetError):
        fetch_archive(archive(server.url), Listener())
    server.content, server.etag = CONTENT, etag
    check(fetch_archive(archive(server.url), Listener()))


def test_a_part_longer_than_the_file_starts_anew(server):
    server.etag = ""
    server.breaks = [len(CONTENT), 0]
    server.content = CONTENT * 2
    with pytest.raises(AssetError):
        fetch_archive(archive(server.url), Listener())
    server.content = CONTENT
    check(fetch_archive(archive(server.url), Listener()))


def test_a_complete_part_is_not_asked_for_again(server, monkeypatch):
    def killed(*_):
        raise OSError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", killed)
        with pytest.raises(AssetError, match="killed here"):
            fetch_archive(archive(server.url), Listener())
    check(fetch_archive(archive(server.url), Listener()))
    assert server.asked == [""]


def test_a_silent_server_is_said_to_be_silent(server, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT_S", 0.5)
    server.stalls = [0]
    with pytest.raises(AssetError, match=r"timed out: no data for 0\.5 s"):
        fetch_archive(archive(server.url), Listener())
    server.stalls = [6000]  # silent later: what came is kept, and the rest asked for
    check(fetch_archive(archive(server.url), Listener()))
    assert server.asked[-1] == "bytes=6000-"


def test_without_a_network():
    with pytest.raises(AssetError, match=r"http://127\.0\.0\.1:9/x \(no connection\)\. Put it under a folder"):
        fetch_archive(archive("http://127.0.0.1:9/x"), Listener())
