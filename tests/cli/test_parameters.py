"""Lists of names on the command line; commas in paths that exist are part of them."""

from __future__ import annotations

import pytest

from srbench.cli.parameters import split_names


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
