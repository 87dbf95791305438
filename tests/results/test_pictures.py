"""Saved images: where they lie, which row of a file counts, and which are not a run's own."""

from __future__ import annotations

import pytest

from srbench.results.pictures import is_there, last_pictures, made_from, picture_row
from srbench.store.hashes import digest

WHO = {
    **dict.fromkeys(("plugin", "weights", "device", "precision", "image_sha256"), "x"),
    "dataset": "set",
    "method": "a",
    "scale": 4,
    "image": "i",
}


@pytest.mark.parametrize(
    ("changes", "folder", "method"),
    [
        ({}, "set_x4", "a"),
        ({"method": "onnx:net"}, "set_x4", "onnx+net"),
        ({"dataset": "/data/set"}, f"set-{digest('/data/set')[:8]}_x4", "a"),
    ],
)
def test_each_picture_has_three_files(changes, folder, method):
    row = picture_row(WHO | changes)
    assert row["kind"] == "picture"
    files = {"sr": f"images/{folder}/{method}/i.png", "hr": f"images/{folder}/HR/i.png"}
    assert {kind: row[kind] for kind in ("sr", "hr", "lr")} == files | {"lr": f"images/{folder}/LR/i.png"}


def test_of_the_rows_of_one_file_the_last_counts():
    rows = [picture_row(WHO | {"plugin": name}) for name in ("one", "two")]
    (last,) = last_pictures([*rows, {"kind": "score"}]).values()
    assert last["plugin"] == "two"


@pytest.mark.parametrize("file", ["/etc/passwd.png", "../out.png", "images/../../out.png"])
@pytest.mark.parametrize("kind", ["sr", "hr", "lr"])
def test_files_outside_of_the_run_are_none_of_its(kind, file):
    assert last_pictures([picture_row(WHO) | {kind: file}]) == {}


def test_a_picture_is_there_where_all_files_are_and_of_what_the_row_says(tmp_path):
    row = picture_row(WHO)
    known = last_pictures([row])
    for kind in ("sr", "hr", "lr"):
        assert not is_there(tmp_path, row, known)
        (tmp_path / row[kind]).parent.mkdir(parents=True)
        (tmp_path / row[kind]).touch()
    assert is_there(tmp_path, row, known)
    assert not is_there(tmp_path, row, {})
    for part in ("plugin", "weights", "device", "precision", "image_sha256"):
        other = row | {part: "other"}
        assert made_from(other) != made_from(row)
        assert not is_there(tmp_path, other, known)
