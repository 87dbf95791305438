"""EDSR, RDN, DBPN and ESRGAN have the papers' form; large networks are counted and measured without being filled."""

from __future__ import annotations

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench_plugins.dbpn.network import DBPN
from srbench_plugins.edsr.network import EDSR
from srbench_plugins.esrgan.network import Discriminator, RRDBNet
from srbench_plugins.rdn.network import RDN

CATALOG = Catalog.load()
PARAMETERS = {
    # EDSR-PyTorch, and the tables of later work: 1,518K, 43,090K
    ("edsr", 4): 1_517_571,
    ("edsr-large", 4): 43_089_923,
    ("edsr", 2): 1_369_859,
    # RRDBNet of ESRGAN's authors, 23 blocks
    ("rrdb", 4): 16_697_987,
    ("esrgan", 4): 16_697_987,
    # printed in thousands: 22,123K, 22,308K, 22,271K
    ("rdn", 2): 22_123_395,
    ("rdn", 3): 22_308_035,
    ("rdn", 4): 22_271_107,
    # printed in thousands: 5,953K, 10,426K
    ("dbpn", 2): 5_953_526,
    ("dbpn", 4): 10_426_358,
    # 16 blocks with batch norm: about 1.55 M
    ("srresnet", 4): 1_547_350,
}
THIN = {
    "edsr": lambda scale: EDSR(scale, channels=2),
    "edsr-large": lambda scale: EDSR(scale, blocks=32, channels=2),
    "rdn": lambda scale: RDN(scale, growth=2, channels=2),
    "dbpn": lambda scale: DBPN(scale, features=2, channels=2),
    "rrdb": lambda scale: RRDBNet(scale, channels=2, growth=2),
    "rrdb-small": lambda scale: RRDBNet(scale, blocks=4, channels=2, growth=2),
}
"""As deep as the method, with as few channels as will do."""


def unfilled(name, scale):
    """Build a network whose weights take no memory."""
    with torch.device("meta"):
        return CATALOG.models[name].build(scale)


@pytest.mark.parametrize(("name", "scale"), PARAMETERS)
def test_parameters_are_as_many_as_published(name, scale):
    assert sum(p.numel() for p in unfilled(name, scale).parameters()) == PARAMETERS[name, scale]


def test_the_small_variant_has_a_twentieth():
    small, whole = (sum(p.numel() for p in unfilled(name, 4).parameters()) for name in ("rrdb-small", "rrdb"))
    assert 18 < whole / small < 25


@pytest.mark.parametrize(
    ("name", "scale"), [(name, scale) for name in THIN for scale in sorted(CATALOG.models[name].scales)]
)
def test_any_size_comes_out_exactly_scale_times_as_large(name, scale):
    net = unfilled(name, scale)
    for height, width in ((1, 1), (7, 5), (9, 16)):
        sr = net(torch.empty(2, 3, height, width, device="meta"))
        assert sr.shape == (2, 3, height * scale, width * scale)


@pytest.mark.parametrize("name", THIN)
def test_thin_networks_are_the_methods_but_for_their_channels(name):
    def layers(net):
        return [type(module).__name__ for module in net.modules()]

    assert layers(THIN[name](4)) == layers(unfilled(name, 4))


@pytest.mark.parametrize("name", THIN)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_halo_is_the_reach_of_the_network(name, scale):
    """What is not a number makes all that it reaches no number."""
    net, halo = THIN[name](scale).eval().double(), CATALOG.models[name].halo
    middle = halo + 3
    lr = torch.zeros(1, 3, 2 * middle + 1, 2, dtype=torch.float64)
    lr[:, :, middle] = torch.nan
    with torch.inference_mode():
        touched = net(lr).isnan().any(dim=3)[0, 0].nonzero().flatten()
    reach = int((touched // scale - middle).abs().max())
    assert reach <= halo
    if scale == 2:  # where the kernels of the last layers weigh most
        assert reach == halo


def test_back_projection_corrects_by_what_is_lost_on_the_way():
    """With identities for the way there and back nothing is lost, so nothing is corrected."""
    unit = DBPN(2, features=4, channels=4).up[0]
    unit.first = unit.back = unit.second = torch.nn.Identity()
    x = torch.rand(1, 4, 5, 5)
    assert torch.equal(unit(x), x)


def test_discriminator_has_as_many_parameters_as_its_layers_by_hand():
    widths = [(3, 64, 9, 1)]
    widths += [(64, 64, 16, 0), (64, 128, 9, 0), (128, 128, 16, 0), (128, 256, 9, 0), (256, 256, 16, 0)]
    widths += [(256, 512, 9, 0), (512, 512, 16, 0), (512, 512, 9, 0), (512, 512, 16, 0)]
    convolutions = sum(a * b * kernel + b * bias for a, b, kernel, bias in widths)
    norms = sum(2 * b for _, b, _, bias in widths if not bias)
    with torch.device("meta"):
        critic = Discriminator()
    expected = convolutions + norms + 512 * 16 * 100 + 100 + 100 + 1
    assert sum(p.numel() for p in critic.parameters()) == expected
    for patch in (128, 64):
        assert critic(torch.empty(2, 3, patch, patch, device="meta")).shape == (2,)


@pytest.mark.parametrize("name", ["edsr", "rrdb-small"])
def test_recipe_lowers_its_loss(begin, photographs, name):
    _, recipe, _ = begin(name, lr=1e-3, schedule="constant")
    losses = [float(recipe.step(*photographs(2, 32, seed=step % 2))["loss"]) for step in range(16)]
    assert sum(losses[-2:]) < 0.7 * sum(losses[:2])


def test_esrgan_small_moves_both_and_says_its_objective(begin, photographs):
    net, recipe, _ = begin("esrgan-small", loss="l1")
    before = [p.detach().clone() for p in net.parameters()]
    logs = recipe.step(*photographs(4, 64))
    assert all(torch.isfinite(value) for value in logs.values())
    assert not any(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    assert "min D: mean BCE(D(y) - mean D(G(x)), 1) + mean BCE(D(G(x)) - mean D(y), 0)" in recipe.formula
