"""Checkpoints as methods: recognised, run as spandrel runs them, read without executing anything, refused clearly."""

from __future__ import annotations

import argparse
import importlib.machinery
import io
import os
import re
import subprocess
import sys
import types
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file

from srbench.catalog.catalog import Catalog
from srbench.cli.info import info_command
from srbench.cli.upscale import upscale_command
from srbench.errors import UsageError
from srbench.inference.build import build_net
from srbench.inference.upscale import upscale
from srbench_plugins.esrgan.network import RRDBNet

pytestmark = pytest.mark.skipif(find_spec("spandrel") is None, reason="needs the extra srbench[spandrel]")
CPU = torch.device("cpu")


def theirs(name: str) -> str:
    """Name a weight of RRDBNet as ESRGAN's authors do."""
    name = re.sub(r"body\.(\d+)\.body\.(\d)\.layers\.(\d)", _block, name)
    for ours, other in (
        ("head", "conv_first"),
        ("body.2.", "conv_body."),
        ("tail.0.1", "conv_up1"),
        ("tail.1.1", "conv_up2"),
        ("tail.2", "conv_hr"),
        ("tail.4", "conv_last"),
    ):
        name = name.replace(ours, other)
    return name


def _block(found: re.Match[str]) -> str:
    block, dense, layer = found.groups()
    return f"body.{block}.rdb{int(dense) + 1}.conv{int(layer) + 1}"


def compact(scale=2, channels=3):
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(0)
    return Compact(num_in_ch=channels, num_out_ch=channels, num_feat=8, num_conv=2, upscale=scale).state_dict()


@pytest.mark.parametrize("file", ["net.pth", "net.safetensors"])
def test_rrdbnet_is_that_of_another_implementation(tmp_path, file):
    torch.manual_seed(0)
    net = RRDBNet(4, blocks=2, channels=8).eval()
    state = {theirs(name): value for name, value in net.state_dict().items()}
    if file.endswith(".pth"):
        torch.save({"params_ema": state}, tmp_path / file)
    else:
        save_file(state, tmp_path / file)
    spec = Catalog.load().models[f"spandrel:{tmp_path / file}"]
    assert spec.scales == {4}
    assert "ESRGAN (8nf, 2nb)" in spec.summary
    lr = torch.rand(2, 3, 9, 7)
    result = upscale(build_net(spec, 4, CPU, spec.file), lr, 4, spec.multiple)
    torch.testing.assert_close(result, net(lr).detach().clamp(0, 1), rtol=0, atol=1e-5)


def test_the_multiple_that_a_network_needs_is_taken(tmp_path):
    from spandrel.architectures.ESRGAN import ESRGAN

    net = ESRGAN(in_nc=12, out_nc=3, num_filters=8, num_blocks=2, scale=4, shuffle_factor=2)  # Real-ESRGAN's for x2
    torch.save(net.state_dict(), tmp_path / "unshuffles.pth")
    spec = Catalog.load().models[f"spandrel:{tmp_path / 'unshuffles.pth'}"]
    assert (spec.scales, spec.multiple) == ({2}, 4)
    assert upscale(build_net(spec, 2, CPU, spec.file), torch.rand(1, 3, 5, 9), 2, spec.multiple).shape[-2:] == (10, 18)


def test_tiling_and_precision_advice_is_taken(tmp_path):
    from spandrel.architectures.SwinIR import SwinIR

    options = {"depths": [2], "embed_dim": 12, "num_heads": [2], "mlp_ratio": 2, "window_size": 8, "img_size": 16}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.meshgrid, which the architecture calls as it was called then
        net = SwinIR(upscale=2, img_range=1.0, upsampler="pixelshuffledirect", resi_connection="1conv", **options)
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, tmp_path / "swin.safetensors")
    spec = Catalog.load().models[f"spandrel:{tmp_path / 'swin.safetensors'}"]
    assert spec.halo is None  # tiling is discouraged: no tile may be taken
    assert "discouraged" in spec.about
    assert spec.precisions == {"fp32", "bf16"}
    small = torch.rand(1, 3, 1, 3)  # less than a window
    assert upscale(build_net(spec, 2, CPU, spec.file), small, 2, spec.multiple).shape == (1, 3, 2, 6)


class Opens:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_checkpoint_is_executed(tmp_path):
    torch.save({"params": compact(), "more": Opens(tmp_path / "made")}, tmp_path / "evil.pth")
    with pytest.raises(UsageError, match="holds more than tensors, which may be code and is not read"):
        Catalog.load().models[f"spandrel:{tmp_path / 'evil.pth'}"]
    assert not (tmp_path / "made").exists()


def test_what_is_no_sr_network_is_refused_with_the_reason(tmp_path, monkeypatch):
    from spandrel.architectures.DnCNN import DnCNN

    torch.save(DnCNN(in_nc=3, out_nc=3, nc=8, nb=4).state_dict(), tmp_path / "denoiser.pth")
    torch.save({"weight": torch.ones(3)}, tmp_path / "unknown.pth")
    torch.save(torch.ones(3), tmp_path / "tensor.pth")
    torch.save(compact(channels=1), tmp_path / "grey.pth")
    torch.save(compact(scale=1), tmp_path / "same.pth")
    (tmp_path / "junk.safetensors").write_bytes(b"abc" * 30)
    whole = compact()
    whole["body.2.weight"] = whole["body.2.weight"][:, :5]
    torch.save(whole, tmp_path / "torn.pth")
    for name, said in {
        "denoiser.pth": "is DnCNN, which restores images of the same size; it is not an SR network",
        "unknown.pth": "is not a checkpoint of an architecture that spandrel knows",
        "tensor.pth": "contains a Tensor, not the weights of a network",
        "grey.pth": "for 1 to 1 channels; a method takes and returns RGB",
        "same.pth": "it is not an SR network",
        "junk.safetensors": "is damaged or no safetensors file|is cut off",
        "torn.pth": "resembles a known architecture, but does not fit it",
    }.items():
        with pytest.raises(UsageError, match=said) as error:
            Catalog.load().models[f"spandrel:{tmp_path / name}"]
        assert "\n" not in str(error.value)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'srbench\[spandrel\]'"):
        Catalog.load().models[f"spandrel:{tmp_path / 'grey.pth'}"]


def prefixed(prefix, state):
    return {f"{prefix}{name}": value for name, value in state.items()}


def other(state):
    """Other weights of the same network, such as those before they were averaged."""
    return {name: value + 1 for name, value in state.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: prefixed("_orig_mod.", state),
        lambda state: {"state_dict": prefixed("model.", state), "epoch": 1, "pytorch-lightning_version": "2.1"},
        lambda state: {"state_dict": {**prefixed("net_g.", state), **prefixed("net_d.", {"w": torch.ones(2)})}},
        lambda state: {"meta": {}, "state_dict": prefixed("generator.", state)},
        lambda state: {
            "state_dict": {
                **prefixed("generator.", other(state)),
                **prefixed("generator_ema.", state),
                "step_counter": torch.tensor(1),
            }
        },
        lambda state: {"params": other(state), "params_ema": state},
        lambda state: {
            "net": prefixed("module._orig_mod.", state),
            "optimizer": {"state": {0: {"exp": torch.ones(3)}}},
        },
        lambda state: {"g": {"weights": prefixed("net._orig_mod.", state)}, "step": 5},
    ],
)
def test_prefixes_and_keys_of_frameworks_are_taken_off(tmp_path, wrap):
    from spandrel import ModelLoader

    torch.save(wrap(compact()), tmp_path / "net.ckpt")
    spec = Catalog.load().models[f"spandrel:{tmp_path / 'net.ckpt'}"]
    lr = torch.rand(1, 3, 8, 8)
    expected = ModelLoader("cpu").load_from_state_dict(compact())(lr)  # spandrel's own reading of the bare weights
    torch.testing.assert_close(build_net(spec, 2, CPU, spec.file)(lr), expected.detach(), rtol=0, atol=0)


def test_numbers_of_numpy_beside_the_weights_are_read(tmp_path):
    facts = {"best_psnr": np.float64(28.4), "step": np.int64(5), "losses": np.zeros(3, np.float32)}
    torch.save({"params": compact(), **facts}, tmp_path / "net.pth")
    assert Catalog.load().models[f"spandrel:{tmp_path / 'net.pth'}"].scales == {2}
    torch.save({"params": compact(), **facts}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert Catalog.load().models[f"spandrel:{tmp_path / 'old.pth'}"].scales == {2}


def test_other_contents_are_named_with_the_line_that_converts(tmp_path, srbench):
    path = tmp_path / "net.pth"
    content = {"args": argparse.Namespace(lr=1e-4), "opt": [{"dir": tmp_path}], "state_dict": compact()}
    torch.save(content, path)
    with pytest.raises(UsageError) as error:
        Catalog.load().models[f"spandrel:{path}"]
    said = str(error.value)
    assert (
        "it holds argparse.Namespace at 'args' and 1 more; if you trust it, save its weights alone: python -c" in said
    )
    program = said.partition('python -c "')[2].removesuffix('"')
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert Catalog.load().models[f"spandrel:{tmp_path / 'weights.pth'}"].scales == {2}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    with pytest.raises(UsageError, match=r"it holds argparse\.Namespace at 'args' and 1 more"):
        Catalog.load().models[f"spandrel:{path}"]
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(UsageError, match=r"holds torch\.nn\.modules\.linear\.Linear at its top.*\.state_dict\(\)"):
        Catalog.load().models[f"spandrel:{path}"]


def test_empty_cut_off_and_other_files_are_told_apart(tmp_path):
    torch.save(compact(), tmp_path / "whole.pth")
    torch.save(compact(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(compact(), tmp_path / "whole.safetensors")
    whole, old, safe = ((tmp_path / name).read_bytes() for name in ("whole.pth", "old.pth", "whole.safetensors"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises torch.export instead
        torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "script.pt")
    torch.save({"epoch": 3}, tmp_path / "bare.pth")
    for name, content, said in (
        ("empty.pth", b"", r"is empty \(0 bytes\)"),
        ("empty.safetensors", b"", r"is empty \(0 bytes\)"),
        ("cut.pth", whole[: len(whole) // 2], "is cut off: .* bytes of an archive without its end"),
        ("cut-old.pth", old[:300], "is cut off after 300 bytes"),
        ("cut.safetensors", safe[:-100], "is cut off: .* fewer than its header says"),
        ("cut-head.safetensors", safe[:50], "is cut off: 50 bytes are fewer than its header says"),
        ("page.pth", b"<!DOCTYPE html><html>", "is a web page, not a checkpoint"),
        ("lfs.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "is a pointer of Git LFS"),
        ("junk.pth", b"junk" * 9, "is damaged, or no checkpoint of PyTorch"),
        ("script.pt", None, "is a TorchScript program, which is code and is not run; save its weights alone: python"),
        ("bare.pth", None, "holds no tensors"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=said):
            Catalog.load().models[f"spandrel:{tmp_path / name}"]


def test_a_file_without_its_prefix_is_told_the_prefix():
    with pytest.raises(UsageError, match=r"nets/compact\.pth is a file: write spandrel:nets/compact\.pth"):
        Catalog.load().models["nets/compact.pth"]
    with pytest.raises(UsageError, match=r"net\.onnx is a file: write onnx:net\.onnx"):
        Catalog.load().models["net.onnx"]


def test_extra_architectures_are_used_where_they_are_installed(tmp_path, monkeypatch):
    from spandrel import Architecture, ArchSupport, ImageModelDescriptor

    class Doubler(Architecture):
        def __init__(self):
            super().__init__(id="Doubler", detect=lambda state: "doubles" in state)

        def load(self, state):
            facts = {"purpose": "SR", "tags": [], "supports_half": False, "supports_bfloat16": False}
            channels = {"scale": 2, "input_channels": 3, "output_channels": 3}
            net = torch.nn.Upsample(scale_factor=2)
            net.register_buffer("doubles", torch.ones(1))
            return ImageModelDescriptor(net, state, self, **facts, **channels)

    extra = types.ModuleType("spandrel_extra_arches")
    extra.__spec__ = importlib.machinery.ModuleSpec("spandrel_extra_arches", None)
    extra.EXTRA_REGISTRY = [ArchSupport.from_architecture(Doubler())]
    torch.save({"doubles": torch.ones(1)}, tmp_path / "net.pth")
    with pytest.raises(UsageError, match="its weights begin with doubles"):
        Catalog.load().models[f"spandrel:{tmp_path / 'net.pth'}"]
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches", extra)
    assert "Doubler" in Catalog.load().models[f"spandrel:{tmp_path / 'net.pth'}"].summary


def test_tiles_are_taken_where_spandrel_supports_them(tmp_path, save_image, here):
    torch.save(compact(), tmp_path / "net.pth")
    spec = Catalog.load().models[f"spandrel:{tmp_path / 'net.pth'}"]
    assert spec.halo == 8  # four convolutions of 3x3 reach 4 pixels, and 8 is the least that is tried
    save_image(tmp_path / "set" / "photo.png", 160, 120)
    for name, tile in (("whole", "off"), ("tiles", 16)):
        options = ("--scale", 2, "--tile", tile, "--device", "cpu")
        assert here("upscale", "spandrel:net.pth", "set/photo.png", f"{name}.png", *options).returncode == 0
    files = (tmp_path / "whole.png", tmp_path / "tiles.png")
    whole, tiles = (np.asarray(Image.open(io.BytesIO(file.read_bytes()))).astype(int) for file in files)
    assert whole.shape == (240, 320, 3)
    gap = np.abs(whole - tiles)
    assert gap.max() <= 1  # float32 sums in another order, on the edge between two values of 8 bits
    assert (gap > 0).mean() < 1e-4
    options = ("--dataset", "./set", "--metrics", "psnr", "--no-speed", "--tile", 16, "--out", "o")
    assert here("run", "--methods", "spandrel:net.pth", *options).returncode == 0


def test_a_network_that_sees_all_of_an_image_is_not_cut(tmp_path):
    from spandrel.architectures.RCAN import RCAN

    torch.manual_seed(0)
    net = RCAN(
        scale=2, n_resgroups=1, n_resblocks=1, n_feats=16, reduction=4
    )  # channel attention pools the whole image
    torch.save(net.state_dict(), tmp_path / "rcan.pth")
    assert Catalog.load().models[f"spandrel:{tmp_path / 'rcan.pth'}"].halo is None


def test_info_and_upscale_take_a_checkpoint(tmp_path, save_image):
    torch.save(compact(), tmp_path / "net.pth")
    name = f"spandrel:{tmp_path / 'net.pth'}"
    done = CliRunner().invoke(info_command, [name], catch_exceptions=False)
    assert "spandrel:net: net.pth: RealESRGAN Compact (8nf, 2nc)" in done.output
    photo = save_image(tmp_path / "photo.png", 30, 20)
    arguments = [name, str(photo), str(tmp_path / "large.png")]
    refused = CliRunner().invoke(upscale_command, [*arguments, "--scale", "4"])
    assert "spandrel:net does not do x4; it does x2" in str(refused.exception)
    done = CliRunner().invoke(upscale_command, [*arguments, "--scale", "2", "--device", "cpu"], catch_exceptions=False)
    assert done.exit_code == 0
    assert (tmp_path / "large.png").is_file()
