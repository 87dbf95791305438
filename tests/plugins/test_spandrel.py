"""Checkpoints as methods: recognised, run as spandrel runs them, read without executing anything, refused clearly."""

from __future__ import annotations

import os
import re
import warnings
from importlib.util import find_spec

import pytest
import torch
from click.testing import CliRunner
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
        "junk.safetensors": "is damaged or no safetensors file",
        "torn.pth": "resembles a known architecture, but does not fit it",
    }.items():
        with pytest.raises(UsageError, match=said) as error:
            Catalog.load().models[f"spandrel:{tmp_path / name}"]
        assert "\n" not in str(error.value)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'srbench\[spandrel\]'"):
        Catalog.load().models[f"spandrel:{tmp_path / 'grey.pth'}"]


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
