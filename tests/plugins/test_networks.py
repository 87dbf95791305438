"""SRCNN, ESPCN, SRResNet and its discriminator have the papers' form."""

from __future__ import annotations

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench_plugins import espcn, srcnn, srresnet

SPECS = {spec.name: spec for spec in (*srresnet.srbench_models(), *espcn.srbench_models(), *srcnn.srbench_models())}


def test_generator_has_as_many_parameters_as_its_layers_by_hand():
    conv = 64 * 64 * 9
    block = 2 * conv + 2 * 128 + 1
    head, after = 3 * 64 * 81 + 64 + 1, conv + 128
    stage, last = 64 * 256 * 9 + 256 + 1, 64 * 3 * 81 + 3
    expected = head + 16 * block + after + 2 * stage + last
    assert sum(p.numel() for p in SPECS["srresnet"].build(4).parameters()) == expected


def test_discriminator_has_as_many_parameters_as_its_layers_by_hand():
    from srbench_plugins.srresnet.network import Discriminator

    widths = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    expected = 3 * 64 * 9 + 64 + sum(a * b * 9 + 2 * b for a, b in widths)
    expected += 512 * 36 * 1024 + 1024 + 1024 + 1
    critic = Discriminator()
    assert sum(p.numel() for p in critic.parameters()) == expected
    assert critic(torch.rand(2, 3, 96, 96)).shape == critic(torch.rand(2, 3, 64, 64)).shape == (2,)


def test_virtual_batch_norm_is_batch_norm_of_the_reference_and_one_image():
    from srbench_plugins.srresnet.network import VirtualBatchNorm2d

    generator = torch.Generator().manual_seed(0)
    references, images = (torch.randn(n, 4, 5, 6, generator=generator) * 3 + 1 for n in (6, 3))
    result = VirtualBatchNorm2d(4)(torch.cat([references, images]), 6)
    batch_norm = torch.nn.BatchNorm2d(4).train()
    assert torch.allclose(result[:6], batch_norm(references), atol=1e-5)
    for image, normalised in zip(images, result[6:], strict=True):
        expected = batch_norm(torch.cat([references, image[None]]))[-1]
        assert torch.allclose(normalised, expected, atol=1e-5)


def test_virtual_batch_norm_judges_each_image_by_itself_and_keeps_its_reference():
    from srbench_plugins.srresnet.network import Discriminator

    first, images = torch.rand(3, 3, 32, 32), torch.rand(4, 3, 32, 32)
    critic = Discriminator(norm="virtual")
    critic(first)
    together = critic(images)
    assert torch.allclose(together, torch.cat([critic(image[None]) for image in images]), atol=1e-5)
    assert torch.equal(critic.reference, first)
    again = Discriminator(norm="virtual")
    again.load_state_dict(critic.state_dict())
    assert torch.equal(again(images), together)
    plain = Discriminator(norm="batch")
    assert not torch.allclose(plain(images)[:1], plain(images[:1]), atol=1e-3)


@pytest.mark.parametrize(("name", "unlike"), [("srresnet-resize", "PixelShuffle"), ("srresnet-nobn", "BatchNorm2d")])
def test_variants_are_built_without_what_they_leave_out(name, unlike):
    def layers(name):
        return {type(module).__name__ for module in SPECS[name].build(4).modules()}

    assert unlike in layers("srresnet") - layers(name)


@pytest.mark.parametrize(
    ("name", "scale"),
    [(n, s) for n in ("srresnet", "srresnet-resize", "espcn", "srcnn") for s in sorted(SPECS[n].scales)],
)
def test_output_has_the_size_asked_for(name, scale):
    assert SPECS[name].build(scale)(torch.rand(1, 3, 9, 10)).shape == (1, 3, 9 * scale, 10 * scale)


@pytest.mark.parametrize("name", ["srresnet", "espcn", "srcnn"])
@pytest.mark.parametrize("scale", [2, 3])
def test_halo_is_the_reach_of_the_network(name, scale):
    net = SPECS[name].build(scale).eval()
    halo = SPECS[name].halo
    with torch.no_grad():
        for parameter in net.parameters():  # positive weights, so that nothing cancels
            parameter.copy_(parameter.abs() + 1e-3)
    middle = halo + 5
    lr = torch.rand(1, 3, 2 * middle + 1, 3, requires_grad=True)
    row = net(lr)[0, :, middle * scale : (middle + 1) * scale, scale : 2 * scale]
    row.double().sum().backward()
    touched = lr.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten() - middle
    assert int(touched.abs().max()) <= halo
    assert int(touched.abs().max()) >= halo - 2


@pytest.mark.parametrize("name", ["espcn", "srcnn"])
def test_residual_networks_start_from_bicubic(name):
    from srbench.resize import imresize

    lr = torch.rand(1, 3, 12, 13)
    assert torch.allclose(SPECS[name].build(3)(lr), imresize(lr, (36, 39)))


def test_srgan_says_what_it_stands_for():
    assert Catalog.load().models["srgan"].name == "srgan-vgg22"
