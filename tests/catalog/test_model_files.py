"""Methods that are files: named by PREFIX:PATH, opened once, refused clearly, never taken for one another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from srbench import ModelFileSpec, ModelSpec
from srbench.catalog.catalog import Catalog
from srbench.catalog.model_files import parse
from srbench.cli.run import run_command
from srbench.errors import SpecError, SRBenchError, UsageError
from srbench.store.weights import find_weights

PLUGIN = """
from functools import partial
from pathlib import Path
from srbench import ModelFileSpec, ModelSpec, hookimpl

def build(path, scale):
    import torch
    class Gain(torch.nn.Module):
        def forward(self, lr):
            sr = lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
            return sr * float(path.read_text())
    return Gain()

def open_file(name, path):
    gain = float(path.read_text())
    if gain == 7:
        return "no spec"
    return ModelSpec(name=name, summary=f"times {gain}", scales={2}, build=partial(build, path), file=path)

@hookimpl
def srbench_models():
    return [ModelFileSpec(name="gain", summary="brighter", open=open_file, suffixes=[".txt"])]
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "gains.py"
    path.write_text(PLUGIN)
    return path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("onnx:/a/net.onnx", "onnx:net", "/a/net.onnx"),
        ("onnx:/a/RealESRGAN x4+.onnx", "onnx:realesrgan-x4", "/a/RealESRGAN x4+.onnx"),
        ("mine=onnx:/a/net.onnx", "onnx:mine", "/a/net.onnx"),
        ("onnx:/a/b=c:d.onnx", "onnx:b-c-d", "/a/b=c:d.onnx"),
        ("onnx:/a/___.onnx", "onnx:file", "/a/___.onnx"),
    ],
)
def test_names_are_taken_apart(text, name, path):
    found = parse(text)
    assert (found.name, found.path) == (name, Path(path))


@pytest.mark.parametrize("text", ["espcn", "onnx:", ":a.onnx", "A b:c", ""])
def test_what_is_no_file_is_left_alone(text):
    assert parse(text) is None


def test_a_label_is_held_to_the_rule_of_names():
    with pytest.raises(UsageError, match="the name 'My Net' must be lower-case"):
        parse("My Net=onnx:a.onnx")


def test_a_file_is_opened_once_and_then_known_by_its_name(plugin, tmp_path):
    models = Catalog.load([plugin]).models
    file = write(tmp_path / "two.txt", "2")
    spec = models[f"gain:{file}"]
    assert spec.name == "gain:two"
    assert spec.file == file
    assert models["gain:two"] is models[f"two=gain:{file}"] is spec
    assert "gain:two" in models
    assert models.owner("gain:two").name == "gains"
    assert spec.reference == f"two=gain:{file}"
    assert "gain:two" not in models.specs  # not of what there is to list
    assert "gain:two" not in Catalog.load([plugin]).models


def test_the_same_file_by_another_path_is_the_same_method(plugin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "two.txt", "2")
    models = Catalog.load([plugin]).models
    assert models["gain:two.txt"] is models["gain:./../" + tmp_path.name + "/two.txt"]


def test_two_files_of_one_name_are_refused_until_one_is_given_another(plugin, tmp_path):
    models = Catalog.load([plugin]).models
    first, second = (write(tmp_path / folder / "net.txt", "1") for folder in "ab")
    models[f"gain:{first}"]
    with pytest.raises(UsageError, match="would both be named gain:net; NAME=gain:PATH gives one another name"):
        models[f"gain:{second}"]
    assert models[f"other=gain:{second}"].name == "gain:other"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("none.txt", None, r"none\.txt: no such file"),
        ("net.pth", "1", r"net\.pth: gain takes files that end in \.txt"),
        ("net.txt", "seven", r"cannot be opened \(ValueError: could not convert string to float: 'seven'\)"),
        ("net.txt", "7", r"open\(name, path\) must return a ModelSpec"),
    ],
)
def test_faults_are_said_in_one_line(plugin, tmp_path, file, text, said):
    if text:
        write(tmp_path / file, text)
    with pytest.raises(SRBenchError, match=said) as error:
        Catalog.load([plugin]).models[f"gain:{tmp_path / file}"]
    assert "\n" not in str(error.value)


def test_an_unknown_prefix_suggests_the_nearest(plugin):
    models = Catalog.load([plugin]).models
    with pytest.raises(UsageError, match="unknown kind of model file 'gian'; did you mean 'gain'"):
        models["gian:net.txt"]


def test_prefixes_clash_like_names(plugin, tmp_path):
    other = write(tmp_path / "others.py", PLUGIN)
    catalog = Catalog.load([plugin, other])
    assert "gain" not in catalog.models.files
    problems = [problem for found in catalog.plugins for problem in found.problems]
    assert len(problems) == 2
    assert "kind of model file 'gain' is refused: the name 'gain' is also claimed by" in problems[0].reason


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "A b"}, "must be lower-case"),
        ({"open": None}, "open must be callable"),
        ({"suffixes": []}, "suffixes must be some of"),
        ({"suffixes": ["onnx"]}, "suffixes must be some of"),
    ],
)
def test_invalid_kinds_name_the_field(changes, said):
    with pytest.raises(SpecError, match=said):
        ModelFileSpec(**({"name": "x", "summary": "s", "open": len, "suffixes": [".x"]} | changes))


def test_only_methods_that_are_files_have_names_with_a_colon(tmp_path):
    options = {"summary": "s", "scales": {2}, "build": len}
    with pytest.raises(SpecError, match="must be lower-case"):
        ModelSpec(name="a:b", **options)
    with pytest.raises(SpecError, match="must be lower-case"):
        ModelSpec(name="b", file=tmp_path, **options)
    with pytest.raises(SpecError, match="has no recipe"):
        ModelSpec(name="a:b", file=tmp_path, recipe=len, **options)


def test_a_file_has_no_other_weights(plugin, tmp_path):
    spec = Catalog.load([plugin]).models[f"gain:{write(tmp_path / 'net.txt', '1')}"]
    found = find_weights(spec, 2)
    assert (found.path, found.origin) == (spec.file, "file")
    with pytest.raises(UsageError, match="--weights gain:net=trained: gain:net is a file that holds its weights"):
        find_weights(spec, 2, "trained")


def test_a_run_scores_each_file_by_its_own_content(here, plugin, tmp_path, save_image, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image(tmp_path / "set" / "a.png")
    write(tmp_path / "a" / "net.txt", "1")
    write(tmp_path / "b" / "net.txt", "0.5")
    options = ["--plugin", plugin, "--dataset", "set", "--scale", "2", "--metrics", "psnr", "--out", "out"]
    options += ["--no-speed", "--device", "cpu", "--methods", "nearest,gain:a/net.txt,dark=gain:b/net.txt"]
    done = here("run", "--save-images", *options)
    assert done.returncode == 0, done.stderr
    assert "gain:net x2: file weights" in done.stderr

    def scores():
        rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
        return [(row["method"], row["weights"], row["value"]) for row in rows if row["kind"] == "score"]

    first = {name: (weights, value) for name, weights, value in scores()}
    assert first["gain:net"][1] == first["nearest"][1] > first["gain:dark"][1]
    assert len({weights for weights, _ in first.values()}) == 3
    assert (tmp_path / "out" / "images" / "set_x2" / "gain+dark" / "a.png").is_file()
    write(tmp_path / "a" / "net.txt", "0.9")  # another checkpoint under the same name
    changed = CliRunner().invoke(run_command, ["--inline", *map(str, options)], catch_exceptions=False)
    assert changed.exit_code == 0, changed.output
    assert len(scores()) == 3 + 1  # what did not change was not scored again
    last = {name: (weights, value) for name, weights, value in scores()}
    assert last["gain:net"][0] != first["gain:net"][0]
    assert last["gain:net"][1] < first["gain:net"][1]
