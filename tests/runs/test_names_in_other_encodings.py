"""File names that are not of the file system's encoding, as archives from other systems unpack to."""

from __future__ import annotations

import json
import os
import sys

import pytest

FOLDER, IMAGE = b"caf\xe9", b"\xe9t\xe9.png"  # Latin-1


@pytest.fixture
def folder(tmp_path, save_image):
    source = save_image(tmp_path / "a.png", 48, 48)
    path = tmp_path / os.fsdecode(FOLDER)
    try:
        path.mkdir()
        (path / os.fsdecode(IMAGE)).write_bytes(source.read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have Unicode names only")
def test_run_and_report_take_them(here, tmp_path, folder):
    options = ["--methods", "nearest", "--metrics", "psnr", "--no-speed", "--out", "out", "--report"]
    done = here("run", *options, "--dataset", folder)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert {row["image"] for row in rows if row["kind"] == "score"} == {"%E9t%E9"}
    run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert os.fsencode(run["commands"][0]["request"]["datasets"][0]) == os.fsencode(folder)
    assert "%E9t%E9" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert here("verify", "out").returncode == 0
