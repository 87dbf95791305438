"""The way in: help, version, unknown commands, a bug that shows as one line, a reader that leaves early."""

from __future__ import annotations

import subprocess
import sys

import pytest

import srbench
from srbench.cli import COMMANDS, main


def call(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["srbench", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_an_example(command, monkeypatch, capsys):
    assert call(monkeypatch, command, "--help") == 0
    text = capsys.readouterr().out
    assert f"srbench {command}" in text.split("Example", 1)[1]


def test_version(monkeypatch, capsys):
    assert call(monkeypatch, "--version") == 0
    assert srbench.__version__ in capsys.readouterr().out


def test_unknown_command_suggests_the_nearest(monkeypatch, capsys):
    assert call(monkeypatch, "leaderbord") == 2
    assert capsys.readouterr().err.startswith("error: unknown command 'leaderbord'; did you mean 'leaderboard'?")


def test_unknown_option_is_one_line(monkeypatch, capsys):
    assert call(monkeypatch, "run", "--method", "x") == 2
    error = capsys.readouterr().err
    assert "--methods" in error
    assert error.count("\n") == 1


def test_a_bug_is_one_line_and_can_be_traced(monkeypatch, capsys):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("srbench.catalog.catalog.Catalog.load", broken)
    assert call(monkeypatch, "list") == 1
    assert "a bug to report: ZeroDivisionError: division by zero" in capsys.readouterr().err
    monkeypatch.setenv("SRBENCH_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["srbench", "list"])
    with pytest.raises(ZeroDivisionError):
        main()


def test_a_reader_that_leaves_early_is_not_complained_about(tmp_path):
    code = "from srbench.cli import main; import sys; sys.argv = ['srbench', 'list']; main()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert not error
