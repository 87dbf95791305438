"""``run.json``: read whole or refused with the reason; where a command's time went is added to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from srbench.errors import SRBenchError
from srbench.results.run_file import add_seconds, now, read_run_file

RUN = {
    "schema": 1,
    "commands": [{"command": "srbench run", "time": "t"}, {"command": "srbench run again", "time": "t"}],
    "methods": {},
    "metrics": {"psnr": {"identity": "psnr/1", "better": "higher", "decimals": 2}},
    "datasets": {"set x4": {"source": "", "hash": "h", "images": {"a": "0"}}},
    "protocols": {"y/1": {"name": "y", "version": 1}},
}


def written(folder, **changes):
    (folder / "run.json").write_text(json.dumps(RUN | changes))
    return folder


def test_a_run_is_read_from_its_folder_or_its_file(tmp_path):
    assert read_run_file(written(tmp_path)) == RUN
    assert read_run_file(tmp_path / "run.json") == RUN


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": 2}, "was written with schema 2, this srbench reads 1; use another --out"),
        ({"schema": "1"}, "cannot be read as a run's description"),
        ({"metrics": {"psnr": {"identity": "psnr/1", "better": "up", "decimals": 2}}}, "damaged or not srbench's"),
        ({"commands": {}}, r"damaged or not srbench's \(it.commands is no list\)"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, changes, said):
    with pytest.raises(SRBenchError, match=said):
        read_run_file(written(tmp_path, **changes))


def test_a_folder_without_a_run_is_said(tmp_path):
    with pytest.raises(SRBenchError, match=r"holds no run: run\.json does not exist"):
        read_run_file(tmp_path)


def test_seconds_are_added_to_the_last_command(tmp_path):
    add_seconds(written(tmp_path), {"forward": 1.23456, "score": 2})
    first, last = read_run_file(tmp_path)["commands"]
    assert "seconds" not in first
    assert last["seconds"] == {"forward": 1.235, "score": 2}


def test_the_time_is_in_utc_to_the_millisecond():
    time = datetime.fromisoformat(now())
    assert time.utcoffset() == timedelta(0)
    assert len(now()) == len("2026-01-02T03:04:05.678+00:00")
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)
