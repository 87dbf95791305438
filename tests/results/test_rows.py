"""Rows: appended and flushed, torn tails cut, damage named with its line."""

from __future__ import annotations

import json
import math

import pytest

from srbench.errors import SRBenchError
from srbench.results.rows import ResultsFile, decode_value, encode_value, read_rows, write_json


def test_each_row_is_on_disk_at_once(tmp_path):
    path = tmp_path / "results.jsonl"
    results = ResultsFile(path)
    for i in range(3):
        results.append({"kind": "note", "i": i})
        assert [row["i"] for row in read_rows(path)] == list(range(i + 1))
    results.close()


def test_a_torn_tail_is_passed_over_and_cut_before_the_next_row(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"schema":1,"kind":"note","i":0}\n{"schema":1,"i"')
    assert [row["i"] for row in read_rows(path)] == [0]
    results = ResultsFile(path)
    results.append({"kind": "note", "i": 1})
    results.close()
    assert [json.loads(line)["i"] for line in path.read_text().splitlines()] == [0, 1]


@pytest.mark.parametrize("line", ["{broken", "[1]", "3", '{"i": 1}', "null"])
def test_damage_in_the_middle_is_named_with_its_line(tmp_path, line):
    path = tmp_path / "results.jsonl"
    path.write_text(f'{{"schema":1,"kind":"a"}}\n{line}\n{{"schema":1,"kind":"a"}}\n')
    with pytest.raises(SRBenchError, match=r"results\.jsonl:2: is not a row of results"):
        list(read_rows(path))


def test_another_schema_is_refused(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"schema":9,"kind":"job"}\n')
    with pytest.raises(SRBenchError, match="written with schema 9, this srbench reads 1"):
        list(read_rows(path))


@pytest.mark.parametrize("value", [1.5, math.inf, -math.inf, None])
def test_values_survive_as_valid_json(value):
    text = json.dumps(encode_value(value), allow_nan=False)
    found = decode_value(json.loads(text))
    assert math.isnan(found) if value is None else found == value


def test_no_row_can_hold_a_bare_nan(tmp_path):
    results = ResultsFile(tmp_path / "r")
    with pytest.raises(ValueError, match="not JSON compliant"):
        results.append({"value": math.nan})
    results.close()


def test_replaced_files_are_whole_or_old(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    write_json(path, {"a": 1})

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(SRBenchError, match="cannot be written"):
        write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]
