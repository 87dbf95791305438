"""Records of a run that are torn, old or out of order in time: gone on with, or refused in one clear line."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from srbench.catalog.catalog import Catalog
from srbench.errors import SRBenchError
from srbench.report.page import write_report
from srbench.results.board import load_board
from srbench.runs import harness
from srbench.runs.request import Request
from srbench.runs.rerun import requests_of
from srbench.runs.verify import verify
from srbench.system.terminal import Silent


@pytest.fixture
def asked(tmp_path, save_image):
    for i in range(3):
        save_image(tmp_path / "photos" / f"p{i}.png", seed=i)
    return Request(
        methods=("nearest", "bicubic"),
        datasets=(str(tmp_path / "photos"),),
        scales=(2,),
        protocols=("y",),
        metrics=("psnr",),
        out=tmp_path / "run",
        speed=False,
        inline=True,
    )


def run(request):
    return harness.score(request, Catalog.load(), Silent()).board.frame


def lines(folder):
    return (folder / "results.jsonl").read_text().splitlines(keepends=True)


def test_a_torn_last_line_is_made_again_and_nothing_else(asked, tmp_path):
    run(asked)
    whole, csv = lines(tmp_path / "run"), (tmp_path / "run" / "leaderboard.csv").read_bytes()
    last = max(i for i, line in enumerate(whole) if '"kind":"score"' in line)
    (tmp_path / "run" / "results.jsonl").write_text("".join(whole[:last]) + whole[last][:-9])
    frame = load_board([tmp_path / "run"]).frame
    assert frame.status.tolist().count("failed") == 2  # no method was said to be done
    assert all("interrupted" in reason for reason in frame.reason)
    run(asked)
    after = [json.loads(line) for line in lines(tmp_path / "run")]
    assert [row["key"] for row in after if row["kind"] == "score"] == [
        json.loads(line)["key"] for line in whole if '"kind":"score"' in line
    ]
    assert (tmp_path / "run" / "leaderboard.csv").read_bytes() == csv


@pytest.mark.parametrize("file", ["run.json", "results.jsonl"])
def test_another_schema_is_refused_by_every_command_and_left_as_it_is(asked, tmp_path, file):
    run(asked)
    path = tmp_path / "run" / file
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 0').replace('"schema":1', '"schema":0'))
    before = path.read_bytes()
    for use in (
        lambda: run(asked),
        lambda: load_board([tmp_path / "run"]),
        lambda: write_report([tmp_path / "run"], tmp_path / "report.html", Silent()),
        lambda: verify(tmp_path / "run", 0, Silent()),
    ):
        with pytest.raises(SRBenchError, match=rf"{file}.* was written with schema 0, this srbench reads 1"):
            use()
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"no": "schema"}'])
def test_a_description_that_is_none_is_named(asked, tmp_path, text):
    run(asked)
    (tmp_path / "run" / "run.json").write_text(text)
    for use in (lambda: run(asked), lambda: requests_of(tmp_path / "run", tmp_path / "again")):
        with pytest.raises(SRBenchError, match=r"run\.json: cannot be read as a run's description"):
            use()
    assert len(lines(tmp_path / "run")) > 6


def test_a_clock_that_goes_back_changes_nothing(asked, tmp_path, save_image, monkeypatch):
    year = 2031

    def now():
        nonlocal year
        year -= 1
        return f"{year}-01-01T00:00:00.000+00:00"

    run(replace(asked, out=tmp_path / "whole"))
    monkeypatch.setattr("srbench.runs.runner.now", now)
    monkeypatch.setattr("srbench.results.run_file.now", now)
    first = run(replace(asked, methods=("nearest",)))
    run(asked)
    csv = (tmp_path / "run" / "leaderboard.csv").read_bytes()
    assert csv == (tmp_path / "whole" / "leaderboard.csv").read_bytes()
    rows = [json.loads(line) for line in lines(tmp_path / "run")]
    assert len([row for row in rows if row["kind"] == "score"]) == 6
    times = [row["time"] for row in rows if "time" in row]
    assert times == sorted(times, reverse=True)
    for i in range(3):
        save_image(tmp_path / "photos" / f"p{i}.png", seed=9 + i)  # what was scored last counts, though it is "older"
    later = run(replace(asked, methods=("nearest",)))
    assert later.set_index("method").psnr["nearest"] != first.psnr[0]
