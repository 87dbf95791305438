"""Rows of several versions on one board: said in a line, and ranked apart where what they measure differs."""

from __future__ import annotations

import json

import pytest

from srbench.results.board import load_board
from srbench.results.formats import to_csv
from srbench.results.pivot import pivots
from srbench.results.sections import sections

VALUES = [30.0 + i for i in range(10)]


def described(run, change):
    path = run.folder / "run.json"
    stored = json.loads(path.read_text())
    change(stored)
    path.write_text(json.dumps(stored))


def board_of(*runs):
    for run in runs:
        run.file.close()
    return load_board([run.folder for run in runs])


def test_one_definition_has_no_note_and_no_column(new_run):
    one, two = new_run("one"), new_run("two")
    one.method("a", VALUES)
    two.method("b", VALUES)
    board = board_of(one, two)
    assert board.notes == []
    assert len(list(board.sections())) == 1
    assert "definitions" not in to_csv(board)


def test_another_version_of_a_metric_is_ranked_apart(new_run):
    one, two = new_run("one"), new_run("two")
    for run in (one, two):
        run.method("a", VALUES)
    two.method("b", VALUES)

    def renew(stored):
        stored["metrics"]["psnr"]["identity"] = "psnr/2"

    described(two, renew)
    two.file.close()
    path = two.folder / "results.jsonl"
    path.write_text(path.read_text().replace('"psnr/1"', '"psnr/2"'))
    board = board_of(one, two)
    assert board.notes == ["rows of different definitions are ranked apart: psnr/1 and psnr/2"]
    assert [list(frame.method) for frame in board.sections()] == [["a"], ["a", "b"]]
    assert [section.title.split(" | ")[-2] for section in sections(board)] == ["psnr/1", "psnr/2"]
    assert [table.title.split(" | ")[-1] for table in pivots(board)] == ["psnr/1", "psnr/2"]
    assert set(board.frame.definitions) == {"psnr/1", "psnr/2"}


def test_a_metric_without_values_keeps_no_rows_apart(new_run):
    """Such as LPIPS of a run whose feature network was missing."""
    one, two = new_run("one"), new_run("two")
    one.method("a", VALUES)
    described(one, lambda stored: stored["metrics"]["lpips"].update(identity="lpips/0"))
    two.method("b", VALUES)
    two.score("b", "lpips", [0.1] * 10)
    board = board_of(one, two)
    assert board.notes == []
    assert len(list(board.sections())) == 1


def test_a_method_that_failed_stays_with_its_run(new_run):
    one, two = new_run("one"), new_run("two")
    for run in (one, two):
        run.method("a", VALUES)
    two.job("b", "failed", "reason")
    described(two, lambda stored: stored["metrics"]["psnr"].update(identity="psnr/2"))
    two.file.close()
    path = two.folder / "results.jsonl"
    path.write_text(path.read_text().replace('"psnr/1"', '"psnr/2"'))
    assert [list(frame.method) for frame in board_of(one, two).sections()] == [["a"], ["a", "b"]]


def test_other_features_are_another_metric(new_run):
    one, two = new_run("one"), new_run("two")
    for run, features in ((one, "@0123"), (two, "@4567")):
        run.score("a", "lpips", [0.1] * 10)
        run.method("a", VALUES)

        def name(stored, features=features):
            stored["metrics"]["lpips"]["identity"] = f"lpips/1/alexnet{features}"

        described(run, name)
        run.file.close()
        path = run.folder / "results.jsonl"
        path.write_text(path.read_text().replace('"lpips/1"', f'"lpips/1/alexnet{features}"'))
    board = board_of(one, two)
    assert board.notes == [
        "rows of different definitions are ranked apart: lpips/1/alexnet@0123 and lpips/1/alexnet@4567"
    ]
    assert list(board.frame.lpips) == [0.1, 0.1]


def test_another_version_of_a_protocol_is_named(new_run):
    one, two = new_run("one"), new_run("two")
    one.method("a", VALUES)
    described(two, lambda stored: stored.update(protocols={"y/2": {"name": "y", "version": 2}}))
    two.method("b", VALUES, protocol="y/2")
    board = board_of(one, two)
    assert board.notes == ["rows of different definitions are ranked apart: y/1 and y/2"]
    assert [section.title.split(" | ")[-2] for section in sections(board)] == ["y/1", "y/2"]


def test_another_degradation_of_the_same_images_is_ranked_apart(new_run):
    one, two, mixed = new_run("one"), new_run("two"), new_run("mixed")
    for run, made in ((one, "bicubic/1"), (two, "bicubic/2"), (mixed, "bicubic/1")):
        run.method("a", VALUES)
        run.job("a")
        run.file.close()
        path = run.folder / "results.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for i, row in enumerate(rows):
            row["degradation"] = "as-given" if run is mixed and i % 2 else made
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert board_of(one, mixed).notes == []
    board = board_of(one, two)
    assert board.notes == ["rows of different definitions are ranked apart: bicubic/1 and bicubic/2"]
    assert len(list(board.sections())) == 2


def test_versions_of_srbench_are_said_and_ranked_together(new_run):
    runs = new_run("one"), new_run("two")
    for run, method, version in zip(runs, "ab", ("0.1.0", "0.2.0"), strict=True):
        run.method(method, VALUES)
        run.speed(method, 1.0, srbench=version)
    board = board_of(*runs)
    assert board.notes == ["rows of several versions of srbench stand here together: 0.1.0 (a), 0.2.0 (b)"]
    assert len(list(board.sections())) == 1
    assert board_of(runs[0]).notes == []


@pytest.mark.parametrize("own", [True, False])
def test_a_name_with_other_code_is_said(new_run, own):
    one, two = new_run("one"), new_run("two")
    one.method("bicubic", VALUES)
    two.method("bicubic", [value + 5 for value in VALUES], plugin="p" if own else "another")
    notes = board_of(one, two).notes
    expected = ["rows of one name and different code or weights: bicubic: code p, code another"]
    assert notes == ([] if own else expected)
