"""``srbench new``: what cannot be written is said, and what was written is named."""

from __future__ import annotations

import sys

import pytest

from srbench.cli import main


def call(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["srbench", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["My net"], "cannot be the name of a method: lower-case letters"),
        (["1net"], "a letter first"),
        (["net-"], "cannot be the name"),
        (["../net"], "cannot be the name"),
        (["n" * 41], "at most 40 characters"),
        (["srbench-net"], "leave out 'srbench'"),
        (["bicubic"], "there is a method 'bicubic' already, from srbench"),
        (["srgan"], "there is a method 'srgan' already"),
        (["l1", "--kind", "loss"], "there is a loss 'l1' already"),
        (["samples", "--kind", "method"], "a plugin named 'samples' is installed already"),
        (["plugins"], "a Python package srbench_plugins is installed already"),
        (["there"], "there exists already; nothing was written"),
        (["net", "--dir", "file"], "is a file"),
        (["net", "--kind", "model"], "'model' is not one of"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(tmp_path, monkeypatch, capsys, args, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.py").write_text("precious")
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    assert call(monkeypatch, "new", *args) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert reason in error
    assert sorted(tmp_path.rglob("*")) == before


def test_the_folder_may_lie_in_one_that_is_not_there_yet(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "new", "net", "--dir", tmp_path / "a" / "b") == 0
    assert f"pip install -e {tmp_path / 'a' / 'b' / 'net'}" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["net"]
