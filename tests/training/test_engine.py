"""Trainings end to end: killed and resumed exactly, refused clearly, found by the run that follows."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from srbench.catalog import Catalog
from srbench.errors import SRBenchError
from srbench.training.engine import TrainRequest, train
from srbench.training.session import Overrides

CODE = "from srbench.cli import main; main()"
QUICK = ["--scale", 2, "--batch", 2, "--patch", 16, "--validate-every", 100, "--validate-on", "val", "--save-every", 5]


@pytest.fixture
def sets(tmp_path, save_image):
    for i in range(3):
        save_image(tmp_path / "train" / f"t{i}.png", 48, 44, seed=i)
    save_image(tmp_path / "val" / "v.png", 40, 40, seed=9)
    return tmp_path


def weights(folder):
    return {name: value.numpy().tobytes() for name, value in load_file(folder / "last.safetensors").items()}


def test_killed_at_random_moments_and_resumed_gives_the_same_bits(srbench, sets):
    options = ["train", "espcn", "--data", "train", *QUICK, "--steps", 200]
    whole = srbench(*options, "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    state = sets / "cut" / "state.pt"
    generator = random.Random(0)
    kills = 0
    while True:
        resume = ["--resume"] if state.exists() else []
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, *map(str, options), "--out", "cut", *resume],
            cwd=sets,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = state.stat().st_mtime_ns if state.exists() else 0
        if kills < 3:  # let it get somewhere, then end it wherever it is
            while process.poll() is None and (not state.exists() or state.stat().st_mtime_ns == before):
                time.sleep(0.002)
            time.sleep(generator.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
        if process.wait(timeout=120) == 0:
            break
        kills += 1
    assert kills == 3
    assert weights(sets / "cut") == weights(sets / "whole")
    steps = [json.loads(line)["step"] for line in (sets / "cut" / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


def test_run_finds_what_was_trained(srbench, sets):
    trained = srbench("train", "espcn", "--data", "train", *QUICK, "--steps", 20)
    assert trained.returncode == 0, trained.stderr
    assert "score it: srbench run --methods bicubic,espcn --scale 2" in trained.stdout
    done = srbench(
        "run", "--methods", "espcn", "--dataset", "val", "--scale", 2, "--metrics", "psnr", "--out", "out", "--no-speed"
    )
    assert done.returncode == 0, done.stderr
    assert "espcn x2: trained weights" in done.stderr
    board = pd.read_csv(sets / "out" / "leaderboard.csv")
    card = json.loads((Path(os.environ["SRBENCH_HOME"]) / "trained" / "espcn_x2" / "weights.json").read_text())
    assert board.weights[0] == card["sha256"][:16]
    assert board.psnr[0] == pytest.approx(card["validation"]["psnr"])
    assert (card["method"], card["scale"], card["steps_done"]) == ("espcn", 2, 20)


def test_weights_of_another_loss_say_so_on_their_card_and_on_the_board(srbench, sets):
    for name, options in (("own", []), ("other", ["--loss", "mse"])):
        done = srbench("train", "espcn", "--data", "train", *QUICK, "--steps", 3, *options, "--out", name)
        assert done.returncode == 0, done.stderr
        weights = sets / name / "weights.safetensors"
        card = json.loads(weights.with_suffix(".json").read_text())
        assert (card["loss"], card["default_loss"]) == ({"own": "l1", "other": "mse"}[name], "l1")
        asked = ["--methods", "espcn", "--dataset", "val", "--scale", 2, "--metrics", "psnr", "--no-speed"]
        scored = srbench("run", *asked, "--weights", f"espcn={weights}", "--out", "run")
        assert scored.returncode == 0, scored.stderr
        said = f"espcn x2: trained on the loss mse, not on the method's own l1 (weights {card['sha256'][:16]})"
        assert (said in scored.stdout) == (name == "other")


class Silent:
    """A user interface that says nothing."""

    def note(self, text):
        pass

    warn = note

    @contextmanager
    def track(self, what, total):
        yield lambda detail: None


def test_full_disk_leaves_the_last_good_state(sets, monkeypatch):
    monkeypatch.chdir(sets)
    catalog = Catalog.load()
    request = TrainRequest(
        "espcn",
        ("train",),
        sets / "whole",
        scale=2,
        overrides=Overrides(batch=2, patch=16, steps=10),
        validate_on="val",
        save_every=4,
    )
    train(request, catalog, Silent())
    save, calls = torch.save, []

    def full(*args):
        calls.append(args)
        if len(calls) == 2:
            raise RuntimeError("[enforce fail at inline_container.cc] unexpected pos 64 vs 0")
        save(*args)

    monkeypatch.setattr("torch.save", full)
    cut = replace(request, out=sets / "cut")
    with pytest.raises(SRBenchError, match=r"state\.pt: cannot be written .* the last good state stays"):
        train(cut, catalog, Silent())
    assert torch.load(sets / "cut" / "state.pt", weights_only=True)["step"] == 4
    assert not [path.name for path in (sets / "cut").iterdir() if path.name.startswith(".")]
    assert train(replace(cut, resume=True), catalog, Silent()).steps == 10
    assert weights(sets / "cut") == weights(sets / "whole")


def test_resuming_another_training_is_refused(srbench, sets):
    assert srbench("train", "espcn", "--data", "train", *QUICK, "--steps", 5, "--out", "out").returncode == 0
    again = srbench("train", "espcn", "--data", "train", *QUICK, "--steps", 5, "--out", "out")
    assert again.returncode == 2
    assert "holds a training already; --resume goes on" in again.stderr
    other = srbench("train", "espcn", "--data", "train", *QUICK, "--steps", 5, "--lr", 1, "--out", "out", "--resume")
    assert other.returncode == 2
    assert "--resume: lr was 0.004 and now is 1.0" in other.stderr
    (sets / "out" / "state.pt").write_bytes(b"broken")
    damaged = srbench("train", "espcn", "--data", "train", *QUICK, "--steps", 5, "--out", "out", "--resume")
    assert damaged.returncode == 2
    assert "state.pt: is damaged" in damaged.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["bicubic", "--data", "train"], "bicubic has nothing to learn"),
        (["espcn", "--data", "nowhere"], "unknown dataset 'nowhere'"),
        (["espcn", "--data", "train", "--loss", "2*"], "is no term"),
        (["espcn", "--data", "train", "--scale", "8"], "espcn does not do x8"),
        (["espcn", "--data", "train", "--patch", "17"], "patch size 17 is no multiple of the scale"),
        (["espcn", "--data", "empty"], "holds no image file"),
        (["espcn", "--data", "train", "--accumulate", "3"], "cannot be cut into 3 equal parts"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(options, said, sets, monkeypatch, capsys):
    from srbench.cli import main

    (sets / "empty").mkdir()
    monkeypatch.chdir(sets)
    monkeypatch.setattr(sys, "argv", ["srbench", "train", *options, "--validate-on", "val", "--out", "out"])
    with pytest.raises(SystemExit) as ended:
        main()
    error = capsys.readouterr().err
    assert said in error
    assert ended.value.code == 2
    assert error.count("\n") == 1


def test_interrupt_saves_the_state_and_says_how_to_go_on(sets):
    options = ["train", "espcn", "--data", "train", *QUICK, "--steps", 100000, "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *map(str, options)], cwd=sets, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (sets / "out" / "state.pt").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in said
    assert "Traceback" not in said
