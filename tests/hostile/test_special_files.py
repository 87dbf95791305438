"""Pipes, devices and sockets where files are wanted: one line, never a wait that has no end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import tarfile

import pytest
from PIL import Image

from srbench.catalog.plugin import Plugin
from srbench.catalog.plugin_files import import_file
from srbench.errors import AssetError, ImageError
from srbench.images.read import list_folder, read, read_size
from srbench.specs import Archive, Asset
from srbench.store import assets
from srbench.store.archives import RECORD, fetch_archive, read_record
from srbench.store.hashes import sha256
from srbench.store.weights import read_card
from srbench.system.file_kinds import read_fault, write_fault
from srbench.system.terminal import Silent

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def _no_endless_wait():
    """A read that blocks is interrupted, and fails the test."""

    def stop(*_):
        raise AssertionError("it waited")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["pipe", "device", "socket", "link to a pipe"])
def special(request, tmp_path_factory):
    """Put a special file at a path."""
    sockets = []

    def put(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "device":
            path.symlink_to("/dev/zero")
        elif request.param == "socket":
            folder = tmp_path_factory.mktemp("s")
            sockets.append(socket.socket(socket.AF_UNIX))
            sockets[-1].bind(str(folder / "s"))
            path.symlink_to(folder / "s")
        else:
            os.mkfifo(path.with_name(f"{path.name}-target"))
            path.symlink_to(path.with_name(f"{path.name}-target"))
        return path

    yield put
    for opened in sockets:
        opened.close()


@pytest.fixture
def work(tmp_path, monkeypatch, save_image):
    save_image(tmp_path / "set" / "a.png", 48, 48)
    monkeypatch.chdir(tmp_path)
    return tmp_path


RUN = ("run", "--methods", "nearest", "--dataset", "set", "--metrics", "psnr", "--no-speed", "--inline", "--out", "out")


def test_kinds_are_told(special, tmp_path):
    path = special(tmp_path / "x")
    assert read_fault(path) in ("is a named pipe, not a file", "is a socket, not a file", "is a device, not a file")
    assert write_fault(path)
    (tmp_path / "file").touch()
    for plain in ("file", ".", "nothing", "file/inside", "x" * 300, "a\0b"):
        assert (read_fault(tmp_path / plain), write_fault(tmp_path / plain)) == ("", "")


@pytest.mark.parametrize(
    "args",
    [
        ("run", "--methods", "nearest", "--dataset", "SPECIAL"),
        ("run", "--methods", "nearest", "--dataset", "name=SPECIAL"),
        ("run", "--methods", "espcn", "--dataset", "set", "--weights", "espcn=SPECIAL"),
        ("run", "--methods", "onnx:SPECIAL.onnx", "--dataset", "set"),
        ("run", "--methods", "files:SPECIAL", "--dataset", "set"),
        ("run", "--methods", "nearest", "--dataset", "set", "--plugin", "SPECIAL.py"),
        ("list", "--plugin", "SPECIAL.py"),
        ("check", "SPECIAL.py"),
        ("upscale", "nearest", "SPECIAL", "--scale", "2", "out.png"),
        ("upscale", "nearest", "set", "--scale", "2", "SPECIAL"),
        ("degrade", "SPECIAL", "out.png", "--scale", "2"),
        ("score", "SPECIAL", "set", "--scale", "2"),
        ("score", "set", "SPECIAL", "--scale", "2"),
        ("compare", "SPECIAL", "--methods", "nearest"),
        ("train", "espcn", "--data", "SPECIAL"),
        ("train", "espcn", "--data", "set", "--start-from", "SPECIAL"),
        ("leaderboard", "SPECIAL"),
        ("leaderboard", "SPECIAL.json"),
        ("report", "SPECIAL"),
        ("rerun", "SPECIAL"),
        ("verify", "SPECIAL"),
    ],
    ids=" ".join,
)
def test_arguments(command, work, special, args):
    name = next(re.search(r"SPECIAL[.\w]*", arg)[0] for arg in args if "SPECIAL" in arg)
    path = special(work / name.lower())
    assert command(*(arg.replace(name, str(path)) for arg in args), what=args) in (1, 2)


@pytest.mark.parametrize("name", ["run.json", "results.jsonl"])
def test_files_of_a_run(command, work, special, name):
    assert command(*RUN) == 0
    special(work / "out" / name)
    for args in (("leaderboard", "out"), ("report", "out"), ("verify", "out"), RUN):
        assert command(*args, what=args) in (1, 2)
    assert command("rerun", "out") == (0 if name == "results.jsonl" else 1)  # it does not read the results


def test_saved_pictures(command, work, special):
    assert command(*RUN, "--save-images") == 0
    special(work / "out" / "images" / "set_x4" / "nearest" / "a.png")
    assert command("report", "out") == 1
    assert command("verify", "out") == 0


def test_images_in_folders(command, work, special):
    special(work / "set" / "b.png")
    assert [path.name for path in list_folder(work / "set")] == ["a.png"]
    assert command(*RUN) == 0
    shutil.copytree(work / "set", work / "sr", ignore=lambda *_: ["b.png", "b.png-target"])
    special(work / "sr" / "b.png")
    assert command("score", "sr", "set", "--scale", "2", "--metrics", "psnr") == 0
    for reader in (read, read_size):
        with pytest.raises(ImageError, match="not a file"):
            reader(work / "set" / "b.png")


def test_a_card_and_a_record(work, special):
    special(work / "model.json")
    assert read_card(work / "model.safetensors") == {}
    special(work / RECORD)
    assert read_record(work) == {}


def test_a_card_beside_weights(command, work, special):
    (work / "model.safetensors").write_bytes(b"x")
    special(work / "model.json")
    args = ("run", "--methods", "espcn", "--dataset", "set", "--weights", "espcn=model.safetensors")
    assert command(*args) == 2


def test_files_of_a_mirror(work, special, monkeypatch):
    monkeypatch.setenv("SRBENCH_MIRROR", str(work / "mirror"))
    special(work / "mirror" / "weights.bin")
    with pytest.raises(AssetError, match="not a file"):
        assets.fetch(Asset("weights.bin", "0" * 64))
    special(work / "mirror" / "a.tar")
    with pytest.raises(AssetError, match=r"a\.tar \(is a .*, not a file\)"):
        fetch_archive(Archive("a.tar", folder="HR"), Silent())
    (work / "mirror" / "a.tar").unlink()
    special(work / "mirror" / "a" / "0.png")
    images = len(list((work / "mirror" / "a").iterdir()))
    (work / "mirror" / "a" / RECORD).write_text(json.dumps({"images": images, "sha256": "x"}))
    with pytest.raises(AssetError, match="not a file"):
        fetch_archive(Archive("a.tar", folder="HR"), Silent())


def test_an_archive_of_pipes(work, monkeypatch):
    monkeypatch.setenv("SRBENCH_MIRROR", str(work))
    with tarfile.open(work / "a.tar", "w") as opened:
        info = tarfile.TarInfo("HR/a.png")
        info.type = tarfile.FIFOTYPE
        opened.addfile(info)
    with pytest.raises(AssetError, match="is a link or has an invalid name"):
        fetch_archive(Archive("a.tar", folder="HR"), Silent())


def test_a_package_with_a_pipe_among_its_modules(work, special):
    (work / "package").mkdir()
    (work / "package" / "__init__.py").write_text("")
    plugin = Plugin("package", "package", import_file(work / "package" / "__init__.py"))
    fingerprint = plugin.fingerprint
    special(work / "package" / "pipe.py")
    assert Plugin("package", "package", plugin.module).fingerprint == fingerprint


def test_hashes(work, special):
    with pytest.raises(OSError, match="not a file"):
        sha256(special(work / "x"))


def test_large_images_of_devices_are_not_read(work):
    with pytest.raises(ImageError, match="is a device, not a file"):
        read(type(work)("/dev/zero"))
    Image.new("RGB", (8, 8)).save(work / "set" / "c.png")
    assert read(work / "set" / "c.png").size == (8, 8)
