"""``srbench fetch``: datasets and backbones ahead of time."""

from __future__ import annotations

import sys

import pytest

from srbench.cli import main


def call(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["srbench", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_fetches_datasets_and_backbones(monkeypatch, capsys, mirror, tmp_path):
    monkeypatch.setenv("SRBENCH_HOME", str(tmp_path))
    assert call(monkeypatch, "fetch", "set5", "alexnet", "--scale", 4) == 0
    assert "5 files in the cache" in capsys.readouterr().err
    assert len(list((tmp_path / "datasets" / "set5" / "image_SRF_4").glob("*.png"))) == 5
    assert (tmp_path / "weights" / "alexnet_features.safetensors").is_file()


def test_fetching_what_cannot_be_had_or_is_unknown(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    monkeypatch.setattr("srbench.store.assets.fetch", srbench_offline)
    assert call(monkeypatch, "fetch", "alexnett") == 2
    assert "alexnet" in capsys.readouterr().err
    assert call(monkeypatch, "fetch", "set55") == 2
    assert "did you mean 'set5'" in capsys.readouterr().err


def srbench_offline(asset):
    raise AssertionError("nothing should be fetched")
