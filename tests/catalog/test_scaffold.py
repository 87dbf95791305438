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
    assert " 0 failed" in checked.stdout
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


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["My net"], "cannot be the name of a method: lower-case letters"),
        (["1net"], "a letter first"),
        (["net-"], "cannot be the name"),
        (["../net"], "cannot be the name"),
        (["n" * 41], "at most 40 characters"),
        (["srbench-net"], "leave out 'srbench'"),
        (["bicubic"], "there is a method 'bicubic' already, from srbench"),
        (["srgan"], "there is a method 'srgan' already"),
        (["l1", "--kind", "loss"], "there is a loss 'l1' already"),
        (["samples", "--kind", "method"], "a plugin named 'samples' is installed already"),
        (["plugins"], "a Python package srbench_plugins is installed already"),
        (["there"], "there exists already; nothing was written"),
        (["net", "--dir", "file"], "is a file"),
        (["net", "--kind", "model"], "'model' is not one of"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(tmp_path, monkeypatch, capsys, args, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.py").write_text("precious")
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    assert call(monkeypatch, "new", *args) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert reason in error
    assert sorted(tmp_path.rglob("*")) == before


def test_the_folder_may_lie_in_one_that_is_not_there_yet(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "new", "net", "--dir", tmp_path / "a" / "b") == 0
    assert f"pip install -e {tmp_path / 'a' / 'b' / 'net'}" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["net"]


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
