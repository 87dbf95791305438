"""Figures do not depend on the user's matplotlib settings."""

from __future__ import annotations

import subprocess
import sys

import matplotlib as mpl

from srbench.system.figures import figure_style

DRAW = """
from pathlib import Path
from srbench.training.log import draw_curves
Path("log.jsonl").write_text('{"step": 1, "loss": 0.5}\\n{"step": 2, "loss": 0.25}\\n')
draw_curves(Path("log.jsonl"), Path("curves.png"))
"""


def test_settings_of_the_user_are_not_taken_and_come_back():
    with mpl.rc_context({"text.usetex": True, "font.size": 30}):
        with figure_style({"font.size": 9}):
            assert (mpl.rcParams["text.usetex"], mpl.rcParams["font.size"]) == (False, 9)
            assert mpl.rcParams["lines.linewidth"] == mpl.rcParamsDefault["lines.linewidth"]
        assert mpl.rcParams["font.size"] == 30


def test_a_matplotlibrc_changes_no_pixel(tmp_path):
    pictures = []
    for name, settings in (("plain", ""), ("own", "text.usetex: True\nfont.size: 30\naxes.facecolor: red\n")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "matplotlibrc").write_text(settings)
        subprocess.run([sys.executable, "-c", DRAW], cwd=folder, check=True, timeout=120)
        pictures.append((folder / "curves.png").read_bytes())
    assert pictures[0] == pictures[1]
