"""Lists of names on the command line; commas in paths that exist are part of them."""

from __future__ import annotations

import click
import pytest

from srbench.cli.parameters import Memory, OutputFile, split_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("set5,set14", ["set5", "set14"]),
        (" set5 , ,set14,", ["set5", "set14"]),
        ("./my set, 2024", ["./my set, 2024"]),
        ("set5,./my set, 2024,set14", ["set5", "./my set, 2024", "set14"]),
        ("mine=my set, 2024,set5", ["mine=my set, 2024", "set5"]),
        ("bicubic,onnx:a,b.onnx", ["bicubic", "onnx:a,b.onnx"]),
        ("net=onnx:a,b.onnx,bicubic", ["net=onnx:a,b.onnx", "bicubic"]),
        ("my set, 2025", ["my set", "2025"]),
        ("my set,my set, 2024", ["my set", "my set, 2024"]),
    ],
)
def test_commas_of_existing_paths_do_not_split(tmp_path, monkeypatch, text, names):
    (tmp_path / "my set, 2024").mkdir()
    (tmp_path / "a,b.onnx").touch()
    monkeypatch.chdir(tmp_path)
    assert split_names(text) == names


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("10", "MB", "'10' is 10 bytes; write 10MB"),
        ("8", "GiB", "'8' is 8 bytes; write 8GiB"),
        ("999999b", "GiB", "'999999b' is 999999 bytes; write 999999GiB"),
    ],
)
def test_a_size_of_a_few_bytes_lacks_its_unit(text, unit, said):
    with pytest.raises(click.BadParameter) as refused:
        Memory(unit).convert(text, None, None)
    assert refused.value.message == said


@pytest.mark.parametrize(("text", "size"), [("1000000", 10**6), ("150kB", 150_000), ("1.5MiB", 1_572_864), ("8G", 8e9)])
def test_sizes_with_a_unit_or_of_many_bytes(text, size):
    assert Memory().convert(text, None, None) == size


def test_a_folder_stands_for_a_file_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    kind = OutputFile("report.html")
    paths = [str(kind.convert(text, None, None)) for text in ("there", "there/", "new/", "new/page.html", "page")]
    assert paths == ["there/report.html", "there/report.html", "new/report.html", "new/page.html", "page"]
