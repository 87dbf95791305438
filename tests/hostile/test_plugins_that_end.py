"""Plugins that end the process as they are imported: they cost themselves only, and the command says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from srbench.catalog import trial
from srbench.catalog.catalog import Catalog
from srbench.catalog.trial import try_file
from srbench.store.home import home

ENDS = {
    "os._exit": ("import os; os._exit(3)", "exit code 3"),
    "success": ("import os; os._exit(0)", "exit code 0"),
    "a crash": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    "a crash in native code": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "a hook": (
        "import os\nfrom srbench import hookimpl\n\n\n@hookimpl\ndef srbench_models():\n    os._exit(4)",
        "exit code 4",
    ),
}
GOOD = "from srbench import LossSpec, hookimpl\n\n\n@hookimpl\ndef srbench_losses():\n"
GOOD += "    return [LossSpec(name='good', summary='a loss', build=len)]\n"


@pytest.fixture(autouse=True)
def _trial(monkeypatch):
    monkeypatch.delenv(trial.SKIP)


def install(folder, name, code):
    """Install a plugin in a folder of packages, as pip does."""
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[srbench]\n{name} = {name}\n")


@pytest.mark.parametrize(("code", "reason"), ENDS.values(), ids=ENDS)
def test_an_installed_one_costs_itself_only(tmp_path, monkeypatch, code, reason):
    install(tmp_path, "ending", code)
    install(tmp_path, "thriving", GOOD)
    monkeypatch.syspath_prepend(tmp_path)
    catalog = Catalog.load()
    assert catalog.complaints() == [f"plugin ending: ends the process that imports it ({reason})"]
    assert "good" in catalog.losses
    assert "bicubic" in catalog.models


def test_a_list_goes_on_and_names_it(srbench, tmp_path):
    install(tmp_path, "ending", ENDS["os._exit"][0])
    done = srbench("list", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "broken: ends the process that imports it (exit code 3)" in done.stdout


def test_a_run_goes_on(srbench, tmp_path, save_image):
    install(tmp_path, "ending", ENDS["os._exit"][0])
    save_image(tmp_path / "set" / "a.png")
    options = ("--dataset", "set", "--metrics", "psnr", "--no-speed", "--out", "out")
    done = srbench("run", "--methods", "nearest", *options, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "warning: plugin ending: ends the process that imports it (exit code 3)" in done.stderr


@pytest.mark.parametrize(("args", "code"), [(("list",), 0), (("info", "bicubic"), 2)])
def test_a_file_is_named(command, tmp_path, args, code):
    (tmp_path / "ending.py").write_text(ENDS["os._exit"][0])
    assert command(*args, "--plugin", tmp_path / "ending.py") == code


def test_a_plugin_is_tried_once_until_it_changes(tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(trial, "_import_elsewhere", lambda plugin: tried.append(plugin) or "")
    (tmp_path / "good.py").write_text(GOOD)
    for _ in range(3):
        assert "good" in Catalog.load([tmp_path / "good.py"]).losses
    assert len(tried) == 1
    (tmp_path / "good.py").write_text(GOOD + "\n")
    assert try_file(tmp_path / "good.py") is None
    assert len(tried) == 2
    assert len(list((home() / "plugins").iterdir())) == 1


def test_a_plugin_that_ends_is_tried_again_and_again(tmp_path, monkeypatch):
    answers = ["ends", "ends", ""]
    monkeypatch.setattr(trial, "_import_elsewhere", lambda plugin: answers.pop(0))
    (tmp_path / "a.py").write_text(GOOD)
    assert [str(try_file(tmp_path / "a.py") or "") for _ in range(4)] == ["ends", "ends", "", ""]


def test_a_plugin_that_hangs_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE_S", 1)
    (tmp_path / "a.py").write_text("import time; time.sleep(60)")
    assert str(try_file(tmp_path / "a.py")) == "cannot be imported: it took more than 1 s"


def test_a_plugin_that_loads_the_catalog_is_not_tried_without_end(tmp_path):
    (tmp_path / "a.py").write_text(f"from srbench.catalog.catalog import Catalog\nCatalog.load([__file__])\n{GOOD}")
    began = time.monotonic()
    assert "RecursionError" in str(try_file(tmp_path / "a.py") or "RecursionError")
    assert time.monotonic() - began < 60


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SRBENCH_HOME", str(tmp_path / "file"))
    (tmp_path / "good.py").write_text(GOOD)
    assert "good" in Catalog.load([tmp_path / "good.py"]).losses


def test_own_plugins_are_not_tried():
    code = "import srbench.catalog.trial as t; t._import_elsewhere = None\n"
    code += "from srbench.catalog.catalog import Catalog; assert Catalog.load().plugins"
    environment = {name: value for name, value in os.environ.items() if name != trial.SKIP}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)
