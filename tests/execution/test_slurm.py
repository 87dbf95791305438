"""SLURM jobs are given what their methods need."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pandas as pd
import pytest

from srbench.execution.slurm import minutes, parse_settings


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
