"""ONNX files of any tool: run as they are, held to what a method takes and gives, refused with the reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from srbench.catalog.catalog import Catalog
from srbench.cli.info import info_command
from srbench.errors import MethodError, UsageError
from srbench.inference.build import build_net
from srbench.inference.precision import Inference
from srbench.inference.speed import SpeedSettings, measure
from srbench.inference.upscale import upscale

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx", reason="needs the extra srbench[onnx]")
pytest.importorskip("onnxruntime", reason="needs the extra srbench[onnx]")
CPU = torch.device("cpu")


def write(path: Path, sides=("h", "w"), *, batch="n", channels=3, kind="FLOAT", inputs=1, scale=2, multiple=1) -> Path:
    """Write nearest-neighbour enlargement as one transposed convolution, in the form asked for."""
    helper, types = onnx.helper, onnx.TensorProto
    weight = np.ones((channels, 1, scale, scale), np.float32)
    nodes, last = [helper.make_node("Cast", ["lr"], ["x"], to=types.FLOAT)], "x"
    if multiple > 1:  # there and back: only multiples of the block pass
        nodes.append(helper.make_node("SpaceToDepth", [last], ["small"], blocksize=multiple))
        nodes.append(helper.make_node("DepthToSpace", ["small"], ["whole"], blocksize=multiple, mode="DCR"))
        last = "whole"
    nodes.append(helper.make_node("ConvTranspose", [last, "weight"], ["y"], strides=[scale, scale], group=channels))
    nodes.append(helper.make_node("Cast", ["y"], ["sr"], to=getattr(types, kind)))
    given = [
        helper.make_tensor_value_info(name, getattr(types, kind), [batch, channels, *sides])
        for name in ("lr", "more")[:inputs]
    ]
    result = helper.make_tensor_value_info("sr", getattr(types, kind), None)
    graph = helper.make_graph(nodes, "g", given, [result], [onnx.numpy_helper.from_array(weight, "weight")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


def nearest(lr, scale):
    return lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2)


@pytest.mark.parametrize(
    "form",
    [{}, {"scale": 3}, {"batch": 1}, {"kind": "FLOAT16"}, {"multiple": 4}, {"sides": ("h", "h2"), "batch": "k"}],
    ids=str,
)
def test_a_file_is_run_as_it_is_on_images_of_any_size(tmp_path, form):
    scale = form.get("scale", 2)
    spec = Catalog.load().models[f"onnx:{write(tmp_path / 'net.onnx', **form)}"]
    assert spec.scales == {scale}
    assert spec.multiple == form.get("multiple", 1)
    net = build_net(spec, scale, CPU, spec.file)
    lr = torch.rand(3, 3, 7, 10, generator=torch.Generator().manual_seed(0))
    expected = nearest(lr, scale)
    atol = 1e-3 if form.get("kind") == "FLOAT16" else 0
    torch.testing.assert_close(upscale(net, lr, scale, spec.multiple), expected, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"sides": (64, 64)}, r"takes images of one size only \(64\); export it with free height and width"),
        ({"channels": 1}, "takes 1 channels; srbench gives RGB"),
        ({"kind": "UINT8"}, r"takes tensor\(uint8\); a method takes floating-point RGB"),
        ({"inputs": 2}, "has 2 inputs and 1 outputs; a method has one of each"),
        ({"scale": 1}, "the output is as large as the input"),
    ],
)
def test_what_is_no_method_is_refused_with_the_reason(tmp_path, form, said):
    with pytest.raises(UsageError, match=said):
        Catalog.load().models[f"onnx:{write(tmp_path / 'net.onnx', **form)}"]


def test_weights_in_another_file_have_no_digest_and_are_refused(tmp_path):
    model = onnx.load(str(write(tmp_path / "net.onnx")))
    options = {"save_as_external_data": True, "location": "net.data", "size_threshold": 0}
    onnx.save_model(model, str(tmp_path / "split.onnx"), **options)
    assert (tmp_path / "net.data").is_file()
    with pytest.raises(UsageError, match="keeps its weights in another file; save both in one file"):
        Catalog.load().models[f"onnx:{tmp_path / 'split.onnx'}"]


def test_damaged_files_and_a_missing_extra_are_said(tmp_path, monkeypatch):
    (tmp_path / "junk.onnx").write_bytes(b"\x08junk" * 20)
    with pytest.raises(UsageError, match=r"junk\.onnx: onnxruntime cannot open it"):
        Catalog.load().models[f"onnx:{tmp_path / 'junk.onnx'}"]
    write(tmp_path / "net.onnx")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs onnx, which is not installed: pip install 'srbench\[onnx\]'"):
        Catalog.load().models[f"onnx:{tmp_path / 'net.onnx'}"]


def test_what_torch_cannot_see_is_left_open(tmp_path):
    spec = Catalog.load().models[f"onnx:{write(tmp_path / 'net.onnx')}"]
    assert spec.precisions == {"fp32"}
    net = Inference(build_net(spec, 2, CPU, spec.file), CPU, compiled=True)
    speed = measure(net, 2, 1, CPU, SpeedSettings(size=8, seconds=0.01))
    assert speed.params == 3 * 2 * 2
    assert speed.macs is None
    assert speed.peak_mem_mib is None
    assert speed.latency_ms > 0
    with pytest.raises(MethodError, match="run on the CPU, not on meta: choose --device cpu"):
        net(torch.empty(1, 3, 8, 8, device="meta"))


def test_info_explains_a_file(tmp_path):
    name = f"onnx:{write(tmp_path / 'net.onnx')}"
    done = CliRunner().invoke(info_command, [name], catch_exceptions=False)
    assert "onnx:net: net.onnx, run by onnxruntime" in done.output
    assert "not counted outside torch" in done.output
    assert "file, " in done.output
    facts = json.loads(CliRunner().invoke(info_command, [name, "--format", "json"]).output)
    assert facts["network"]["params"] == 12
    assert facts["network"]["macs"] is None
    assert facts["scale"] == 2
