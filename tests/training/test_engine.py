"""Trainings end to end: killed and resumed exactly, refused clearly, found by the run that follows."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from srbench.catalog.catalog import Catalog
from srbench.errors import SRBenchError, UsageError
from srbench.system.terminal import Silent
from srbench.training.engine import train
from srbench.training.recipes.session import Overrides
from srbench.training.request import TrainRequest

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


def logged(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_run_finds_what_was_trained(here, sets):
    trained = here("train", "espcn", "--data", "train", *QUICK, "--steps", 20)
    assert trained.returncode == 0, trained.stderr
    said = "score it: srbench run --methods bicubic,espcn --scale 2 --dataset set5 --weights espcn=trained"
    assert said in trained.stdout  # without it, those that are shipped
    asked = ["--methods", "espcn", "--dataset", "val", "--scale", 2, "--metrics", "psnr", "--out", "out", "--no-speed"]
    done = here("run", *asked, "--weights", "espcn=trained")
    assert done.returncode == 0, done.stderr
    assert "espcn x2: trained weights" in done.stderr
    board = pd.read_csv(sets / "out" / "leaderboard.csv")
    card = json.loads((Path(os.environ["SRBENCH_HOME"]) / "trained" / "espcn_x2" / "weights.json").read_text())
    assert board.weights[0] == card["sha256"][:16]
    assert board.psnr[0] == pytest.approx(card["validation"]["psnr"])
    assert (card["method"], card["scale"], card["steps_done"]) == ("espcn", 2, 20)


def test_weights_of_another_loss_say_so_on_their_card_and_on_the_board(here, sets):
    for name, options in (("own", []), ("other", ["--loss", "mse"])):
        done = here("train", "espcn", "--data", "train", *QUICK, "--steps", 3, *options, "--out", name)
        assert done.returncode == 0, done.stderr
        weights = sets / name / "weights.safetensors"
        card = json.loads(weights.with_suffix(".json").read_text())
        assert (card["loss"], card["default_loss"]) == ({"own": "l1", "other": "mse"}[name], "l1")
        asked = ["--methods", "espcn", "--dataset", "val", "--scale", 2, "--metrics", "psnr", "--no-speed"]
        scored = here("run", *asked, "--weights", f"espcn={weights}", "--out", "run")
        assert scored.returncode == 0, scored.stderr
        said = f"espcn x2: trained on the loss mse, not on the method's own l1 (weights {card['sha256'][:16]})"
        assert (said in scored.stdout) == (name == "other")


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
    assert not [path.name for path in (sets / "cut").iterdir() if path.name.startswith(".") and path.name != ".lock"]
    assert train(replace(cut, resume=True), catalog, Silent()).steps == 10
    assert weights(sets / "cut") == weights(sets / "whole")


def test_resuming_another_training_is_refused(here, sets):
    first = here("train", "espcn", "--data", "train", *QUICK, "--steps", 5, "--out", "out", "--resume")
    assert first.returncode == 0
    assert "out holds no training yet; starting one" in first.stderr
    again = here("train", "espcn", "--data", "train", *QUICK, "--steps", 5, "--out", "out")
    assert again.returncode == 2
    assert "holds a training already; --resume continues it" in again.stderr
    other = here("train", "espcn", "--data", "train", *QUICK, "--steps", 5, "--lr", 1, "--out", "out", "--resume")
    assert other.returncode == 2
    assert "--resume: lr was 0.00141 and now is 1.0" in other.stderr
    options = [*QUICK, "--steps", 5, "--validate-on", "held-out", "--out", "out", "--resume"]
    elsewhere = here("train", "espcn", "--data", "train", *options)
    assert elsewhere.returncode == 2
    assert "--resume: held-out was [] and now is ['train-t2']; it must stay the same" in elsewhere.stderr
    longer = here("train", "espcn", "--data", "train", *QUICK, "--steps", 9, "--out", "out", "--resume")
    assert longer.returncode == 2
    assert "--resume: steps was 5 and now is 9; the schedule ends there; --start-from out/weights" in longer.stderr
    (sets / "out" / "state.pt").write_bytes(b"broken")
    damaged = here("train", "espcn", "--data", "train", *QUICK, "--steps", 5, "--out", "out", "--resume")
    assert damaged.returncode == 2
    assert "state.pt: is damaged" in damaged.stderr


def test_a_constant_schedule_goes_on_past_its_end(here, sets):
    common = ["train", "espcn", "--data", "train", *QUICK, "--schedule", "constant"]
    for steps, name in ((4, "longer"), (8, "longer"), (8, "whole")):
        assert here(*common, "--steps", steps, "--out", name, "--resume").returncode == 0
    longer, whole = (load_file(sets / name / "last.safetensors") for name in ("longer", "whole"))
    assert all(torch.equal(longer[name], whole[name]) for name in whole)
    back = here(*common, "--steps", 6, "--out", "longer", "--resume")
    assert (back.returncode, back.stderr) == (2, "error: --resume: 8 steps are done already, more than --steps 6\n")


def test_a_training_that_learns_nothing_says_so(here, sets):
    """An untrained ESPCN is bicubic enlargement: its figures are those shown beside."""
    options = ["--data", "train", *QUICK, "--steps", 3, "--lr", 1e-12, "--ema", 0, "--out", "out", "--log-every", 1]
    done = here("train", "espcn", *options, "--validate-every", 1)
    assert done.returncode == 0
    shown = re.findall(r"^step (\d): val psnr ([\d.]+) \(bicubic ([\d.]+)\)", done.stderr, re.MULTILINE)
    assert [step for step, *_ in shown] == ["1", "2", "3"]
    assert all(float(psnr) == pytest.approx(float(bicubic), abs=1e-3) for _, psnr, bicubic in shown)
    assert done.stderr.count("no better than bicubic so far (psnr gains less than 0.05)") == 1
    assert "warning: the weights are no better than bicubic; try more --steps" in done.stderr
    assert "best" not in done.stdout
    assert json.loads((sets / "out" / "weights.json").read_text())["baseline"]["method"] == "bicubic"


def test_a_training_with_an_absurd_rate_is_not_called_best(here, sets):
    options = ["--data", "train", *QUICK, "--steps", 6, "--lr", 1e6, "--ema", 0, "--out", "out"]
    done = here("train", "espcn", *options)
    assert "best" not in done.stdout
    assert re.search("no better than bicubic; try|not finite", done.stderr)


def test_a_training_starts_from_another_scale(here, sets):
    """EDSR trains its x3 and x4 from x2: whatever has the same name and shape is taken over."""
    common = ["--data", "train", "--batch", 1, "--patch", 16, "--steps", 1, "--lr", 1e-12, "--ema", 0]
    done = here(
        "train", "srresnet", *common, "--validate-on", "val", "--start-from", "x4", "--scale", 2, "--out", "out"
    )
    assert done.returncode == 0, done.stderr
    shipped = Catalog.load().models["srresnet"].shipped[4]
    assert (
        f"starts from shipped weights of srresnet: {shipped}, made for x4; new in x2: tail.1.weight, tail.1.bias"
        in done.stderr
    )
    own, theirs = load_file(sets / "out" / "last.safetensors"), load_file(shipped)
    assert own["head.0.weight"].shape == theirs["head.0.weight"].shape
    torch.testing.assert_close(own["head.0.weight"], theirs["head.0.weight"].float(), rtol=0, atol=1e-6)
    started = json.loads((sets / "out" / "last.json").read_text())["started_from"]
    assert (started["scale"], started["steps"]) == (4, 36000)


def test_a_method_that_starts_from_another_goes_on_from_weights_of_its_own(here, sets):
    own = Catalog.load().models["wgan"].shipped[4]
    common = ["--data", "train", "--batch", 2, "--patch", 32, "--steps", 1, "--validate-on", "val"]
    done = here("train", "wgan", *common, "--start-from", own, "--out", "own")
    assert done.returncode == 0, done.stderr
    assert f"starts from file weights of wgan: {own}" in done.stderr
    assert json.loads((sets / "own" / "last.json").read_text())["started_from"]["method"] == "wgan"
    stranger = here("train", "srgan-mse", *common, "--start-from", own, "--out", "stranger")
    assert stranger.returncode == 2
    assert "its card says wgan x4, not srresnet x4" in stranger.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["bicubic", "--data", "train"], "bicubic has nothing to learn"),
        (["espcn", "--data", "nowhere"], "unknown dataset 'nowhere'"),
        # what is chosen is looked at before the data are
        (["espcn", "--data", "nowhere", "--loss", "2*"], "is no term"),
        (["espcn", "--data", "nowhere", "--loss", "0*mse"], "it must be more than 0"),
        (["espcn", "--data", "nowhere", "--loss", "mes"], "unknown loss 'mes'; did you mean 'mse'?"),
        (["espcn", "--data", "nowhere", "--start-from", "nowhere"], "--start-from nowhere: no such file"),
        (["espcn", "--data", "nowhere", "--start-from", "~nobody-here/a"], "nobody-here/a: no such file"),
        (["espcn", "--data", "nowhere", "--start-from", "x8"], "there are none for x8: 'srbench train espcn --scale 8"),
        (["espcn", "--data", "train", "--scale", "8"], "espcn does not do x8"),
        (["espcn", "--data", "train", "--patch", "17"], "patch size 17 is not a multiple of the scale"),
        (["espcn", "--data", "empty"], "holds no image file"),
        (["espcn", "--data", "train", "--accumulate", "3"], "cannot be cut into 3 equal parts"),
        (["espcn", "--data", "train", "--patch", "8", "--loss", "ssim"], "needs patches of at least 11 pixels"),
        (["espcn", "--data", "train", "--precision", "fp16", "--device", "cpu"], "fp16 trains on a GPU only"),
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
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "--resume" in said
    assert "Traceback" not in said


def test_an_interrupt_before_anything_was_saved_says_so(sets, monkeypatch, capsys):
    from srbench.cli import main
    from srbench.training import engine

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.chdir(sets)
    monkeypatch.setattr(engine, "train", stopped)
    monkeypatch.setattr(sys, "argv", ["srbench", "train", "espcn", "--data", "train", "--out", "out"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert "nothing was saved" in capsys.readouterr().err


PLAIN = """
import torch
from srbench import ModelSpec, hookimpl
from srbench.training import Supervised

class Net(torch.nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.conv = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Tanh(), torch.nn.Conv2d(8, 12, 1))

    def forward(self, lr):
        return torch.nn.functional.pixel_shuffle(self.conv(lr), 2)

@hookimpl
def srbench_models():
    recipe = lambda net, training: Supervised(net, training, loss="mse", lr=1e-2, schedule="cosine")
    return [ModelSpec(name="plain", summary="for tests", scales={2}, build=Net, recipe=recipe)]
"""


def in_processes(folder, *options):
    done = subprocess.run(
        [sys.executable, "-m", "srbench", *map(str, options)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_two_processes_equal_one_with_twice_the_batch(here, sets):
    (sets / "plain.py").write_text(PLAIN)
    options = ["train", "plain", "--plugin", "plain.py", "--data", "train", *QUICK]
    options += ["--steps", 20, "--device", "cpu", "--log-every", 5]
    one = here(*options, "--batch", 8, "--out", "one")
    assert one.returncode == 0, one.stderr
    done = in_processes(sets, *options, "--batch", 4, "--devices", 2, "--out", "two")
    assert done.stdout.count("\nweights: ") == 1  # only the first process speaks
    one, two = (load_file(sets / name / "last.safetensors") for name in ("one", "two"))
    start = Catalog.load([sets / "plain.py"]).models["plain"]
    torch.manual_seed(0)
    moved = max(float((one[k] - v).abs().max()) for k, v in start.build(2).state_dict().items())
    apart = max(float((one[name] - two[name]).abs().max()) for name in one)
    assert apart < 1e-4 * moved
    losses = [[row["loss"] for row in logged(sets / name) if "loss" in row] for name in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_an_adversarial_recipe_trains_in_two_processes(sets, monkeypatch):
    for name in ("NTASKS", "JOB_ID"):  # in a batch job of one task, which reserves and starts nothing
        monkeypatch.setenv(f"SLURM_{name}", "1")
    for name in ("PROCID", "LOCALID", "NODEID"):
        monkeypatch.setenv(f"SLURM_{name}", "0")
    plugin = Path(__file__).parents[1] / "plugin_files" / "tiny_gan.py"
    options = ["train", "tiny-gan", "--plugin", plugin, "--data", "train", *QUICK, "--steps", 6]
    in_processes(sets, *options, "--devices", 2, "--device", "cpu", "--out", "gan")
    assert json.loads((sets / "gan" / "weights.json").read_text())["devices"] == 2


def test_streaming_training_resumes_exactly(sets, monkeypatch):
    monkeypatch.chdir(sets)
    request = TrainRequest(
        "espcn",
        ("train",),
        sets / "whole",
        scale=2,
        overrides=Overrides(batch=8, patch=16, steps=40),
        validate_on="val",
        memory=20_000,  # two of the three images
    )
    catalog = Catalog.load()
    train(request, catalog, Silent())

    class Stop(Silent):
        def note(self, text):
            if text.startswith("step 15"):
                raise KeyboardInterrupt

    cut = replace(request, out=sets / "cut", validate_every=15, save_every=5)
    with pytest.raises(KeyboardInterrupt):
        train(cut, catalog, Stop())
    assert torch.load(sets / "cut" / "state.pt", weights_only=True)["step"] == 10
    train(replace(cut, resume=True), catalog, Silent())
    assert weights(sets / "cut") == weights(sets / "whole")
    with pytest.raises(UsageError, match="data-memory was 20000 and now is 0"):
        train(replace(cut, resume=True, memory=10**9), catalog, Silent())


def test_without_set5_a_tenth_is_held_out_and_said(sets, here):
    options = ["--scale", 2, "--batch", 2, "--patch", 16, "--steps", 4, "--out", "out"]
    done = here("train", "espcn", "--data", "train", *options, SRBENCH_MIRROR=str(sets))
    assert done.returncode == 0, done.stderr
    assert "a tenth of the training images is held out" in done.stderr
    card = json.loads((sets / "out" / "weights.json").read_text())
    assert card["validation"]["dataset"] == "held-out"
    assert len(card["validation"]["images"]) == 1
    options[-1] = "other"
    asked = here("train", "espcn", "--data", "train", *options, "--validate-on", "set5", SRBENCH_MIRROR=str(sets))
    assert asked.returncode == 1
    assert "cannot get datasets/set5/image_SRF_2/img_001_SRF_2_HR.png" in asked.stderr
    assert "(--validate-on chooses another dataset or folder)" in asked.stderr


def test_run_trains_what_is_missing(here, sets):
    options = ["--dataset", "val", "--scale", 3, "--metrics", "psnr", "--no-speed", "--out", "out"]
    without = here("run", "--methods", "bicubic,espcn", *options)
    assert without.returncode == 1
    assert "'srbench run --train' does so first" in without.stderr
    done = here("run", "--methods", "bicubic,espcn", *options, "--train", "train", "--train-steps", 5)
    assert done.returncode == 0, done.stderr
    assert "espcn x3 has no weights: training it" in done.stderr
    assert list(pd.read_csv(sets / "out" / "leaderboard.csv").status) == ["ok", "ok"]
    again = here("run", "--methods", "bicubic,espcn", *options, "--train", "train", "--train-steps", 5)
    assert again.returncode == 0
    assert "has no weights" not in again.stderr


def test_tensorboard_holds_what_the_log_holds(sets, monkeypatch):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.chdir(sets)
    overrides = Overrides(batch=2, patch=16, steps=6)
    request = TrainRequest("espcn", ("train",), sets / "out", 2, overrides, validate_on="val", log_every=2)
    train(replace(request, tensorboard=True), Catalog.load(), Silent())
    board = events.EventAccumulator(str(sets / "out" / "tensorboard"))
    board.Reload()
    rows = logged(sets / "out")
    losses = {row["step"]: row["loss"] for row in rows if "loss" in row}
    seen = {event.step: event.value for event in board.Scalars("train/loss")}
    assert seen == pytest.approx(losses)
    assert board.Scalars("validation/psnr")[0].value == pytest.approx(rows[-1]["validation"]["psnr"])
