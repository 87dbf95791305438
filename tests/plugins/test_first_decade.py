"""What auto-encoders, U-Nets, VAE, pix2pix, CycleGAN and DCGAN have in common: sizes, reach, weights, resumption."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from srbench.catalog.catalog import Catalog
from srbench.inference.build import build_net
from srbench.training.engine import train
from srbench.training.recipes.session import Overrides
from srbench.training.request import TrainRequest

NETWORKS = ("ae-mse", "unet", "vae", "cyclegan", "dcgan")
RECIPES = ("ae-mix", "unet-gan", "vae", "pix2pix", "cyclegan", "dcgan")
SPECS = Catalog.load().models
CASES = [(name, scale) for name in NETWORKS for scale in sorted(SPECS[name].scales)]


@pytest.fixture(scope="module")
def nets():
    torch.manual_seed(0)
    return {case: SPECS[case[0]].build(case[1]).eval() for case in CASES}


@pytest.mark.parametrize(("name", "scale"), CASES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(height=st.integers(1, 19), width=st.integers(1, 19))
def test_any_size_comes_out_exactly_scale_times_as_large(nets, name, scale, height, width):
    with torch.inference_mode():
        sr = nets[name, scale](torch.rand(1, 3, height, width))
    assert sr.shape == (1, 3, height * scale, width * scale)
    assert torch.isfinite(sr).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_reference_weights_fit_in_4_megabytes_of_fp16(name):
    for scale in SPECS[name].scales:
        assert sum(p.numel() for p in SPECS[name].build(scale).parameters()) <= 2_000_000


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("scale", [2, 4])
def test_halo_is_the_reach_of_the_network(name, scale):
    """Of each LR row of one period of the network's grid; the scale of 2 reaches farthest."""
    net, spec = SPECS[name].build(scale).eval().double(), SPECS[name]
    with torch.no_grad():
        for parameter in net.parameters():  # positive means, so that nothing cancels and nothing saturates
            if parameter.ndim == 4:
                parameter.copy_((parameter.abs() + 0.01) / (parameter.abs() + 0.01).sum() * len(parameter))
            else:
                parameter.zero_()
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(1)
    middle = -(-(spec.halo + 1) // spec.multiple) * spec.multiple
    reach = 0
    for row in range(middle, middle + spec.multiple):
        lr = torch.full((1, 3, 2 * middle + spec.multiple, spec.multiple), 0.9, dtype=torch.float64, requires_grad=True)
        net(lr)[..., row * scale : (row + 1) * scale, :].sum().backward()
        touched = lr.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten() - row
        reach = max(reach, int(touched.abs().max()))
    assert reach <= spec.halo
    if scale == 2:
        assert reach == spec.halo


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_in_parts_and_in_bf16_logs_finite_tensors(begin, patches, name):
    _, recipe, training = begin(name, parts=2, precision="bf16", steps=2)
    for step in range(2):
        training.begin(step)
        for part in range(2):
            training.part = part
            logs = recipe.step(*patches(2, 32, seed=step))
    assert all(torch.isfinite(value) and not value.requires_grad for value in logs.values())


class Ui:
    """A user interface that says nothing, and pulls the plug after some steps."""

    def __init__(self, steps=-1):
        self.left = steps

    def note(self, text):
        pass

    warn = note

    @contextmanager
    def track(self, what, total):
        def advance(detail):
            self.left -= 1
            if not self.left:
                raise PowerCut

        yield advance


class PowerCut(Exception):  # noqa: N818
    """What no part of srbench catches."""


@pytest.mark.parametrize("name", RECIPES)
def test_cut_off_and_resumed_gives_the_same_bits_and_the_weights_the_same_output(
    name, tmp_path, save_image, monkeypatch
):
    for i in range(2):
        save_image(tmp_path / "train" / f"t{i}.png", 60, 56, seed=i)
    save_image(tmp_path / "val" / "v.png", 40, 40, seed=9)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.import_module("srbench_plugins.cyclegan.recipe"), "POOL", 4)  # full before the cut
    catalog = Catalog.load()
    overrides = Overrides(batch=2, patch=32, steps=6)
    request = TrainRequest(
        name, ("train",), tmp_path / "whole", overrides=overrides, validate_on="val", save_every=2, device="cpu"
    )
    train(request, catalog, Ui())
    cut = replace(request, out=tmp_path / "cut")
    with pytest.raises(PowerCut):
        train(cut, catalog, Ui(7))
    assert torch.load(tmp_path / "cut" / "state.pt", weights_only=True)["step"] == 4
    torch.rand(7)
    train(replace(cut, resume=True), catalog, Ui())
    whole, resumed = (load_file(tmp_path / folder / "last.safetensors") for folder in ("whole", "cut"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    spec = catalog.models[name]
    first, second = (build_net(spec, 4, torch.device("cpu"), tmp_path / "cut" / "last.safetensors") for _ in range(2))
    lr = torch.rand(1, 3, 11, 13)
    assert torch.equal(first(lr), second(lr))
    assert not torch.equal(first(lr), build_net(replace(spec, recipe=None), 4, torch.device("cpu"))(lr))
