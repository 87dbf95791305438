"""run.json, results, cards and logs with a value of another kind at any place: one line, or no harm; no traceback."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from srbench.store.archives import RECORD, read_record
from srbench.store.weights import NAME, card_path, save_weights, trained_folder

LONG = "SRBENCH_LONG" in os.environ
STRANGE = [
    None,
    True,
    -1,
    0,
    10**30,
    1e999,
    float("nan"),
    0.5,
    "",
    "\x1b[31m</script><script>alert(1)</script>|&\\input{x}",
    [],
    [[["a"], None]],
    {},
    {"a": {"b": [None]}},
    {"psnr": 1, "name": [], "images": 3},
    "x" * 5000,
]
MISSING = object()


def places(value, path=()):
    """Yield the path of every value in a document."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


def changed(document, path, value):
    if not path:
        return value
    document = copy.deepcopy(document)
    target = document
    for key in path[:-1]:
        target = target[key]
    if value is MISSING:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return document


def variants(document, count, seed=0):
    """Return documents with one value replaced: all of them in the long form."""
    every = [(path, value) for path in places(document) for value in STRANGE]
    every += [(path, MISSING) for path in places(document) if path]
    chosen = every if LONG else random.Random(seed).sample(every, min(count, len(every)))
    return [(path, changed(document, path, value)) for path, value in chosen]


CARD = {
    "method": "espcn",
    "scale": 4,
    "loss": "l1",
    "default_loss": "mse",
    "degradation": "bicubic v1",
    "steps": 20,
    "steps_done": 20,
    "data": [{"name": "t91", "images": 91, "left_out": ["a"]}],
    "settings": {"lr": 0.001, "batch": 16, "schedule": "constant"},
    "best": {"psnr": 28.5, "step": 10},
    "started_from": None,
    "versions": {"torch": "2"},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of two methods, one of them with weights, their card and a log."""
    import torch

    from srbench.catalog.catalog import Catalog

    folder = tmp_path_factory.mktemp("made")
    (folder / "HR").mkdir()
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "HR" / f"{i}.png")
    torch.manual_seed(0)
    save_weights(Catalog.load().models["espcn"].build(4), folder / "espcn" / NAME, CARD)
    lines = [{"step": 1, "loss": 0.5, "seconds": 0.1}, {"step": 2, "loss": 0.25}]
    lines += [{"step": step, "validation": {"psnr": 20.0 + step}} for step in (1, 2)]
    (folder / "espcn" / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    options = "--metrics psnr,ssim --speed-size 16 --speed-seconds 0.05 --save-images --out run --dataset HR"
    options += f" --methods nearest,espcn --weights espcn={folder / 'espcn' / NAME}"
    code = "from srbench.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", code, "run", *options.split()], cwd=folder, check=True, capture_output=True, timeout=300
    )
    return folder


@pytest.fixture
def run(made, tmp_path):
    """A folder of a run to change."""
    shutil.copytree(made / "run", tmp_path / "run")
    return tmp_path / "run"


FORMATS = ("terminal", "csv", "markdown", "latex", "json")


def test_the_run_as_it_is_can_be_shown(command, run):
    assert {command("leaderboard", run, "--format", style) for style in FORMATS} == {0}
    assert command("report", run) == 0
    assert "espcn x4" in (run / "report.html").read_text()


def test_a_strange_value_in_run_json(command, run):
    document = json.loads((run / "run.json").read_text())
    for i, (path, strange) in enumerate(variants(document, 80)):
        (run / "run.json").write_text(json.dumps(strange))
        command("leaderboard", run, "--format", FORMATS[i % len(FORMATS)], what=path)
        if i % 20 == 0:
            command("report", run, what=path)


def test_a_strange_value_in_a_row(command, run):
    rows = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    first = {row["kind"]: row for row in reversed(rows)}
    assert set(first) == {"job", "score", "speed", "picture"}
    for kind, row in first.items():
        others = [other for other in rows if other is not row]
        for i, (path, strange) in enumerate(variants(row, 20)):
            (run / "results.jsonl").write_text("".join(f"{json.dumps(part)}\n" for part in (*others, strange)))
            command("leaderboard", run, "--format", FORMATS[i % len(FORMATS)], what=(kind, *path))
            if i % 10 == 0:
                command("report", run, what=(kind, *path))


def test_a_strange_value_in_a_card_and_in_a_log(command, run, made):
    document = json.loads((run / "run.json").read_text())
    (digest,) = document["weights"]
    shutil.rmtree(run / "images")  # pages without pictures are made sooner
    for path, strange in variants(CARD, 6):
        document["weights"][digest]["card"] = strange
        (run / "run.json").write_text(json.dumps(document))
        command("report", run, what=path)


@pytest.mark.parametrize("style", ["terminal", "json"])
def test_a_strange_card_beside_weights(command, made, style):
    folder = trained_folder("espcn", 3)
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes((made / "espcn" / NAME).read_bytes())
    for path, strange in variants({**CARD, "scale": 3}, 6, seed=style):
        card_path(folder / NAME).write_text(json.dumps(strange))
        command("info", "espcn", "--scale", 3, "--format", style, what=path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 10**5, '{"a":' * 10**5, f'{{"schema": 1, "a": {"[" * 200}{"]" * 200}}}', "9" * 5000, "\ud800"],
    ids=["empty", "torn", "deep list", "deep object", "deep but whole", "long number", "no text"],
)
def test_texts_that_are_no_json(command, run, made, text):
    content = text.encode("utf-8", "surrogatepass")
    for name in ("run.json", "results.jsonl"):
        before = (run / name).read_bytes()
        (run / name).write_bytes(content + b"\n")
        assert command("leaderboard", run) == 1
        (run / name).write_bytes(before)
    folder = trained_folder("espcn", 3)
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes((made / "espcn" / NAME).read_bytes())
    card_path(folder / NAME).write_bytes(content)
    assert command("info", "espcn", "--scale", 3) == 2
    (folder / RECORD).write_bytes(content)
    assert read_record(folder) == {}


def test_pictures_are_looked_for_in_the_runs_own_folder(command, run, made):
    secret = run.parent / "secret.png"
    Image.new("RGB", (32, 24), (1, 2, 3)).save(secret)
    rows = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    for place in ("../secret.png", str(secret), "images/../../secret.png"):
        for row in rows:
            if row["kind"] == "picture":
                row |= {"sr": place, "hr": place, "lr": place}
        (run / "results.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        assert command("report", run) == 0
        assert "secret" not in (run / "report.html").read_text()
