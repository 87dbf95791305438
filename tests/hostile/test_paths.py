"""Names that are paths to elsewhere: refused, or read only; nothing is written outside of the output and the cache.

Members of archives are tried in tests/test_archives.py, names in specs in tests/test_specs.py, tests/test_assets.py and
tests/test_scaffold.py.
"""

from __future__ import annotations

import io
import tarfile

import pytest

from srbench.errors import AssetError
from srbench.specs import Archive
from srbench.store import assets
from srbench.store.archives import fetch_archive
from srbench.system.terminal import Silent

EVIL = "../evil"


@pytest.fixture
def work(tmp_path, monkeypatch, save_image):
    """The folder that commands run in; what lies beside it is not theirs."""
    for i in range(2):
        save_image(tmp_path / "beside" / f"{i}.png", seed=i)
    (tmp_path / "beside" / "weights.safetensors").write_bytes(b"no weights")
    (tmp_path / "beside" / "weights.json").write_text("[]")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


HOSTILE = [
    ("run", "--methods", "nearest", "--plugin", "../beside/x.py"),
    ("run", "--methods", EVIL),
    ("run", "--methods", "nearest", "--dataset", EVIL),
    ("run", "--methods", "espcn", "--weights", "espcn=../beside/weights.safetensors"),
    ("run", "--methods", "espcn", "--weights", f"{EVIL}=trained"),
    ("run", "--methods", f"{EVIL}=spandrel:../beside/weights.safetensors"),
    ("run", "--methods", "a/b=onnx:../beside/weights.safetensors"),
    ("run", "--methods", "nearest", "--metrics", EVIL),
    ("run", "--methods", "nearest", "--protocol", EVIL),
    ("train", "espcn", "--data", f"{EVIL}=../beside"),
    ("train", EVIL, "--data", "../beside"),
    ("train", "espcn", "--data", "../beside", "--start-from", "../beside/weights.safetensors"),
    ("info", EVIL),
    ("check", EVIL),
    ("new", EVIL),
    ("new", "/tmp/evil"),
    ("fetch", EVIL),
    ("export", EVIL, "--onnx", "x.onnx"),
    ("report", EVIL),
    ("leaderboard", EVIL),
    ("compare", f"{EVIL}/0", "--methods", "nearest"),
]


@pytest.mark.parametrize("args", HOSTILE, ids=lambda args: " ".join(args)[:60])
def test_nothing_is_written_elsewhere(command, work, tree, args):
    before = tree(work.parent / "beside")
    assert command(*args, what=args) != 0
    assert tree(work.parent / "beside") == before
    assert {path.name for path in work.parent.iterdir()} == {"beside", "work"}


KINDS = [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, b"?"]


@pytest.mark.parametrize("kind", KINDS)
def test_members_that_are_no_files_are_never_made(tmp_path, monkeypatch, kind):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as opened:
        for name in ("HR/a.png", "HR/sub/../../../b.png", "/HR/c.png"):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.devmajor, info.devminor = kind, "/etc/passwd", 1, 3
            opened.addfile(info)
    (tmp_path / "a.tar").write_bytes(stream.getvalue())
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    with pytest.raises(AssetError) as error:
        fetch_archive(Archive("a.tar", folder="HR"), Silent())
    assert "is a link or has an invalid name" in str(error.value), str(error.value)
    assert not [path for path in assets.home().rglob("*") if path.is_symlink() or not (path.is_dir() or path.is_file())]


def test_saved_images_stay_in_the_output(srbench, work, tree):
    before = tree(work.parent / "beside")
    done = srbench("upscale", "nearest", work.parent / "beside", "--scale", "2", work / "out")
    assert done.returncode == 0, done.stderr
    assert tree(work.parent / "beside") == before
    assert sorted(path.name for path in (work / "out").iterdir()) == ["0.png", "1.png"]
