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
    _, heads, _, value, *others = done.stdout.splitlines()
    assert heads.split()[1::2] == ["method", "image", "metric", "protocol", "then", "now"]
    assert " x2 |" in value
    assert "24 values of 0 saved and 6 repeated outputs: 1 differ" in others


def test_a_rerun_without_all_of_the_run_says_so_and_ends_with_1(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png", 16, 16)
    plugin = tmp_path / "own.py"
    plugin.write_text(
        "from srbench import ModelSpec, hookimpl\n"
        "from srbench_plugins import interpolation\n"
        "@hookimpl\n"
        "def srbench_models():\n"
        "    build = lambda scale: interpolation.build('bicubic', scale)\n"
        "    return [ModelSpec(name='own', summary='s', scales={4}, build=build)]\n"
    )
    common = ["--dataset", "./set", "--metrics", "psnr", "--no-speed"]
    assert here("run", "--methods", "bicubic,own", "--plugin", plugin, *common, "--out", "one").returncode == 0
    plugin.write_text("raise RuntimeError('oops')\n")
    again = here("rerun", "one", "--out", "two")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert (
        f"so it is not imported; read it, and if you trust it repeat the command with --plugin {plugin}" in again.stderr
    )
    again = here("rerun", "one", "--out", "two", "--plugin", plugin)
    assert again.returncode == 1
    assert "own.py: cannot be imported: RuntimeError: oops" in again.stderr
    assert "not repeated, since no longer available: own\n" in again.stderr
    assert "bicubic" in (tmp_path / "two" / "leaderboard.csv").read_text()
    run = here("run", "--methods", "bicubic", "--plugin", plugin, *common, "--out", "three")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "cannot be imported: RuntimeError: oops" in run.stderr
    assert not (tmp_path / "three").exists()
