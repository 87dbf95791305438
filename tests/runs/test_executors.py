"""Where a run's jobs go: options that do not belong together, and packages and clusters that are not here."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--scheduler", "tcp://127.0.0.1:1"], "--scheduler needs --executor dask"),
        (["--workers", "3"], "--workers needs --executor dask or slurm"),
        (["--slurm", "gpus=1"], "--slurm needs --executor slurm"),
        (["--executor", "dask", "--inline"], "cannot be combined with --executor"),
        (["--executor", "dask", "--scheduler", "x:1", "--workers", "3"], "cannot be combined with --scheduler"),
        (["--executor", "slurm", "--slurm", "gpus"], "--slurm takes [METHOD:]NAME=VALUE[,NAME=VALUE...], not 'gpus'"),
        (["--executor", "slurm", "--slurm", "time=soon"], "--slurm time=soon: write minutes, H:MM:SS or D-HH:MM:SS"),
        (["--executor", "slurm", "--slurm", "espcn:gpus=1"], "--slurm names espcn, which is not among --methods"),
        (["--executor", "ray"], "'ray' is not one of 'local', 'dask', 'slurm'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(options, said, tmp_path, monkeypatch, capsys):
    assert _fails(["--methods", "nearest", *options], tmp_path, monkeypatch) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("executor", "package"), [("dask", "distributed"), ("slurm", "submitit")])
def test_a_missing_extra_is_named(executor, package, tmp_path, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == package else find(name, *more))
    assert _fails(["--methods", "nearest", "--executor", executor], tmp_path, monkeypatch) == 2
    assert f"needs {package}: pip install 'srbench[{executor}]'\n" in capsys.readouterr().err


def test_slurm_that_is_not_here_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert _fails(["--methods", "nearest", "--metrics", "psnr", "--executor", "slurm"], tmp_path, monkeypatch) == 1
    assert capsys.readouterr().err.startswith("error: --executor slurm: Could not detect")


def _fails(args, tmp_path, monkeypatch):
    from srbench.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["srbench", "run", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_parent_of_a_run_does_not_load_torch():
    """It takes more than a second, and more memory than all that the parent does."""
    code = "import sys; import srbench.runs.harness; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
