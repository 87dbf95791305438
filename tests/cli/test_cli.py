"""The way in: help, version, unknown commands, a bug that shows as one line, a reader that leaves early."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

import srbench
from srbench.cli import COMMANDS, cli, main


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


def test_no_command_prints_the_help(monkeypatch, capsys):
    assert call(monkeypatch) == 2
    shown = capsys.readouterr().err
    monkeypatch.undo()
    assert call(monkeypatch, "--help") == 0
    assert shown.strip() == capsys.readouterr().out.strip()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(closed, tmp_path):
    command = f"{sys.executable} -m srbench leaderboard {tmp_path} {closed}; echo $? >code"
    subprocess.run(["bash", "-c", command], cwd=tmp_path, timeout=60, check=True, stderr=subprocess.DEVNULL)
    assert (tmp_path / "code").read_text() in ("1\n", "2\n")  # it holds no run
    script = f"import os, subprocess, sys; from srbench.cli import main; sys.argv = ['srbench', '--version']\n{PROBE}"
    subprocess.run(["bash", "-c", f'{sys.executable} -c "$0" {closed}', script], cwd=tmp_path, timeout=60, check=True)
    assert (tmp_path / "file").read_text() == "own"


PROBE = """
try: main()
except SystemExit as end: assert end.code == 0
with open('file', 'w') as file:
    subprocess.run(['echo', 'of a child'], check=True)  # must not end in the file
    file.write('own')
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "srbench", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "error: the output cannot be written: No space left on device\n")


@pytest.mark.parametrize(
    ("before", "typed", "completed"),
    [
        ([], "lead", ["leaderboard"]),
        (["upscale"], "espc", ["espcn"]),
        (["info"], "ESPC", ["espcn"]),
        (["train"], "rrdb-", ["rrdb-small"]),
        (["export"], "edsr-", ["edsr-large"]),
        (["compare"], "samp", ["samples"]),
        (["fetch"], "set", ["set5", "set14"]),
        (["fetch"], "alex", ["alexnet"]),
        (["check"], "psn", ["psnr"]),
        (["run", "--methods"], "bicubic,espc", ["bicubic,espcn"]),
        (["info"], "onnx:", ["onnx:"]),
    ],
)
def test_names_are_completed(before, typed, completed):
    shell = ShellComplete(cli, {}, "srbench", "_SRBENCH_COMPLETE")
    assert sorted(item.value for item in shell.get_completions(before, typed)) == sorted(completed)
