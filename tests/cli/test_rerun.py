"""``srbench rerun`` and ``srbench verify`` on the command line."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pandas as pd

from tests.runs.conftest import make


def test_commands(here, asked, tmp_path):
    make(replace(asked, speed=True, speed_size=16, speed_batch=1, speed_seconds=0.05))
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "run" / "run.json", tmp_path / "elsewhere" / "shared.json")
    done = here("rerun", "elsewhere/shared.json", "--out", "again")
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    timed = ["latency_ms", "images_per_s", "mpix_per_s", "latency_p10_ms", "latency_p90_ms"]
    quality = [pd.read_csv(tmp_path / name / "leaderboard.csv").drop(columns=timed) for name in ("run", "again")]
    assert quality[0].to_csv() == quality[1].to_csv()
    rows = (tmp_path / "again" / "results.jsonl").read_text()
    row = next(line for line in rows.splitlines() if '"psnr/' in line)
    (tmp_path / "again" / "results.jsonl").write_text(rows.replace(row, row.replace('"value":', '"value":1')))
    done = here("verify", "again")
    assert (done.returncode, done.stderr) == (1, "")
    heads, value, total = done.stdout.splitlines()
    assert heads.split() == ["method", "image", "metric", "protocol", "then", "now"]
    assert value.split()[2] == "x2"
    assert total == "24 values of 0 saved and 6 repeated outputs: 1 differ"
