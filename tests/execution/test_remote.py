"""What cannot go to other machines is said before anything is started, or in the row with its reason."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from srbench import __version__
from srbench.errors import SRBenchError
from srbench.execution.events import Environment, Refused, SpeedMeasured
from srbench.execution.jobs import Cell, Job, Session
from srbench.execution.remote import Terms, answer, decode_answer, one_kind
from srbench.execution.slurm import minutes, parse_settings
from srbench.store.hashes import sha256

ENVIRONMENT = Environment("cpu, one", "linux", None, {"srbench": __version__})


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


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path, save_image, monkeypatch, capsys):
    from srbench.execution import dask as dask_executor

    monkeypatch.setattr(dask_executor, "CONNECT_S", 0.5)
    save_image(tmp_path / "set" / "a.png")
    asked = ["--methods", "nearest", "--dataset", str(tmp_path / "set"), "--metrics", "psnr"]
    dask = ["--executor", "dask", "--scheduler", "tcp://127.0.0.1:9"]
    assert _fails([*asked, *dask], tmp_path, monkeypatch) == 1
    said = capsys.readouterr().err
    assert "error: the Dask cluster at tcp://127.0.0.1:9 does not answer" in said
    assert said.count("\n") == 1


def test_settings_of_slurm_jobs_by_method():
    texts = ["partition=gpu,gpus=1", "time=1:30:00", "onnx:a.onnx:mem=32GB,exclude=node[1,2]", "unet:time=5"]
    assert parse_settings(texts) == {
        "": {"partition": "gpu", "gpus": "1", "time": "1:30:00"},
        "onnx:a.onnx": {"mem": "32GB", "exclude": "node[1,2]"},
        "unet": {"time": "5"},
    }


@pytest.mark.parametrize(
    ("text", "expected"), [("5", 5), ("1:30", 90), ("2:00:30", 121), ("1-00:00:00", 1440), ("2-12", 3600), ("0", 1)]
)
def test_times_are_read_as_slurm_reads_them(text, expected):
    assert minutes(text) == expected


def test_machines_of_several_kinds_are_refused():
    assert one_kind([ENVIRONMENT, ENVIRONMENT]).device == "cpu, one"
    with pytest.raises(SRBenchError, match=r"different devices, .*cpu, one; cpu, two"):
        one_kind([ENVIRONMENT, replace(ENVIRONMENT, device="cpu, two")])
    with pytest.raises(SRBenchError, match=r"a worker has srbench 0\.0\.0"):
        one_kind([replace(ENVIRONMENT, versions={"srbench": "0.0.0"})])
    with pytest.raises(SRBenchError, match="no such Python file"):
        one_kind([ENVIRONMENT, Refused("--plugin x.py: no such Python file (on node7)")])


def test_what_another_machine_lacks_is_the_reason(tmp_path, save_image):
    """This machine plays the other one, on which files are missing or are others."""
    image = save_image(tmp_path / "set" / "a.png")
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"other")
    cells = {"a": [Cell("key", "psnr", "y")]}

    def job(expected, weights="", dataset=tmp_path / "set"):
        return Job("nearest", 2, str(dataset), cells, weights=str(weights), expected=expected)

    executor = Terms(Session("cpu", 1)).executor(tmp_path / "log")
    try:
        device = executor.environment().device

        def reason(job, device=device):
            return getattr(decode_answer(answer(executor, job, device))[-1], "reason", "")

        other, here = "0" * 16, "differs here from where the run was started"
        assert "no such folder" in reason(job({}, dataset=tmp_path / "gone"))
        assert "w0: no such weights here" in reason(job({"weights": other}, weights=tmp_path / "w0"))
        assert f"the weights file {weights} {here}" in reason(job({"weights": other}, weights=weights))
        assert f"{here} (on " in reason(job({"plugin": other}))
        assert f"image 'a' ({image}) {here}" in reason(job({"image a": other}))
        assert f"{tmp_path} does not exist here: saving images" in reason(job({"folder": str(tmp_path)}))
        assert f"but {socket.gethostname()} has" in reason(job({}), device="cuda, another")
        events = answer(executor, job({"image a": sha256(image)}), device)
        assert [event["kind"] for event in events] == ["value", "image", "time", "done"]
    finally:
        executor.shutdown()


class FakeClient:
    """What Dask says of a cluster of two machines: the job ran on the first; beside it ran what is named."""

    def __init__(self, **processing):
        self.beside = processing

    def processing(self):
        return {f"tcp://{host}:1": keys for host, keys in self.beside.items()}

    def who_has(self, futures):
        return {"ours": ("tcp://node1:7",)}


@pytest.mark.parametrize(
    ("before", "processing", "shared"),
    [
        (set(), {"node1": ["ours"], "node2": ["theirs"]}, False),
        (set(), {"node1": ["ours", "theirs"]}, True),
        ({"node1"}, {"node1": ["ours"]}, True),
    ],
)
def test_a_timing_beside_other_work_of_the_cluster_is_marked(before, processing, shared):
    from srbench.execution.dask import DaskExecutor

    executor = DaskExecutor.__new__(DaskExecutor)
    executor._client, executor._where, executor._running = FakeClient(**processing), "the cluster", {"ours": None}
    (event,) = executor._marked([SpeedMeasured({"latency_ms": 1.0})], None, before)
    assert event.shared == ("other work of the cluster on node1" if shared else "")


def test_a_plugin_file_that_is_not_there_is_the_reason(tmp_path):
    executor = Terms(Session("cpu", 1, (str(tmp_path / "mine.py"),))).executor(tmp_path / "log")
    try:
        (event,) = decode_answer(answer(executor, Job("mine", 2, "set"), ""))
    finally:
        executor.shutdown()
    assert "mine.py: no such Python file (on " in event.reason


FAKE = {  # SLURM's commands as submitit uses them: a job is a process in the background
    "sbatch": 'echo "$@" >> $SLURM_FAKE/calls; cat "$1" >> $SLURM_FAKE/scripts; n=$(wc -l < $SLURM_FAKE/calls)\n'
    'SLURM_JOB_ID=$n bash "$1" >/dev/null 2>&1 &\necho "Submitted batch job $n"',
    "srun": 'while [ "${1#-}" != "$1" ]; do case "$1" in --output|--error) shift;; esac; shift; done; exec "$@"',
    "sacct": 'echo "JobID|State|NodeList"; for n in $(seq 1 99); do echo "$n|COMPLETED|here"; done',
    "scancel": "true",
}


def test_slurm_is_given_what_a_method_needs(srbench, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    for name, code in FAKE.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{code}\n")
        path.chmod(0o755)
    asked = ["--methods", "nearest", "--dataset", "set", "--metrics", "psnr", "--out", "out"]
    speed = ["--speed-size", 8, "--speed-seconds", 0.05]
    slurm = [
        "--executor",
        "slurm",
        "--slurm",
        "partition=cpu,time=2:00:00,cpus=2",
        "--slurm",
        "nearest:mem=2GB,reservation=me",
    ]
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    # of more cores than one job is given
    done = srbench("run", *asked, *speed, *slurm, PATH=path, SLURM_FAKE=str(tmp_path), SLURM_CPUS_ON_NODE="0")
    assert done.returncode == 0, done.stderr
    scripts = (tmp_path / "scripts").read_text().split("#!/bin/bash")[1:]
    assert len(scripts) == 3  # a look at the machine, the scores, the speed
    for setting in ("partition=cpu", "time=120", "cpus-per-task=2", "mem=2GB", "reservation=me"):
        assert all(f"#SBATCH --{setting}\n" in script for script in scripts)
    assert not Path(tmp_path / "out" / "slurm").exists()
    assert f"timed on a shared device (0 of {os.cpu_count()} cores of {socket.gethostname()})" in done.stdout
    board = pd.read_csv(tmp_path / "out" / "leaderboard.csv")
    assert board.device[0].endswith(", 2 threads")
    assert board.latency_ms.isna().all()
    assert (board.psnr > 0).all()
