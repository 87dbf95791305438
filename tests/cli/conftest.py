"""Commands run in the test's own process, and the pixels of what they write."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image as Pillow

from srbench.cli import main
from tests.runs.conftest import asked  # noqa: F401  (a fixture)


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run a command in this process, in an empty folder; return exit code, output and messages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["srbench", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "bug to report" not in err
        return ended.value.code, out, err

    return run


def pixels(path, mode=None):
    with Pillow.open(path) as image:
        return np.asarray(image.convert(mode) if mode else image)
