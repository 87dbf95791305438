"""Children get the environment without what plugins changed."""

from __future__ import annotations

import os

import pytest

from srbench.system import environment


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(environment, "_CHANGED", {})
    monkeypatch.setenv("OTHER_A", "users")
    monkeypatch.setenv("OTHER_B", "users")
    monkeypatch.delenv("OTHER_C", raising=False)


def test_changes_of_plugins_are_undone_for_children(monkeypatch):
    for value in ("first", "second"):
        with environment.watching():
            monkeypatch.setenv("OTHER_A", value)
            monkeypatch.delenv("OTHER_B", raising=False)
            monkeypatch.setenv("OTHER_C", value)
    clean = environment.clean_environment()
    assert (clean["OTHER_A"], clean["OTHER_B"], "OTHER_C" in clean) == ("users", "users", False)
    assert os.environ["OTHER_A"] == "second"


def test_what_the_program_sets_later_stays(monkeypatch):
    with environment.watching():
        monkeypatch.setenv("OTHER_A", "plugin's")
    monkeypatch.setenv("OTHER_A", "program's")
    monkeypatch.setenv("OTHER_C", "program's")
    clean = environment.clean_environment()
    assert (clean["OTHER_A"], clean["OTHER_C"]) == ("program's", "program's")


def test_where_srbench_finds_its_files_no_plugin_changes(monkeypatch):
    monkeypatch.setenv("SRBENCH_MIRROR", "users")
    monkeypatch.delenv("TORCH_HOME", raising=False)
    with environment.watching():
        monkeypatch.setenv("SRBENCH_MIRROR", "/nowhere")
        monkeypatch.setenv("TORCH_HOME", "/nowhere")
    assert (os.environ["SRBENCH_MIRROR"], os.environ.get("TORCH_HOME")) == ("users", None)
