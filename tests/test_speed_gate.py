"""The speed gate on itself: a slowdown is caught, an unchanged tree passes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONG = "SRBENCH_LONG" in os.environ
SLOWDOWN = 1.4 if LONG else 2.0
"""1.4 times is caught beside one busy core; the suite has to hold where ten processes fight for each."""
SLOWER = '''

_as_it_was = degrade


def degrade(hr: torch.Tensor, scale: int) -> torch.Tensor:
    """Take TIMES times as long."""
    import time

    began = time.thread_time()
    lr = _as_it_was(hr, scale)
    end = time.thread_time() + (TIMES - 1) * (time.thread_time() - began)
    while time.thread_time() < end:
        pass
    return lr
'''


@pytest.fixture
def tree(tmp_path):
    """A copy of the sources under version control."""
    if not shutil.which("git"):
        pytest.skip("needs git")
    for folder in ("srbench", "plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "benchmarks").mkdir()
    for name in ("conftest.py", "gate.py", "side_by_side.py", "bench_resize.py"):  # the others import much
        shutil.copy(ROOT / "benchmarks" / name, tmp_path / "benchmarks")
    if not LONG:  # as many turns as there must be, and not as many as fit
        gate = tmp_path / "benchmarks" / "gate.py"
        gate.write_text(gate.read_text().replace("REPETITION_S = 2.5", "REPETITION_S = 0"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "as it was"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def gate(tree, *options, which="test_degrade"):
    paths = [str(tree), str(tree / "plugins")]
    alone = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}  # else nothing is timed
    environment = {**alone, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "--benchmark-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, "-k", which, *options],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def make_slower(tree, times):
    file = tree / "srbench" / "resize.py"
    file.write_text(file.read_text() + SLOWER.replace("TIMES", str(times)))


def test_a_slowdown_is_caught(tree):
    make_slower(tree, SLOWDOWN)
    code, said = gate(tree, "--speed-gate=HEAD", which="test_degrade or test_torch")
    assert code == 1, said
    assert said.count("SLOWER") == 1
    assert re.search(r"bench_resize\.py::test_degrade: [12]\.\d+, ", said)


def test_an_unchanged_tree_passes(tree):
    code, said = gate(tree, "--speed-gate=HEAD")
    assert code == 0, said
    assert "1 benchmarks compared with HEAD: 0 slower" in said


def test_the_baseline_is_compared_with(tree):
    code, said = gate(tree, "--speed-baseline")
    assert code == 0, said
    file = tree / "benchmarks" / "baseline.json"
    ((machine, measured),) = json.loads(file.read_text()).items()
    (name,) = measured
    assert name == "benchmarks/bench_resize.py::test_degrade"
    for times, passes in ((3, True), (1 / 3, False)):
        file.write_text(json.dumps({machine: {name: measured[name] * times}}))
        code, said = gate(tree, "--speed-gate")
        assert code == (0 if passes else 1), said
        assert ("times as long as in baseline.json" in said) != passes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--speed-gate=nowhere"], "--speed-gate=nowhere: fatal: not a valid object name"),
        pytest.param(
            ["--speed-gate=HEAD", "-k", "nothing"],
            "no benchmark was run",
            marks=pytest.mark.skipif(not LONG, reason="long form: set SRBENCH_LONG=1"),
        ),
    ],
)
def test_wrong_usage_is_said(tree, options, said):
    code, output = gate(tree, *options)
    assert code == 4, output
    assert said in output


def test_a_machine_without_baseline_is_told_what_to_do(tree):
    (tree / "benchmarks" / "baseline.json").write_text('{"another machine": {}}')
    code, said = gate(tree, "--speed-gate")
    assert code == 4, said
    assert "no baseline for" in said
    assert "--speed-gate=REV needs none" in said


def test_a_call_that_seems_to_have_waited_all_the_time_is_not_called_without_end(monkeypatch):
    from benchmarks import gate as module

    waited = iter(range(100))
    monkeypatch.setattr(module, "_kept_waiting", lambda: next(waited))  # a second more at each look
    assert module.loops_for(lambda: None) <= 50_000
    assert module.turn(lambda: None, 10) > 0
