"""``list`` and ``fetch``: quick, without heavy imports, and helpful when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from srbench.cli import main

FAULTY = Path(__file__).parents[1] / "plugin_files" / "faulty.py"
HEAVY = {"torch", "pandas", "matplotlib", "skimage"}


def call(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["srbench", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def imported(args):
    """Return the modules that a command has imported at its end."""
    code = f"""
import sys
sys.argv = ["srbench", *{args!r}]
from srbench.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("imported:", *sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("imported:")[2].split())


@pytest.mark.parametrize("args", [["list"], ["list", "methods", "--plugin", str(FAULTY)]])
def test_lists_import_nothing_heavy(args):
    assert not imported(args) & HEAVY


@pytest.mark.parametrize("args", [["--help"], ["run", "--help"], ["train", "--help"]])
def test_help_loads_no_plugin_nor_what_plugins_need(args):
    assert not imported(args) & (HEAVY | {"srbench_plugins", "srbench.specs", "srbench.catalog", "pluggy"})


def test_starts_are_short():
    """The bars are 8 and 18 starts of Python; the fastest turns need about two thirds of that."""
    fastest = dict.fromkeys(("pass", "--help", "list"), float("inf"))
    for _ in range(15):  # as many as it takes: what else a machine does only makes a turn longer
        for what in fastest:
            code = (
                "pass"
                if what == "pass"
                else f"import sys; sys.argv[1:] = [{what!r}]; import srbench.cli as c; c.main()"
            )
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, check=True)
            fastest[what] = min(fastest[what], time.perf_counter() - start)
        if fastest["--help"] < 10 * fastest["pass"] and fastest["list"] < 22 * fastest["pass"]:
            return
    pytest.fail(f"seconds of the fastest of 15 turns: {fastest}")


def test_lists_everything(monkeypatch, capsys):
    assert call(monkeypatch, "list", "--json") == 0
    tables = json.loads(capsys.readouterr().out)
    names = {kind: {row["name"] for row in rows} for kind, rows in tables.items()}
    assert {"nearest", "bilinear", "bicubic", "lanczos"} <= names["methods"]
    assert {"samples", "set5", "set14", "bsd100", "urban100"} <= names["datasets"]
    assert {"psnr", "ssim", "lpips", "lpips-vgg", "lpips-squeeze", "hfen"} <= names["metrics"]
    assert names["protocols"] == {"y", "y-uint8", "rgb"}
    assert not any(row["problems"] for row in tables["plugins"])


def test_says_what_is_broken(monkeypatch, capsys, tmp_path):
    (tmp_path / "mine.py").write_text("import nothing_of_this_name")
    assert call(monkeypatch, "list", "plugins", "--plugin", tmp_path / "mine.py") == 0
    out = capsys.readouterr().out
    assert "broken: cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'" in out
