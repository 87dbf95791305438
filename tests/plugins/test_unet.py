"""U-Net, pix2pix and NoGAN: form, start, checkerboards, what the critic sees, the adaptive switch."""

from __future__ import annotations

import copy
import importlib

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.resize import imresize

NAMES = ("unet", "unet-perceptual", "unet-perceptual-gram", "unet-gan", "pix2pix")


def test_all_are_one_network_of_at_most_2_million_parameters():
    models = Catalog.load().models
    forms = [[(n, p.shape) for n, p in models[name].build(4).named_parameters()] for name in NAMES]
    assert all(form == forms[0] for form in forms)
    assert sum(shape.numel() for _, shape in forms[0]) <= 2_000_000


def test_every_level_has_its_skip_connection():
    net = Catalog.load().models["unet"].build(4)
    torch.nn.init.normal_(net.last[0].weight, std=0.1)
    lr = torch.rand(1, 3, 8, 8)
    whole = net(lr)
    for i, merge in enumerate(net.merge):
        channels = merge[0][0].in_channels // 2

        def without_skip(_module, given, channels=channels):
            x = given[0].clone()
            x[:, channels:] = 0
            return (x,)

        handle = merge.register_forward_pre_hook(without_skip)
        assert not torch.equal(net(lr), whole), f"level {i}"
        handle.remove()
    assert torch.equal(net(lr), whole)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_training_starts_from_bicubic(scale):
    lr = torch.rand(1, 3, 7, 9)
    sr = Catalog.load().models["unet"].build(scale)(lr)
    torch.testing.assert_close(sr, imresize(lr, (7 * scale, 9 * scale)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["unet", "ae-mse", "cyclegan"])
def test_enlargement_starts_without_checkerboard(name):
    """A flat image gives a flat image, away from the border, whatever the weights in front of the pixel shuffles."""
    torch.manual_seed(0)
    spec = Catalog.load().models[name]
    net = spec.build(2).eval()
    if name == "unet":
        from srbench.blocks import icnr_

        icnr_(net.last[0].weight, 2)
    size = 2 * spec.halo + 16
    sr = net(torch.full((1, 3, size, size), 0.3)).detach()[
        ..., 2 * spec.halo : -2 * spec.halo, 2 * spec.halo : -2 * spec.halo
    ]
    assert (sr - sr[..., :1, :1]).abs().max() < 1e-5


def test_pix2pix_weighs_l1_a_hundredfold_and_shows_pairs(begin, patches):
    net, recipe, _ = begin("pix2pix", lr=1e-3)
    assert recipe.training.settings.patch > 70
    assert recipe.content.text == "l1"
    assert recipe.weight * 100 == pytest.approx(1)
    seen = []
    recipe.bare_critic.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    lr, hr = patches(2, 96)
    before = float((net(lr) - hr).detach().abs().mean())
    logs = recipe.step(lr, hr)
    assert [tuple(pair.shape) for pair in seen] == [(2, 6, 96, 96)] * 3
    torch.testing.assert_close(seen[0], torch.cat([imresize(lr, (96, 96)), hr], dim=1))
    assert recipe.bare_critic(seen[0]).shape == (2, 1, 10, 10)
    assert {"critic", "content", "adversarial"} <= set(logs)
    for _ in range(15):
        recipe.step(lr, hr)
    assert float((net(lr) - hr).detach().abs().mean()) < before


def changed(module, before):
    return any(not torch.equal(a, b) for a, b in zip(module.state_dict().values(), before, strict=True))


def snapshot(module):
    return [value.clone() for value in module.state_dict().values()]


def test_nogan_goes_through_its_phases(begin, patches):
    net, recipe, training = begin("unet-gan", steps=10, lr=1e-3)
    critic = recipe.gan.bare_critic
    phases = {}
    for step in range(10):
        training.begin(step)
        before = snapshot(net), snapshot(critic)
        logs = recipe.step(*patches(2, 32, seed=step))
        phases[step] = changed(net, before[0]), changed(critic, before[1])
        assert ("content" in logs) == (step != 5)
        assert ("generator_moves" in logs) == (step >= 6)
        if step >= 6:
            assert phases[step][0] == bool(logs["generator_moves"])
        rate = recipe.gan.generator_optimizer.inner.param_groups[0]["lr"]
        assert rate == pytest.approx(5e-3 if step < 5 else 1e-3)
    assert [phases[step] for step in range(6)] == [(True, False)] * 5 + [(False, True)]
    assert all(moved for _, moved in list(phases.values())[6:])


@pytest.mark.parametrize("parts", [1, 2])
def test_adaptive_switch_equals_one_that_looks(begin, patches, parts):
    """A training with Python's if on the critic's loss ends with the same bits, those of Adam's state included."""
    judged = [1.4, 1.2, 1.39, 1.1, 1.0, 1.5, 1.45, 1.25]

    def follow(*, looks):
        net, recipe, training = begin("unet-gan", steps=20, parts=parts)
        judge, please_if = recipe.gan.judge, recipe._update_generator_if_useful
        optimizer, moves = recipe.gan.generator_optimizer, []

        def said(lr, real, fake):
            return {**judge(lr, real, fake), "critic": torch.tensor(judged[training.step_number % len(judged)])}

        def look(loss, lr, hr):
            weights, adam = copy.deepcopy(net.state_dict()), copy.deepcopy(optimizer.state_dict())
            logs = recipe.gan.please(lr, hr)
            if float(loss) / 2 >= 0.65:
                net.load_state_dict(weights)
                optimizer.load_state_dict(adam)
            return logs

        recipe.gan.judge, recipe._update_generator_if_useful = said, look if looks else please_if
        for step in range(20):
            training.begin(step)
            for part in range(parts):
                training.part = part
                logs = recipe.step(*patches(1, 32, seed=2 * step + part))
            moves += [float(logs["generator_moves"])] if "generator_moves" in logs else []
        return net.state_dict(), optimizer.state_dict()["state"], moves

    weights, adam, moves = follow(looks=False)
    expected, expected_adam, _ = follow(looks=True)
    assert moves == [float(judged[step % 8] / 2 < 0.65) for step in range(12, 20)]
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    for i, state in expected_adam.items():
        assert all(torch.equal(adam[i][name], value) for name, value in state.items())


def test_adaptive_switch_holds_the_generator_still_or_lets_it_go(begin, patches, monkeypatch):
    nogan = importlib.import_module("srbench_plugins.unet.recipe")
    for threshold, moves in ((-1.0, False), (10.0, True)):
        monkeypatch.setattr(nogan, "THRESHOLD", threshold)
        net, recipe, training = begin("unet-gan", steps=4)
        for step in range(3):
            training.begin(step)
            recipe.step(*patches(2, 32, seed=step))
        before = snapshot(net)
        training.begin(3)
        recipe.step(*patches(2, 32))
        assert changed(net, before) == moves
        counts = {int(state["step"]) for state in recipe.gan.generator_optimizer.state_dict()["state"].values()}
        assert counts == {3 if moves else 2}


def test_loss_of_another_layer_is_named_on_the_card(begin, mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    _, _, training = begin("unet-perceptual", loss="vgg16.relu2_2", patch=32)
    assert training.default_loss == "vgg16.relu3_3+100*mse"
    assert training.loss_networks["vgg16.relu2_2"].endswith("relu2_2")
