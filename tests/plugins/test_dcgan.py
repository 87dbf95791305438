"""DCGAN: the paper's layers, an encoding of the LR in the place of noise, and learning."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from srbench.errors import UsageError
from srbench_plugins.dcgan.network import Discriminator, Generator


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_generator_makes_64_pixels_of_a_code_of_4x4_by_four_transposed_convolutions(scale):
    net = Generator(scale)
    codes = []
    first = next(module for module in net.layers if isinstance(module, nn.ConvTranspose2d))
    first.register_forward_pre_hook(lambda _, given: codes.append(given[0].shape))
    assert net(torch.rand(2, 3, 64 // scale, 64 // scale)).shape == (2, 3, 64, 64)
    assert codes == [(2, 256, 4, 4)]
    kinds = [type(module) for module in net.layers]
    assert kinds.count(nn.ConvTranspose2d) == 4
    assert kinds[-1] is nn.Tanh
    assert nn.MaxPool2d not in kinds


def test_output_depends_on_the_lr_and_stays_in_range():
    net = Generator(4)
    first, second = net(torch.rand(2, 3, 16, 16)), net(torch.rand(2, 3, 16, 16))
    assert not torch.equal(first, second)
    assert 0 <= float(first.detach().min()) <= float(first.detach().max()) <= 1


def test_discriminator_gives_a_logit_per_image_and_refuses_what_is_too_small():
    critic = Discriminator()
    assert critic(torch.rand(2, 3, 64, 64)).shape == critic(torch.rand(2, 3, 96, 96)).shape == (2,)
    with pytest.raises(UsageError, match="patches of at least 16 pixels"):
        critic(torch.rand(2, 3, 8, 8))


def test_weights_start_as_in_the_paper():
    torch.manual_seed(0)
    for net in (Generator(4), Discriminator()):
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.weight.numel() > 10_000:
                assert float(module.weight.detach().std()) == pytest.approx(0.02, rel=0.03)


def test_generator_learns(begin, patches):
    _, recipe, training = begin("dcgan", lr=1e-3)
    assert recipe.generator_optimizer.inner.param_groups[0]["betas"] == (0.5, 0.999)
    lr, hr = patches(4, 64)
    logs = []
    for step in range(30):
        training.begin(step)
        logs.append(recipe.step(lr, hr))
    assert logs[-1]["content"] < 0.7 * logs[0]["content"]
