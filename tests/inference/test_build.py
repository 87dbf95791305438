"""A method's network: built, given its weights, ready to infer; what is none is named."""

from __future__ import annotations

import pytest
import torch

from srbench import ModelSpec
from srbench.errors import MethodError
from srbench.inference.build import build_net


def test_weights_that_are_missing_or_do_not_fit_are_named(tmp_path):
    from safetensors.torch import save_file

    def build(scale):
        return torch.nn.Conv2d(3, 3, 1)

    def recipe(net, training):
        return None

    spec = ModelSpec(name="a", summary="b", scales={2}, build=build, recipe=recipe)
    with pytest.raises(MethodError, match="no weights for x2"):
        build_net(spec, 2, torch.device("cpu"))
    path = tmp_path / "w.safetensors"
    save_file({"weight": torch.zeros(5)}, path)
    with pytest.raises(
        MethodError, match=r"w\.safetensors: are for another network \(bias is missing, expected \(3,\)\)"
    ):
        build_net(spec, 2, torch.device("cpu"), path)
    path.write_bytes(b"no weights at all")
    with pytest.raises(MethodError, match=r"w\.safetensors: cannot be read, damaged"):
        build_net(spec, 2, torch.device("cpu"), path)
    save_file({"weight": torch.ones(3, 3, 1, 1), "bias": torch.zeros(3)}, path)
    net = build_net(spec, 2, torch.device("cpu"), path)
    assert not net.training
    assert float(net(torch.ones(1, 3, 1, 1)).detach().sum()) == 9
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_what_is_no_module_is_named():
    spec = ModelSpec(name="a", summary="b", scales={2}, build=lambda scale: "net")
    with pytest.raises(MethodError, match=r"build\(2\) returned str"):
        build_net(spec, 2, torch.device("cpu"))
