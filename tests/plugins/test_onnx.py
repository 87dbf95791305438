"""ONNX files of any tool: run as they are, held to what a method takes and gives, refused with the reason."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage
import torch
from click.testing import CliRunner
from PIL import Image

from srbench.catalog.catalog import Catalog
from srbench.cli.info import info_command
from srbench.errors import MethodError, UsageError
from srbench.inference.build import build_net
from srbench.inference.precision import Inference
from srbench.inference.speed import SpeedSettings, measure
from srbench.inference.upscale import upscale
from srbench.store.weights import find_weights

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx", reason="needs the extra srbench[onnx]")
pytest.importorskip("onnxruntime", reason="needs the extra srbench[onnx]")
CPU = torch.device("cpu")


def write(
    path: Path,
    sides=("h", "w"),
    *,
    batch="n",
    channels=3,
    kind="FLOAT",
    result="",
    inputs=1,
    scale=2,
    multiple=1,
    last=False,
    smallest=1,
) -> Path:
    """Write nearest-neighbour enlargement as one transposed convolution, in the form asked for."""
    helper, types = onnx.helper, onnx.TensorProto
    weight = np.ones((channels, 1, scale, scale), np.float32)
    given = "lr"
    nodes = []
    if last:
        nodes.append(helper.make_node("Transpose", ["lr"], ["first"], perm=[0, 3, 1, 2]))
        given = "first"
    nodes.append(helper.make_node("Cast", [given], ["x"], to=types.FLOAT))
    at = "x"
    if smallest > 1:  # windows that do not count: onnxruntime refuses images smaller by 2 than they are
        nodes.append(helper.make_node("AveragePool", ["x"], ["windows"], kernel_shape=[smallest + 1] * 2))
        nodes.append(helper.make_node("ReduceMean", ["windows"], ["mean"], axes=[2, 3]))
        nodes.append(helper.make_node("Sub", ["mean", "mean"], ["zero"]))
        nodes.append(helper.make_node("Add", ["x", "zero"], ["x0"]))
        at = "x0"
    if multiple > 1:  # there and back: only multiples of the block pass
        nodes.append(helper.make_node("SpaceToDepth", [at], ["small"], blocksize=multiple))
        nodes.append(helper.make_node("DepthToSpace", ["small"], ["whole"], blocksize=multiple, mode="DCR"))
        at = "whole"
    nodes.append(helper.make_node("ConvTranspose", [at, "weight"], ["y"], strides=[scale, scale], group=channels))
    made = getattr(types, result or kind)
    if last:
        nodes.append(helper.make_node("Transpose", ["y"], ["y-last"], perm=[0, 2, 3, 1]))
    nodes.append(helper.make_node("Cast", ["y-last" if last else "y"], ["sr"], to=made))
    shape = [batch, *sides, channels] if last else [batch, channels, *sides]
    given = [helper.make_tensor_value_info(name, getattr(types, kind), shape) for name in ("lr", "more")[:inputs]]
    output = helper.make_tensor_value_info("sr", made, None)
    graph = helper.make_graph(nodes, "g", given, [output], [onnx.numpy_helper.from_array(weight, "weight")])
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
        ({"channels": 4}, "takes 4 channels; srbench gives RGB, or luma alone"),
        ({"kind": "INT32"}, r"takes tensor\(int32\); a method takes floating point in \[0, 1\] or uint8"),
        ({"inputs": 2}, "has 2 inputs and 1 outputs; a method has one of each"),
        ({"scale": 1}, "the output is as large as the input"),
    ],
)
def test_what_is_no_method_is_refused_with_the_reason(tmp_path, form, said):
    with pytest.raises(UsageError, match=said):
        Catalog.load().models[f"onnx:{write(tmp_path / 'net.onnx', **form)}"]


def split(path, target, location="net.data"):
    """Write a file anew with its weights in a file beside it."""
    model = onnx.load(str(path))
    options = {"save_as_external_data": True, "location": location, "size_threshold": 0}
    onnx.save_model(model, str(target), **options)
    return target


def test_weights_in_a_file_beside_it_are_read_and_hashed(tmp_path):
    whole = write(tmp_path / "net.onnx")
    path = split(whole, tmp_path / "split.onnx")
    spec = Catalog.load().models[f"onnx:{path}"]
    assert spec.more_files == (tmp_path / "net.data",)
    lr = torch.rand(1, 3, 7, 5)
    assert torch.equal(build_net(spec, 2, CPU, path)(lr), nearest(lr, 2))
    digest = find_weights(spec, 2).digest
    hashes = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, tmp_path / "net.data"))
    assert digest == hashlib.sha256(hashes.encode()).hexdigest()[:16]
    data = bytearray((tmp_path / "net.data").read_bytes())
    (tmp_path / "net.data").write_bytes(bytes(data[:-4]) + np.float32(2).tobytes())
    assert find_weights(spec, 2).digest != digest
    (tmp_path / "net.data").unlink()
    with pytest.raises(UsageError, match=r"keeps its weights in net\.data, which is not beside it: copy both"):
        Catalog.load().models[f"onnx:{path}"]


@pytest.mark.parametrize("size", [(7, 5), (20, 33), (16, 24), (50, 61)])
@pytest.mark.parametrize(
    ("form", "description"),
    [
        ({"sides": (16, 24)}, "in tiles of 24x16"),
        ({"sides": (16, 24), "batch": 1, "last": True}, "in tiles of 24x16, channels last"),
        ({"sides": ("h", 24)}, "in tiles of 24xany"),
        ({"kind": "UINT8"}, "uint8"),
        ({"kind": "UINT8", "result": "FLOAT"}, "uint8"),
        ({"last": True}, "channels last"),
        ({"kind": "UINT8", "last": True, "batch": 1}, "uint8, channels last"),
        ({"kind": "DOUBLE"}, ""),
    ],
    ids=str,
)
def test_every_form_of_input_is_what_it_is(tmp_path, form, description, size):
    spec = Catalog.load().models[f"onnx:{write(tmp_path / 'net.onnx', **form)}"]
    assert spec.summary == f"net.onnx, run by onnxruntime{f' ({description})' if description else ''}"
    lr = torch.randint(0, 256, (2, 3, *size), generator=torch.Generator().manual_seed(0)) / 255
    sr = upscale(build_net(spec, 2, CPU, spec.file), lr, 2, spec.multiple)
    torch.testing.assert_close(sr, nearest(lr, 2), rtol=0, atol=1e-6)


@pytest.mark.parametrize("form", [{}, {"sides": (16, 24)}, {"kind": "UINT8", "last": True}], ids=str)
def test_luma_alone_is_enlarged_and_colour_bicubic(tmp_path, form):
    spec = Catalog.load().models[f"onnx:{write(tmp_path / 'net.onnx', channels=1, **form)}"]
    assert "luma alone, colour by bicubic" in spec.summary
    coarse = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    lr = torch.nn.functional.interpolate(coarse, size=(20, 30), mode="bilinear")
    sr = upscale(build_net(spec, 2, CPU, spec.file), lr, 2, spec.multiple)
    to_ycc = skimage.color.rgb2ycbcr  # in studio range: a linear function of the luma and colour of JPEG
    actual, small = (to_ycc(image[0].permute(1, 2, 0).double().numpy()) for image in (sr, lr))
    tolerance = 0.6 if form.get("kind") == "UINT8" else 1e-3
    np.testing.assert_allclose(actual[..., 0], small[..., 0].repeat(2, 0).repeat(2, 1), atol=tolerance)
    colour = [
        np.array(Image.fromarray(small[..., c].astype(np.float32)).resize((60, 40), Image.BICUBIC)) for c in (1, 2)
    ]
    np.testing.assert_allclose(actual[4:-4, 4:-4, 1:], np.stack(colour, -1)[4:-4, 4:-4], atol=0.5)


def test_the_smallest_size_of_a_graph_is_measured(tmp_path):
    path = write(tmp_path / "net.onnx", smallest=20)
    spec = Catalog.load().models[f"onnx:{path}"]
    assert (spec.smallest, spec.multiple) == (20, 1)
    lr = torch.rand(1, 3, 5, 30)
    sr = upscale(build_net(spec, 2, CPU, path), lr, 2, spec.multiple, smallest=spec.smallest)
    assert torch.equal(sr, nearest(lr, 2))


def test_damaged_files_and_a_missing_extra_are_said(tmp_path, monkeypatch):
    (tmp_path / "junk.onnx").write_bytes(b"\x08junk" * 20)
    with pytest.raises(UsageError, match=r"junk\.onnx: (onnxruntime cannot open it|is damaged or no ONNX file)"):
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
