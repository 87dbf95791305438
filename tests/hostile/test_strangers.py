"""A stranger's run.json: nothing that it says imports, downloads, trains, connects or submits without a question."""

from __future__ import annotations

import json
import os
import shutil
import sys

import pytest
import torch

import srbench
from srbench.catalog.catalog import Catalog
from srbench.cli import main
from srbench.errors import UsageError
from srbench.store.weights import save_weights

PLUGIN = """
from pathlib import Path
from srbench import ModelSpec, hookimpl
from srbench_plugins import interpolation

Path({mark!r}).touch()

@hookimpl
def srbench_models():
    return [ModelSpec(name="own", summary="s", scales={{2}}, build=lambda scale: interpolation.build("bicubic", scale))]
"""


@pytest.fixture
def run_json(here, tmp_path, save_image):
    """A small run with a plugin file that leaves a mark when it is imported; returns a function that edits run.json."""
    for i in range(2):
        save_image(tmp_path / "set" / f"{i}.png", seed=i)
    plugin = tmp_path / "elsewhere" / "own.py"
    plugin.parent.mkdir()
    plugin.write_text(PLUGIN.format(mark=str(tmp_path / "imported")))
    options = ["--methods", "own,nearest", "--plugin", plugin, "--dataset", "set", "--scale", 2, "--metrics", "psnr"]
    assert here("run", *options, "--no-speed", "--out", "run").returncode == 0
    (tmp_path / "imported").unlink()

    def edit(**request):
        path = tmp_path / "run" / "run.json"
        stored = json.loads(path.read_text())
        stored["commands"][0]["request"] |= request
        path.write_text(json.dumps(stored))
        return stored

    return edit


@pytest.fixture(params=["verify", "rerun"])
def repeat(request, here, tmp_path):
    """Verify or rerun the run; both must treat it alike."""

    def call(*options):
        out = ["--out", "again"] if request.param == "rerun" else []
        return here(request.param, "run", *out, *options)

    return call


def refused(done):
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_plugin_file_that_is_the_same_is_imported(run_json, repeat, tmp_path):
    done = repeat()
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "imported").exists()


def test_a_plugin_file_of_other_bytes_is_not_imported_unless_it_is_named(run_json, repeat, tmp_path):
    plugin = tmp_path / "elsewhere" / "own.py"
    plugin.write_text(plugin.read_text() + "# edited\n")
    error = refused(repeat())
    assert f"its plugin file {plugin} is not the one of the run: its SHA-256 differs" in error
    assert not (tmp_path / "imported").exists()
    done = repeat("--plugin", plugin)
    assert done.returncode == 0
    assert f"warning: --plugin {plugin} changed: " in done.stderr


def test_a_relative_path_is_not_followed_wherever_it_leads(run_json, repeat, tmp_path):
    shutil.copy(tmp_path / "elsewhere" / "own.py", tmp_path / "run" / "own.py")
    stored = run_json(plugins=["run/own.py"])
    stored["commands"][0]["plugins"] = {"run/own.py": next(iter(stored["commands"][0]["plugins"].values()))}
    (tmp_path / "run" / "run.json").write_text(json.dumps(stored))
    assert "its plugin file run/own.py is named by a relative path" in refused(repeat())
    assert not (tmp_path / "imported").exists()


def test_a_file_that_came_with_the_run_is_not_imported_though_its_hash_is_right(run_json, repeat, tmp_path):
    inside = tmp_path / "run" / "own.py"
    shutil.copy(tmp_path / "elsewhere" / "own.py", inside)
    stored = run_json(plugins=[str(inside)])
    stored["commands"][0]["plugins"] = {str(inside): next(iter(stored["commands"][0]["plugins"].values()))}
    (tmp_path / "run" / "run.json").write_text(json.dumps(stored))
    assert "lies in the run's own folder" in refused(repeat())
    assert not (tmp_path / "imported").exists()
    assert repeat("--plugin", inside).returncode == 0


def test_a_file_without_a_recorded_hash_is_not_imported(run_json, repeat, tmp_path):
    stored = run_json()
    del stored["commands"][0]["plugins"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(stored))
    assert "has no hash in run.json" in refused(repeat())
    assert not (tmp_path / "imported").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners of files are POSIX's")
def test_a_file_of_another_user_is_not_imported(run_json, repeat, tmp_path, monkeypatch):
    monkeypatch.setattr("os.getuid", lambda: 12345)
    plugin = tmp_path / "elsewhere" / "own.py"
    if plugin.stat().st_uid == 0:
        try:
            os.chown(plugin, 4242, -1)
        except OSError:
            pytest.skip("the owner of a file cannot be changed here")
    assert "belongs to another user" in refused(repeat())
    assert not (tmp_path / "imported").exists()


def test_given_plugins_replace_those_of_the_same_name_on_another_machine(run_json, repeat, tmp_path):
    (tmp_path / "elsewhere").rename(tmp_path / "mine")
    done = repeat("--plugin", tmp_path / "mine" / "own.py")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def no_network(monkeypatch):
    """End a test that connects anywhere."""

    def connect(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", connect)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("request_", "work"),
    [
        ({"datasets": ["set5"]}, "download 5 files of the dataset set5"),
        ({"datasets": ["div2k"]}, "download the dataset div2k"),
        ({"metrics": ["psnr", "lpips"]}, "download the backbone alexnet"),
        ({"methods": ["srcnn"], "train_on": ["t91"]}, "train srcnn x2 on t91"),
        ({"methods": ["srcnn"], "train_on": ["t91"]}, "download 91 files of the dataset t91"),
    ],
)
def test_downloads_and_trainings_are_agreed_to_first(run_json, here, request_, work):
    run_json(**request_)
    error = refused(here("rerun", "run", "--out", "again"))
    assert work in error
    assert error.rstrip().endswith("--yes agrees to it")


@pytest.mark.usefixtures("no_network")
def test_verify_downloads_nothing_unasked_and_never_trains(run_json, here, tmp_path):
    run_json(train_on=["t91"], metrics=["psnr", "lpips"])  # there are no values of LPIPS to verify
    assert here("verify", "run").returncode == 0
    stored = run_json(datasets=["set5"])
    stored["datasets"]["set5 x2"] = stored["datasets"]["set x2"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(stored))
    assert "download" in refused(here("verify", "run"))


def test_a_terminal_is_asked(run_json, monkeypatch, tmp_path, capsys):
    run_json(datasets=["set5"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    questions = []
    monkeypatch.setattr("click.confirm", lambda text, **_: questions.append(text))
    monkeypatch.setattr(sys, "argv", ["srbench", "rerun", str(tmp_path / "run"), "--out", str(tmp_path / "again")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert questions == ["the run asks to download 5 files of the dataset set5. Go on?"]
    assert ended.value.code == 1
    assert "not agreed to: nothing was done" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "request_",
    [
        {"executor": "dask", "scheduler": "tcp://10.0.0.1:8786"},
        {"executor": "slurm", "slurm": ["wrap=touch /tmp/x"]},
        {"out": "/"},
        {"force": True},
        {"inline": True},
    ],
)
def test_where_jobs_run_is_never_a_strangers_choice(run_json, repeat, request_):
    run_json(**request_)
    assert f"option {', '.join(sorted(request_))} is not known here" in refused(repeat())


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"datasets": ["./set"]}, "dataset './set': is no known name, and a relative path is not followed"),
        ({"datasets": ["set"]}, "dataset 'set': is no known name, and a relative path is not followed"),
        ({"datasets": ["a=set"]}, "dataset 'a=set': is no known name, and a relative path is not followed"),
        ({"methods": ["files:set"]}, "files:set: is no known name, and a relative path is not followed"),
        ({"methods": ["onnx:run/own.onnx"]}, "onnx:run/own.onnx: is no known name, and a relative path"),
        ({"methods": ["own"], "weights": {"own": "run/w.safetensors"}}, "--weights own=run/w.safetensors: is no known"),
        ({"train_on": ["../photos"]}, "dataset '../photos': is no known name, and a relative path is not followed"),
    ],
)
def test_relative_paths_are_not_followed(run_json, repeat, request_, reason):
    run_json(**request_)
    assert reason in refused(repeat())


@pytest.fixture
def altered(tmp_path):
    """Weights of ESPCN whose last value was changed after their card was written."""
    path = tmp_path / "w.safetensors"
    torch.manual_seed(0)
    save_weights(Catalog.load().models["espcn"].build(2), path, {"method": "espcn", "scale": 2})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        "run --methods espcn --scale 2 --dataset set --metrics psnr --no-speed --out other --weights espcn=WEIGHTS",
        "upscale espcn set large --scale 2 --weights WEIGHTS",
        "compare set/0.png --methods espcn --scale 2 --metrics psnr --weights espcn=WEIGHTS --out figure.png",
        "export espcn --scale 2 --weights WEIGHTS --onnx espcn.onnx",
        "export espcn --scale 2 --weights WEIGHTS --safetensors espcn.safetensors",
        "speed --methods espcn --scale 2 --weights espcn=WEIGHTS",
        "train espcn --scale 2 --data set --start-from WEIGHTS --out trained",
    ],
)
def test_altered_weights_are_used_by_no_command(here, tmp_path, save_image, altered, arguments):
    save_image(tmp_path / "set" / "0.png")
    error = refused(here(*arguments.replace("WEIGHTS", str(altered)).split()))
    assert "w.safetensors: is not the file that its card describes" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "w.json", "w.safetensors"]


def test_altered_weights_are_not_loaded_in_python(altered):
    with pytest.raises(UsageError, match="is not the file that its card describes"):
        srbench.load("espcn", 2, weights=altered)
