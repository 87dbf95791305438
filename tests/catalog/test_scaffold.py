"""``srbench new``: what it writes installs, passes its own test and runs with no edits."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from srbench.catalog.scaffold import TEMPLATES
from srbench.cli import main
from srbench.store.hashes import sha256

PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
KINDS = {"mynet": "method", "my-edges": "loss", "charts": "dataset", "mae": "metric"}


def call(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["srbench", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.fixture(scope="module")
def made(once):
    """One plugin of each kind, as ``srbench new`` prints and writes them, and all installed in ``site``."""

    def make(folder):
        said = {}
        for name, kind in KINDS.items():
            command = [sys.executable, "-c", "from srbench.cli import main; main()", "new", name, "--kind", kind]
            said[name] = subprocess.run(
                command, capture_output=True, text=True, cwd=folder, timeout=60, check=True
            ).stdout
        (folder / "said.json").write_text(json.dumps(said))
        install = [*PIP, "--target", "site", *(f"./{name}" for name in KINDS)]
        done = subprocess.run(install, capture_output=True, text=True, cwd=folder, timeout=300, check=False)
        assert done.returncode == 0, done.stderr

    return once("scaffold", make)


@pytest.fixture
def environment(made):
    return {"PYTHONPATH": os.pathsep.join([str(made / "site"), os.environ.get("PYTHONPATH", "")])}


def test_a_newcomers_script(srbench, made, environment, tmp_path):
    """new, pip install, check, run, with no edits; and the network brought is better than bicubic."""
    said = json.loads((made / "said.json").read_text())["mynet"]
    commands = [line.split()[1:] for line in said.splitlines() if line.startswith("  srbench")]
    assert [command[0] for command in commands] == ["check", "run"]
    checked = srbench(*commands[0], **environment)
    assert checked.returncode == 0, checked.stdout
    assert " failed" not in checked.stdout
    options = ["--metrics", "psnr", "--speed-seconds", 0.1, "--speed-size", 32, "--out", "out"]
    run = srbench(*commands[1], *options, **environment)
    assert run.returncode == 0, run.stderr
    board = pd.read_csv(tmp_path / "out" / "leaderboard.csv").set_index("method")
    assert (board.status == "ok").all()
    assert board.psnr["mynet"] > board.psnr["bicubic"] + 1


def test_every_kind_passes_its_own_test(made, environment):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    # a method's checks are what the newcomer's script runs already
    command += [*(made / name for name in KINDS), "-k", "not (test_srbench_mynet and test_every_check)"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout


def test_every_kind_works_in_a_run(srbench, environment, tmp_path):
    listed = json.loads(srbench("list", "--json", **environment).stdout)
    for name, kind in KINDS.items():
        assert name in {row["name"] for row in listed[f"{kind}s" if kind != "loss" else "losses"]}
    options = ["--dataset", "charts", "--metrics", "psnr,mae", "--no-speed", "--inline", "--out", "out"]
    run = srbench("run", "--methods", "mynet,nearest", *options, **environment)
    assert run.returncode == 0, run.stderr
    board = pd.read_csv(tmp_path / "out" / "leaderboard.csv").set_index("method")
    assert board.mae["mynet"] < board.mae["nearest"]


def test_the_weights_in_the_template_are_those_of_their_cards():
    folder = TEMPLATES / "method" / "package" / "weights"
    cards = {path.name.partition(".")[0]: json.loads(path.read_text()) for path in folder.glob("*.json.in")}
    assert sorted(cards) == ["method_x2", "method_x3", "method_x4"]
    for name, card in cards.items():
        assert (card["method"], f"method_x{card['scale']}") == ("@name@", name)
        assert card["sha256"] == sha256(folder / f"{name}.safetensors")


def test_nothing_is_left_to_replace_in_what_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind in ("method", "loss", "dataset", "metric"):
        assert call(monkeypatch, "new", f"my-{kind}", "--kind", kind) == 0
        for path in (tmp_path / f"my-{kind}").rglob("*"):
            if path.suffix in {".py", ".toml", ".md", ".json"}:
                text = path.read_text()
                assert not [word for word in ("@package@", "@name@", "@kind@", "starter") if word in text]
