"""``info``: every shipped method has its text, and what is printed equals what others count."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from srbench.catalog.catalog import Catalog
from srbench.cli import main
from srbench.cli.info import info_command
from srbench.errors import SpecError
from srbench.inference.layers import inspect_network
from srbench.training.recipes import expression

CATALOG = Catalog.load()
METHODS = sorted(CATALOG.models.specs)
SMALL = 16
FAULTY = Path(__file__).parents[1] / "plugin_files" / "faulty.py"


def info(*args):
    done = CliRunner().invoke(info_command, [*map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("name", METHODS)
def test_every_shipped_method_has_its_text(name):
    about = CATALOG.models[name].read_about()
    sentences = re.findall(r"[.?!](?=\s|$)", about.replace("et al.", "et al"))
    assert len(sentences) >= 4
    assert 400 < len(about) < 2500
    assert "{" not in about


def test_no_two_methods_have_the_same_text():
    assert len({spec.read_about() for spec in CATALOG.models.specs.values()}) == len(METHODS)


def test_a_missing_about_file_is_one_error_that_names_plugin_and_file(tmp_path):
    plugin = tmp_path / "lonely.py"
    plugin.write_text(
        "from pathlib import Path\n"
        "from srbench import ModelSpec, hookimpl\n"
        "@hookimpl\n"
        "def srbench_models():\n"
        "    about = Path(__file__).with_name('lonely.md')\n"
        "    return [ModelSpec(name='lonely', summary='s', scales={2}, build=lambda scale: None, about=about)]\n"
    )
    done = CliRunner().invoke(info_command, ["lonely", "--plugin", str(plugin)])
    assert isinstance(done.exception, SpecError)
    text = str(done.exception)
    assert text.startswith("plugin lonely")
    assert f"about file {tmp_path / 'lonely.md'} cannot be read (No such file or directory)" in text
    assert "\n" not in text


def test_every_shipped_loss_has_its_formula():
    for spec in CATALOG.losses.specs.values():
        assert "ŷ" in spec.formula, spec.name


def counted(net, multiple):
    """Count parameters by their tensors, and MACs by hand from what goes through each convolution."""
    macs = 0

    def count(conv, _given, out):
        nonlocal macs
        if isinstance(conv, torch.nn.ConvTranspose2d):
            macs += conv.weight.numel() * _given[0][0, 0].numel()
        else:
            macs += conv.weight.numel() * out[0, 0].numel()

    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.register_forward_hook(count)
    size = SMALL + -SMALL % multiple
    with torch.inference_mode():
        net(torch.zeros(1, 3, size, size))
    return sum(value.numel() for value in dict(net.named_parameters()).values()), macs


@pytest.mark.parametrize("name", METHODS)
def test_numbers_equal_independent_counts(name, monkeypatch):
    monkeypatch.setattr(
        "srbench.inference.layers.SIZE", SMALL
    )  # what is counted grows with the pixels, and so does the time
    spec = CATALOG.models[name]
    scale = min(spec.scales)
    facts = json.loads(info(name, "--scale", scale, "--format", "json"))
    network = facts["network"]
    net = spec.build(scale).eval()
    params, macs = counted(net, spec.multiple)
    assert network["params"] == params
    matrices = 0 if spec.recipe else network["macs"]  # interpolation multiplies no convolutions
    assert network["macs"] - matrices == macs
    assert network["sr"] == [3, network["lr"][1] * scale, network["lr"][2] * scale]
    assert sum(layer["params"] for layer in network["layers"] if not layer["depth"]) == params
    if not spec.recipe:
        assert facts["recipe"] is None
        return
    recipe = facts["recipe"]
    text = recipe["settings"]["loss"]
    assert [(term["weight"], term["name"]) for term in recipe["terms"]] == list(expression.parse(text))
    assert all(term["formula"] for term in recipe["terms"])
    assert any(learner["params"] >= params for learner in recipe["learners"])


@pytest.mark.parametrize("name", ["srcnn", "srgan", "vae", "cyclegan", "unet-gan"])
def test_settings_are_those_that_a_training_would_have(name):
    """Build net and recipe as a training does, and look at the very objects."""
    from srbench.errors import AssetError
    from srbench.training import Training
    from srbench.training.fabric import make_fabric
    from srbench.training.recipes.session import Overrides

    spec = CATALOG.models[name]
    training = Training(make_fabric("cpu", "fp32"), CATALOG, Overrides(), 4)
    with contextlib.suppress(AssetError):  # settings are chosen before losses are built
        spec.recipe(spec.build(4), training)
    recipe = json.loads(info(name, "--format", "json"))["recipe"]
    assert recipe["settings"] == vars(training.settings)


def test_srgans_numbers_are_the_papers():
    """Ledig et al. 2017, section 2.2: the adversarial part has 10^-3; figure 4: the first layer, 16 blocks."""
    text = info("srgan")
    assert "min G: loss(G(x), y) + 0.001 · mean softplus(-D(G(x)))" in text
    assert re.search(r"head\.0 +\| Conv2d 9x9, 3 to 64 ", text)
    assert re.search(r"body\.0 to 15 +\| 16 times ResidualBlock ", text)
    assert "starts from the weights of srresnet" in text


def test_objectives_say_what_the_step_does():
    assert "10 · mean (‖∇D" in info("wgan-gp")
    assert "±0.01" in info("wgan")
    assert "5 updates of D" in info("wgan")
    assert "D(x↑, y)" in info("pix2pix")
    assert "first 15000 steps" in info("vae")


def test_a_loss_that_cannot_be_built_is_said(monkeypatch):
    def refused(*_args, **_kwargs):
        raise AssertionError("nothing may be downloaded to be explained")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refused)
    text = info("srresnet-vgg54")
    assert "cannot be built here: backbone vgg19 is missing" in " ".join(text.split())
    assert "relu5_4 of VGG19" in text
    assert re.search(r"batch +\| 16 ", text)


def test_published_figures_and_alias():
    text = info("bicubic")
    assert re.search(r"set5 x4 +\| psnr +\| +28\.42 \| y-uint8", text)
    assert "Has no parameters to train." in text
    assert info("srgan") == info("srgan-vgg22")


def test_the_card_of_the_weights_that_a_run_takes(tmp_path):
    from srbench.store.weights import NAME, save_weights, trained_folder

    assert "None yet; train them: srbench train espcn --scale 3" in info("espcn", "--scale", 3)
    card = {"method": "espcn", "scale": 3, "steps_done": 1234, "loss": "l1", "degradation": "crappify/1"}
    save_weights(CATALOG.models["espcn"].build(3), trained_folder("espcn", 3) / NAME, card)
    text = info("espcn", "--scale", 3)
    assert re.search(r"steps_done +\| 1234 ", text)
    assert "trained on LR by crappify/1, not by bicubic" in text
    assert json.loads(info("espcn", "--scale", 3, "--format", "json"))["weights"]["card"]["steps_done"] == 1234


def test_names_and_scales_that_do_not_exist(monkeypatch, capsys):
    for args, said in (
        (["sragn"], "did you mean 'srgan'?"),
        (["espcn", "--scale", "8"], "espcn does not do x8; it does x2, x3, x4"),
        (["raises", "--scale", "2", "--plugin", str(FAULTY)], "the network fails on LR"),
    ):
        monkeypatch.setattr(sys, "argv", ["srbench", "info", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (1, 2)
        err = capsys.readouterr().err
        assert said in err
        assert "bug to report" not in err


def test_alike_modules_are_one_line_and_own_parameters_are_counted():
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.ones(5))
            block = [torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.ReLU()) for _ in range(3)]
            self.blocks = torch.nn.ModuleList([*block, torch.nn.Sequential(torch.nn.Conv2d(3, 12, 1))])
            self.unused = torch.nn.Linear(2, 2)

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return torch.nn.functional.pixel_shuffle(x, 2)

    found = inspect_network(Odd(), multiple=24)
    assert found.lr == (3, 48, 48)
    assert found.sr == (3, 96, 96)
    assert found.params == 5 + 3 * 12 + 48 + 6
    assert found.macs == 48 * 48 * (3 * 9 + 36)
    lines = [(layer.name, layer.count, layer.shape, layer.params) for layer in found.layers if layer.depth < 2]
    assert lines == [
        ("(own)", 1, (), 5),
        ("blocks", 1, (), 84),
        ("blocks.0 to 2", 3, (3, 48, 48), 36),
        ("blocks.3", 1, (12, 48, 48), 48),
        ("unused", 1, (), 6),
    ]
