"""``srbench check``: good plugins pass, what is asked for is found, and the other ways in give the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from srbench import ModelSpec
from srbench.conformance import check
from srbench.conformance.bench import MethodBench
from srbench.conformance.checklist import CHECKS
from srbench.errors import UsageError

ROOT = Path(__file__).parent.parent.parent
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


def test_same_checks_under_pytest(half, tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "srbench.conformance"]
    environment = {**os.environ, "SRBENCH_CHECK": str(half)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path, env=environment
    )
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert "[method-bad-range]" in done.stdout
    assert "fix: work on RGB in [0, 1]" in done.stdout
    assert re.search(r"1 failed, \d+ passed, \d+ skipped", done.stdout)


def test_shipped_plugins_pass_in_python():
    results = check("espcn", "charbonnier", "ssim", "samples")
    failed = [result for result in results if result.status == "failed"]
    assert not failed
    by_check = {
        (result.subject.kind, result.check): result.status for result in results if result.subject.name == "espcn"
    }
    assert by_check["method", "learns"] == by_check["method", "halo"] == "passed"
    assert {result.subject.kind for result in results} == set(CHECKS)


def test_published_figures_are_held_against_the_files(mirror):
    results = check("bicubic")
    (published,) = [result for result in results if result.check == "published"]
    assert published.status == "passed"


@pytest.mark.parametrize(
    ("names", "plugins", "reason"),
    [
        (["bicubi"], [], "unknown name 'bicubi'; did you mean 'bicubic'?"),
        ([], [], "name what to check, or give --plugin FILE or --all"),
        ([], ["nowhere.py"], "--plugin nowhere.py: no such Python file"),
    ],
)
def test_what_cannot_be_checked_is_said(names, plugins, reason):
    with pytest.raises(UsageError, match=re.escape(reason)):
        check(*names, plugins=plugins)


def test_a_name_that_a_broken_file_might_have_brought(tmp_path):
    (tmp_path / "net.py").write_text("import nowhere")
    results = check("mynet", plugins=[tmp_path / "net.py"])
    assert results[0].reason == "cannot be imported: ModuleNotFoundError: No module named 'nowhere' (net.py:1)"
    assert [result.status for result in results] == ["failed", "skipped", "skipped", "skipped"]


def nearest_as_onnx(path):
    """Write nearest-neighbour enlargement x2, as a transposed convolution whose weights are those of the file."""
    onnx = pytest.importorskip("onnx", reason="needs the extra srbench[onnx]")
    pytest.importorskip("onnxruntime", reason="needs the extra srbench[onnx]")
    helper, types = onnx.helper, onnx.TensorProto
    node = helper.make_node("ConvTranspose", ["lr", "weight"], ["sr"], strides=[2, 2], group=3)
    weight = onnx.numpy_helper.from_array(np.ones((3, 1, 2, 2), np.float32), "weight")
    given = helper.make_tensor_value_info("lr", types.FLOAT, ["n", 3, "h", "w"])
    graph = helper.make_graph([node], "g", [given], [helper.make_tensor_value_info("sr", types.FLOAT, None)], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return f"onnx:{path}"


def compact_checkpoint(path):
    pytest.importorskip("spandrel", reason="needs the extra srbench[spandrel]")
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(0)
    torch.save(Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=2).state_dict(), path)
    return f"spandrel:{path}"


def test_files_that_are_methods_pass(tmp_path):
    files = nearest_as_onnx(tmp_path / "net.onnx"), compact_checkpoint(tmp_path / "net.pth")
    results = [result for result in check(*files) if result.subject.kind == "method"]
    assert {result.subject.name for result in results} == {"onnx:net", "spandrel:net"}
    asked = {"spec", "builds", "output", "range", "input", "deterministic", "batch", "odd sizes", "global state"}
    assert {result.check for result in results if result.status == "passed"} >= asked
    assert not [result for result in results if result.status == "failed"]


def test_parameters_whose_elements_share_memory_are_drawn_apart(tmp_path):
    def build(scale):
        net = torch.nn.Upsample(scale_factor=scale)
        net.counted = torch.nn.Parameter(torch.zeros(()).expand(5, 5))
        return net

    spec = ModelSpec(name="shared", summary="for tests", scales={2}, build=build)
    net = MethodBench(spec, None, torch.device("cpu")).net(2)
    assert net.counted.unique().numel() == 25


def test_two_files_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.py").write_text("")
    with pytest.raises(UsageError, match="have the same name"):
        check(plugins=[tmp_path / "a" / "net.py", tmp_path / "b" / "net.py"])


def test_every_check_is_documented():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for kind, checks in CHECKS.items():
        names = ", ".join(f"{one.name}" for one in checks)
        assert f"| {kind} | {names} |" in contributing
