"""``export``: what onnxruntime makes of the file equals torch's output, or the file is not kept."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from srbench.catalog.catalog import Catalog
from srbench.cli.export import export_command
from srbench.cli.run import run_command
from srbench.errors import MethodError, SRBenchError, UsageError
from srbench.inference.build import build_net
from srbench.inference.onnx import check_ready, export_onnx
from srbench.inference.upscale import upscale
from srbench.store.weights import NAME, find_weights, save_weights, trained_folder

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("onnx", "onnxruntime", "onnxscript")),
    reason="needs the extra srbench[onnx]",
)
METHODS = ("espcn", "srresnet", "unet")
CPU = torch.device("cpu")


def export(*args):
    done = CliRunner().invoke(export_command, [*map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def make_weights(method, scale=4, **card):
    """Save weights drawn at random, of which none is zero."""
    torch.manual_seed(0)
    net = Catalog.load().models[method].build(scale)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    save_weights(net, trained_folder(method, scale) / NAME, {"method": method, "scale": scale, **card})


def test_exported_networks_equal_torch_and_have_rows_of_their_own(tmp_path, save_image, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(2):
        save_image(tmp_path / "set" / f"p{i}.png", 45, 38, seed=i)
    models = Catalog.load().models
    for method in METHODS:
        make_weights(method)
        file = tmp_path / f"{method}.onnx"
        said = export(method, "--weights", "trained", "--onnx", file)
        assert f"{method} x4, trained weights " in said
        spec, exported = models[method], models[f"onnx:{file}"]
        assert exported.multiple == spec.multiple
        net = build_net(spec, 4, CPU, trained_folder(method, 4) / NAME)
        other = build_net(exported, 4, CPU, file)
        for size in ((1, 3, 1, 1), (2, 3, 13, 6), (1, 3, 17, 40)):
            lr = torch.rand(size, generator=torch.Generator().manual_seed(1))
            ours, theirs = (upscale(n, lr, 4, spec.multiple) for n in (net, other))
            torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)
            assert float((ours - ours.mean()).abs().max()) > 0.01
    methods = ",".join([*METHODS, *(f"onnx:{method}.onnx" for method in METHODS)])
    speed = ["--speed-size", "16", "--speed-seconds", "0.05", "--device", "cpu", "--inline"]
    options = ["--methods", methods, "--dataset", "set", "--metrics", "psnr", "--out", "out", *speed]
    options += [option for method in METHODS for option in ("--weights", f"{method}=trained")]
    done = CliRunner().invoke(run_command, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    board = pd.read_csv(tmp_path / "out" / "leaderboard.csv").set_index("method")
    assert (board.status == "ok").all()
    for method in METHODS:
        assert board.psnr[f"onnx:{method}"] == pytest.approx(board.psnr[method], abs=0.01)
        assert board.weights[f"onnx:{method}"] != board.weights[method]
        assert board.params[f"onnx:{method}"] == pytest.approx(board.params[method], rel=0.01)
        assert pd.isna(board.macs[f"onnx:{method}"])
        assert board.macs[method] > 0


def test_the_file_says_what_it_is_and_takes_any_size(tmp_path):
    make_weights("espcn", 2, degradation="crappify/1")
    weights = trained_folder("espcn", 2) / NAME
    file = tmp_path / "new" / "net.onnx"
    export("espcn", "--scale", 2, "--weights", weights, "--onnx", file)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file))
    said = session.get_modelmeta().custom_metadata_map
    card = json.loads(weights.with_suffix(".json").read_text())
    assert said["srbench.method"] == "espcn"
    assert (said["srbench.scale"], said["srbench.multiple"]) == ("2", "1")
    assert said["srbench.weights"] == card["sha256"][:16]
    assert [type(side) for side in session.get_inputs()[0].shape] == [str, int, str, str]
    import onnx

    onnx.checker.check_model(str(file), full_check=True)
    spec = Catalog.load().models[f"onnx:{file}"]
    assert dict(spec.card) == card
    assert find_weights(spec, 2).remark == "trained on LR by crappify/1, not by bicubic"
    assert sorted(path.name for path in file.parent.iterdir()) == ["net.onnx"]


class Decides(torch.nn.Module):
    """What it does depends on the values it is given."""

    def forward(self, lr):
        sr = lr.repeat_interleave(2, -1).repeat_interleave(2, -2)
        return sr * 2 if lr.mean().item() > 0.5 else sr


class Drifts(torch.nn.Module):
    """Gives another output each time."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, lr):
        self.calls += 1
        return lr.repeat_interleave(2, -1).repeat_interleave(2, -2) + 0.001 * self.calls


def nearest(lr):
    return lr.repeat_interleave(2, -1).repeat_interleave(2, -2)


class Branches(torch.nn.Module):
    """Does another thing where a side is (not) a multiple of 8, or large."""

    def __init__(self, condition):
        super().__init__()
        self.condition = condition

    def forward(self, lr):
        return nearest(lr) * (0.4 if self.condition(*lr.shape[-2:]) else 1)


class Explodes(torch.nn.Module):
    """Sound on photographs; white noise, whose neighbours have nothing in common, makes it reach 1e20."""

    def forward(self, lr):
        steps = (lr[..., 1:] - lr[..., :-1]).abs().mean()
        return nearest(lr) + 1e22 * torch.relu(steps - 0.25) ** 2


BRANCHES = {
    "height": lambda height, width: height % 8 == 0,
    "both": lambda height, width: height % 8 == 0 and width % 8 == 0,
    "wide": lambda height, width: width > height,
}


@pytest.mark.parametrize("condition", BRANCHES)
def test_a_branch_by_the_size_is_found(tmp_path, condition):
    with pytest.raises(MethodError, match=r"'if h % 8:'|cannot be exported"):
        export_onnx(Branches(BRANCHES[condition]).eval(), 1, tmp_path / "net.onnx", {})
    assert not list(tmp_path.iterdir())


def test_a_network_that_white_noise_breaks_is_exported(tmp_path):
    noise = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    assert float(Explodes()(noise).max()) > 1e18
    exported = export_onnx(Explodes().eval(), 1, tmp_path / "net.onnx", {})
    assert exported.difference <= 1e-6
    assert not exported.remark


def test_a_smallest_size_and_a_range_are_heeded(tmp_path):
    class Picky(torch.nn.Module):
        def forward(self, lr):
            return 255 * nearest(lr) + 0 * torch.nn.functional.avg_pool2d(lr, 20, 1).mean()

    exported = export_onnx(Picky().eval(), 1, tmp_path / "net.onnx", {}, smallest=20)
    assert "it looks like 0..255" in exported.remark


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (Decides(), "the network cannot be exported to ONNX: "),
        (Drifts(), r"onnxruntime's output differs from torch's by .*, more than 0\.0001: not kept"),
    ],
)
def test_what_cannot_be_exported_is_said_and_leaves_nothing(tmp_path, net, said):
    (tmp_path / "net.onnx").write_text("before")
    with pytest.raises(MethodError, match=said) as error:
        export_onnx(net.eval(), 1, tmp_path / "net.onnx", {})
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert (tmp_path / "net.onnx").read_text() == "before"


def test_bad_requests_are_refused_before_anything_is_built(tmp_path, monkeypatch):
    file = tmp_path / "net.onnx"
    file.write_text("")
    for args, said in (
        (["espcn", "--onnx", tmp_path / "net.pt"], "must end in .onnx"),
        (["espcn", "--onnx", file], "exists already (--overwrite replaces a file)"),
        (["espcn", "--onnx", tmp_path / "new.onnx", "--scale", 3], "espcn x3: no weights for x3: 'srbench train espcn"),
        (["espcn", "--onnx", tmp_path / "new.onnx", "--scale", 8], "espcn does not do x8; it does x2, x3, x4"),
        (["srcnn", "--onnx", tmp_path / "new.onnx", "--weights", "shipped"], "--weights shipped: there are no shipped"),
        (["espn", "--onnx", tmp_path / "new.onnx"], "did you mean 'espcn'?"),
    ):
        done = CliRunner().invoke(export_command, [*map(str, args)])
        assert isinstance(done.exception, UsageError | MethodError)
        assert said in str(done.exception)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"export needs onnx, onnxruntime, onnxscript, not installed here"):
        check_ready(tmp_path / "new.onnx", overwrite=False)


def test_weights_alone_are_exported_and_found_again(tmp_path):
    make_weights("espcn", 3, steps_done=3)
    file = tmp_path / "espcn_x3.safetensors"
    said = export("espcn", "--scale", 3, "--safetensors", file)
    assert f"--weights espcn={file}" in said
    assert find_weights(Catalog.load().models["espcn"], 3, str(file)).card["steps_done"] == 3
    assert file.stat().st_size < 0.6 * (trained_folder("espcn", 3) / NAME).stat().st_size


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["espcn"], "give a file to write"),
        (["espcn", "--safetensors", "x.pth"], "must end in .safetensors"),
        (["bicubic", "--safetensors", "x.safetensors"], "there are no weights to export"),
        (["espcn", "--safetensors", "x.safetensors", "--scale", "3"], "there are no weights to export"),
    ],
)
def test_what_cannot_be_exported_is_said(args, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SRBenchError, match=said):
        export(*args)
