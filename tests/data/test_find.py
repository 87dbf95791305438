"""A name, a path or NAME=FOLDER leads to a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from srbench.catalog.catalog import Catalog
from srbench.data.find import check_out, find_dataset
from srbench.data.folder import folder_dataset
from srbench.errors import UsageError


@pytest.fixture(scope="module")
def catalog():
    return Catalog.load(())


def test_name_comes_before_folder_and_path_finds_the_folder(tmp_path, save_image, catalog, monkeypatch):
    save_image(tmp_path / "set5" / "a.png")
    save_image(tmp_path / "photos" / "a.png")
    monkeypatch.chdir(tmp_path)
    assert find_dataset(catalog, "set5") is catalog.datasets["set5"]
    assert find_dataset(catalog, "./set5").source == str(tmp_path / "set5")
    assert find_dataset(catalog, "photos").source == str(tmp_path / "photos")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_dataset(catalog, "~/photos").source == str(tmp_path / "photos")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("./photo", "dataset './photo': no such folder"),
        ("a.png", "dataset 'a.png': is a file; a dataset is a folder of images"),
        ("set55", "unknown dataset 'set55'; did you mean 'set5'"),
        ("~nobody-here/photos", "Could not determine home directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_neither_name_nor_folder_is_said(tmp_path, catalog, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").touch()
    with pytest.raises(UsageError, match=said):
        find_dataset(catalog, text)


def test_any_folder_can_be_given_a_name(tmp_path, save_image, catalog, monkeypatch):
    save_image(tmp_path / "my set, 2024" / "a.png")
    monkeypatch.chdir(tmp_path)
    spec = find_dataset(catalog, "mine=my set, 2024")
    assert (spec.name, spec.source) == ("mine", str(tmp_path / "my set, 2024"))
    assert [pair.name for pair in spec.pairs(4)] == ["a"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("set5=photos", "set5 is a dataset with files of its own; choose another name"),
        ("mine=nowhere", r"dataset mine=.*nowhere: no such folder"),
        ("Mine=./photos", "NAME in NAME=FOLDER is lower-case letters.*, not 'Mine'"),
    ],
)
def test_names_that_cannot_be_given_are_said(tmp_path, save_image, catalog, monkeypatch, text, said):
    save_image(tmp_path / "photos" / "a.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said):
        find_dataset(catalog, text)


@pytest.mark.parametrize(
    ("out", "folder", "said"),
    [
        ("photos", "photos", "--out photos is the folder of dataset photos; choose a folder outside"),
        ("photos/out", "photos", "--out photos/out lies in the folder of dataset photos"),
        ("out", ".", "--out out lies in the folder"),
        ("runs/1/x", "runs/1", "--out runs/1/x lies in the folder"),
        ("photos2", "photos", ""),
        ("runs/1", ".", ""),
    ],
)
def test_output_stays_out_of_the_data(tmp_path, monkeypatch, out, folder, said):
    for name in ("photos", "runs/1"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    spec = folder_dataset(tmp_path / folder)
    if said:
        with pytest.raises(UsageError, match=said):
            check_out(Path(out), spec)
    else:
        check_out(Path(out), spec)
