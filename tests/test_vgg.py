"""The layer table of VGG networks against torchvision's modules."""

from __future__ import annotations

import doctest

import pytest
import torchvision
from torch import nn

from srbench import vgg

KINDS = {"conv": nn.Conv2d, "relu": nn.ReLU}


def test_examples_in_docstrings():
    assert doctest.testmod(vgg) == (0, 1)


@pytest.mark.parametrize("network", vgg.CONVOLUTIONS)
def test_indices_are_those_of_torchvisions_modules(network):
    features = getattr(torchvision.models, network)(weights=None).features
    indices = vgg.layer_indices(network)
    for kind, module in KINDS.items():
        expected = [i for i, layer in enumerate(features) if isinstance(layer, module)]
        assert [index for name, index in indices.items() if name.startswith(kind)] == expected
    block = 1
    for index, layer in enumerate(features):
        block += isinstance(layer, nn.MaxPool2d)
        assert all(name[4] == str(block) for name, i in indices.items() if i == index)


def test_activations_are_in_order():
    assert vgg.activations("vgg16")[:3] == ["relu1_1", "relu1_2", "relu2_1"]
    assert vgg.activations("vgg16")[-1] == "relu5_3"
    assert vgg.activations("vgg19")[-1] == "relu5_4"
