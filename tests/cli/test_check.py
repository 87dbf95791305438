"""``srbench check`` on the command line."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

ENTRY = "from srbench.cli import main; main()"
HALF = """
from srbench import LossSpec, ModelSpec, hookimpl

def build(scale):
    from torch import nn
    return nn.Upsample(scale_factor=scale)

def to_255(scale):
    from torch import nn
    class Wrong(nn.Upsample):
        def forward(self, lr):
            return 255 * super().forward(lr)
    return Wrong(scale_factor=scale)

@hookimpl
def srbench_models():
    return [ModelSpec(name="good", summary="for tests", scales={2}, build=build, halo=0, precisions=["fp32"]),
            ModelSpec(name="bad", summary="for tests", scales={2}, build=to_255)]
"""


@pytest.fixture
def half(tmp_path):
    path = tmp_path / "half.py"
    path.write_text(HALF)
    return path


def cli(*args, **environment):
    command = [sys.executable, "-c", ENTRY, "check", *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environment}
    )


def test_table_names_the_check_the_reason_and_the_fix(half):
    done = cli("--plugin", half)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")][:3] == ["plugin half", "method good", "method bad"]
    at = lines.index("  range            failed")
    assert re.fullmatch(r"    why: x2: output reaches from .* to .*, LR was in \[0, 1\]", lines[at + 1])
    assert lines[at + 2].startswith("    fix: work on RGB in [0, 1]")
    assert re.fullmatch(r"\d+ passed, 1 failed, \d+ skipped", lines[-1])


def test_usage_errors_are_one_line():
    done = cli("espcn", "--all")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --all checks everything; it cannot be combined with names\n"
