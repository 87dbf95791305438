"""Saved images: where they lie, which row of a file counts, and which are not a run's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from srbench.results.pictures import CHANGED, LINKED, MISSING, SavedPictures, made_from, picture_row
from srbench.store.hashes import digest, size_and_hash

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


def test_of_the_rows_of_one_file_the_last_counts(tmp_path):
    rows = [picture_row(WHO | {"plugin": name}) for name in ("one", "two")]
    (last,) = SavedPictures(tmp_path).add([*rows, {"kind": "score"}]).rows.values()
    assert last["plugin"] == "two"


@pytest.mark.parametrize("file", ["/etc/passwd.png", "../out.png", "images/../../out.png", ""])
@pytest.mark.parametrize("kind", ["sr", "hr", "lr"])
def test_files_outside_of_the_run_are_none_of_its(tmp_path, kind, file):
    assert SavedPictures(tmp_path).add([picture_row(WHO) | {kind: file}]).rows == {}


def test_a_picture_is_held_where_all_files_are_and_of_what_the_row_says(tmp_path):
    row = picture_row(WHO)
    saved = SavedPictures(tmp_path).add([row])
    for kind in ("sr", "hr", "lr"):
        assert not saved.holds(row)
        (tmp_path / row[kind]).parent.mkdir(parents=True)
        (tmp_path / row[kind]).touch()
    assert saved.holds(row)
    assert not SavedPictures(tmp_path).holds(row)
    for part in ("plugin", "weights", "device", "precision", "image_sha256"):
        other = row | {part: "other"}
        assert made_from(other) != made_from(row)
        assert not saved.holds(other)


@pytest.fixture
def saved(tmp_path):
    """A picture whose row has size and hash of its files, in a folder ``run``."""
    row, folder = picture_row(WHO), tmp_path / "run"
    for kind in ("sr", "hr", "lr"):
        (folder / row[kind]).parent.mkdir(parents=True)
        (folder / row[kind]).write_bytes(f"pixels of {kind}".encode())
    files = {kind: size_and_hash(folder / row[kind]) for kind in ("sr", "hr", "lr")}
    return SavedPictures(folder).add([{**row, "files": files}])


@pytest.mark.parametrize("kind", ["sr", "hr", "lr"])
def test_a_file_cut_short_is_seen_by_its_size_and_other_bytes_by_their_hash(saved, kind):
    (row,) = saved.rows.values()
    file = saved.folder / row[kind]
    content = file.read_bytes()
    assert (saved.holds(row), saved.fault(row[kind], read=True)) == (True, "")
    file.write_bytes(bytes(len(content)))  # as some file systems leave it after a loss of power
    assert (saved.fault(row[kind]), saved.fault(row[kind], read=True)) == ("", CHANGED)
    file.write_bytes(content[:-1])
    assert (saved.holds(row), saved.fault(row[kind])) == (False, CHANGED)
    file.unlink()
    file.mkdir()
    assert saved.fault(row[kind]) == MISSING


def test_of_files_that_methods_share_the_last_row_that_names_them_counts(saved):
    (row,) = saved.rows.values()
    other = picture_row(WHO | {"method": "b"})
    (saved.folder / other["sr"]).parent.mkdir()
    (saved.folder / other["sr"]).touch()
    (saved.folder / row["hr"]).write_bytes(b"the same pixels, by another version of the encoder")
    assert not saved.holds(row)
    saved.add([{**other, "files": {"hr": size_and_hash(saved.folder / row["hr"])}}])
    assert saved.holds(row)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_links_are_not_followed_at_any_depth(saved, depth):
    (row,) = saved.rows.values()
    path = saved.folder.joinpath(*Path(row["sr"]).parts[:depth])
    path.rename(saved.folder.parent / "elsewhere")
    path.symlink_to(saved.folder.parent / "elsewhere")
    assert (saved.fault(row["sr"]), saved.holds(row)) == (LINKED, False)


def test_a_run_may_be_reached_by_a_link(saved):
    (row,) = saved.rows.values()
    link = saved.folder.parent / "link"
    link.symlink_to(saved.folder)
    assert SavedPictures(link).add([row]).holds(row)
