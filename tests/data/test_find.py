"""A name, a path or NAME=FOLDER leads to a dataset."""

from __future__ import annotations

import pytest

from srbench.catalog.catalog import Catalog
from srbench.data.find import find_dataset
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
