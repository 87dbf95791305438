"""Settings, schedules, and accumulation that a recipe knows nothing of."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError
from srbench.features import FeatureMaps
from srbench.training import Supervised, Training
from srbench.training.fabric import make_fabric
from srbench.training.recipes.session import Overrides, Settings

DEFAULTS = Settings("mse", 1e-2, 8, 16, 100, "constant", 0.0, 0.0)


def session(parts=1, **overrides):
    return Training(make_fabric("cpu", "fp32"), Catalog.load(), Overrides(**overrides), 2, parts)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, lr):
        return torch.nn.functional.pixel_shuffle(self.conv(lr), 2)


def test_command_line_wins_over_the_recipe():
    assert session(lr=5.0, steps=7).choose(DEFAULTS) == Settings("mse", 5.0, 8, 16, 7, "constant", 0.0, 0.0)


@pytest.mark.parametrize("wrong", [{"lr": -1.0}, {"steps": 0}, {"schedule": "up"}, {"ema": 1.0}, {"clip": -1.0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError):
        session(**wrong).choose(DEFAULTS)


@pytest.mark.parametrize(("batch", "lr"), [(8, 1e-2), (64, 1e-2), (2, 5e-3), (4, 7.07e-3)])
def test_a_smaller_batch_gets_less_by_the_square_root(batch, lr):
    chosen = session(batch=batch).choose(DEFAULTS)
    assert (chosen.lr, chosen.rise) == (lr, math.ceil(150_000 * lr))
    given = session(batch=batch, lr=0.5).choose(DEFAULTS)
    assert (given.lr, given.rise) == (0.5, 0)  # used as it is


def test_a_short_one_cycle_rises_no_faster_than_a_long_one():
    short, long = (Settings("mse", 4e-3, 16, 96, steps, "onecycle", rise=600) for steps in (300, 2000))
    rises = [b - a for a, b in zip(map(short.lr_factor, range(300)), map(short.lr_factor, range(1, 301)), strict=True)]
    steepest = 0.96 * math.pi / 2 / 600  # of half a wave from 1/25 to 1 in 600 steps
    assert max(rises) <= steepest * (1 + 1e-9)
    assert min(map(short.lr_factor, range(301))) == pytest.approx(1e-3)
    plain = Settings("mse", 4e-3, 16, 96, 2000, "onecycle")
    assert [long.lr_factor(step) for step in range(2001)] == [plain.lr_factor(step) for step in range(2001)]


def factors(schedule, steps=1000):
    settings = Settings("mse", 1, 1, 1, steps, schedule, 0, 0)
    return [settings.lr_factor(step) for step in range(steps + 1)]


def test_a_constant_rate_stays():
    assert set(factors("constant")) == {1.0}


def test_the_cosine_falls_from_1_to_0_as_half_a_wave():
    assert factors("cosine")[500] == pytest.approx(0.5, abs=1e-15)
    expected = {0: 1, 200: (2 + math.sqrt(3)) / 4, 300: (2 + math.sqrt(2)) / 4, 400: 0.75, 600: 0.5, 800: 0.25, 1200: 0}
    cosine = factors("cosine", 1200)
    assert {step: cosine[step] for step in expected} == pytest.approx(expected, abs=1e-15)


def test_one_cycle_rises_for_three_tenths_from_a_25th_and_falls_to_a_thousandth():
    """Between its ends each part is half a wave of the cosine: a quarter, a half and three quarters by angles of 60."""
    low, end = 1 / 25, 1 / 1000
    expected = {
        0: low,
        100: low + (1 - low) / 4,
        150: low + (1 - low) / 2,
        200: low + (1 - low) * 3 / 4,
        300: 1,
        650: end + (1 - end) / 2,
        1000: end,
    }
    cycle = factors("onecycle")
    assert {step: cycle[step] for step in expected} == pytest.approx(expected, abs=1e-15)
    assert max(cycle) == cycle[300]
    longer = factors("onecycle", 2100)  # a fall of 1470 steps: thirds of it are whole
    assert longer[630 + 490] == pytest.approx(end + (1 - end) * 3 / 4, abs=1e-15)
    assert longer[630 + 980] == pytest.approx(end + (1 - end) / 4, abs=1e-15)


def test_a_step_sets_its_number_and_every_rate():
    training = session(schedule="cosine", steps=4)
    training.choose(DEFAULTS)
    net = Net()
    groups = [{"params": [net.conv.weight], "lr": 0.5}, {"params": [net.conv.bias], "lr": 2.0}]
    _, optimizer = training.prepare(net, torch.optim.Adam(groups))
    for step, factor in ((0, 1), (2, 0.5), (4, 0), (1, (2 + math.sqrt(2)) / 4)):
        training.begin(step)
        assert training.step_number == step
        assert [group["lr"] for group in optimizer.inner.param_groups] == pytest.approx([0.5 * factor, 2 * factor])


def test_a_rate_that_is_a_tensor_is_set_in_place():
    training = session(schedule="cosine", steps=4)
    training.choose(DEFAULTS)
    net = Net()
    _, optimizer = training.prepare(net, torch.optim.Adam(net.parameters(), lr=0.5))
    rate = optimizer.inner.param_groups[0]["lr"] = torch.tensor(0.5)
    training.begin(2)
    assert optimizer.inner.param_groups[0]["lr"] is rate
    assert float(rate) == 0.25


def test_settings_without_a_choice_are_those_that_are_documented():
    settings = Settings("mse", 1.0, 1, 1, 1)
    chosen = (settings.schedule, settings.clip, settings.ema, settings.draws, settings.best)
    assert chosen == ("onecycle", 0.0, 0.999, 1, "psnr")


@pytest.mark.parametrize(
    "edge", [{"ema": 0.0}, {"ema": 0.999}, {"clip": 0.0}, {"lr": 1e-9}, {"batch": 1}, {"steps": 1}]
)
def test_settings_at_the_edge_of_their_range_are_taken(edge):
    (name,) = edge
    assert getattr(session(**edge).choose(DEFAULTS), name) == edge[name]


def test_a_recipe_that_never_chose_is_told_so():
    training = session()
    for ask in (lambda: training.steps, lambda: training.begin(0)):
        with pytest.raises(UsageError, match=r"must call training\.choose"):
            ask()
    training.choose(DEFAULTS)
    assert (training.steps, training.default_loss) == (100, "mse")


def test_the_recipes_own_loss_is_kept_beside_the_one_chosen():
    training = session(loss="l1")
    assert training.choose(DEFAULTS).loss == "l1"
    assert training.default_loss == "mse"


@pytest.mark.parametrize(("clip", "expected"), [(0.0, 5.0), (1.0, 1.0), (10.0, 5.0)])
def test_gradients_are_clipped_to_the_norm_chosen_when_they_are_complete(clip, expected):
    training = session(2, clip=clip)
    training.choose(DEFAULTS)
    net = torch.nn.Linear(2, 1, bias=False)
    net, optimizer = training.prepare(net, torch.optim.SGD(net.parameters(), lr=1.0))

    def norm_after(part):
        net.weight.grad = torch.tensor([[3.0, 4.0]])
        training.part = part
        training.clip(net, optimizer)
        return float(net.weight.grad.norm())

    assert norm_after(0) == 5.0
    assert norm_after(1) == pytest.approx(expected, abs=1e-4)


def test_an_optimizer_clears_before_the_first_part_and_steps_after_the_last():
    training = session(3)
    training.choose(DEFAULTS)
    net = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(net.weight, 1.0)
    net, optimizer = training.prepare(net, torch.optim.SGD(net.parameters(), lr=1.0))
    net.weight.grad = torch.full((1, 1), 99.0)
    weights = []
    for training.part in range(3):
        optimizer.zero_grad()
        training.backward(net(torch.ones(1, 1)).sum() * 0.3)
        optimizer.step()
        weights.append(float(net.weight.detach()))
    assert weights == pytest.approx([1.0, 1.0, 0.7])


def test_who_only_judges_passes_gradients_and_learns_nothing():
    training = session()
    training.choose(DEFAULTS)
    net = torch.nn.Linear(1, 1)
    net.bias.requires_grad = False
    net, _ = training.prepare(net, torch.optim.SGD([net.weight], lr=1.0))
    x = torch.ones(1, 1, requires_grad=True)
    with training.judging(net):
        assert not net.weight.requires_grad
        training.backward(net(x).sum())
    assert (net.weight.requires_grad, net.bias.requires_grad) == (True, False)
    assert net.weight.grad is None
    assert float(x.grad) == float(net.weight.detach())


def test_a_mean_over_one_process_is_its_value():
    assert float(session().mean(torch.tensor(3.5))) == 3.5


def test_no_step_is_captured_on_a_cpu():
    training = session()
    training.choose(DEFAULTS)
    net = Net()
    _, optimizer = training.prepare(net, torch.optim.Adam(net.parameters()))
    assert not training.can_be_captured
    assert not optimizer.can_be_captured
    optimizer.inner.param_groups[0]["capturable"] = True
    assert optimizer.can_be_captured
    _, plain = training.prepare(net, torch.optim.SGD(net.parameters(), lr=1.0))
    assert not plain.can_be_captured


def test_accumulation_equals_the_whole_batch():
    generator = torch.Generator().manual_seed(1)
    lr, hr = torch.rand(8, 3, 8, 8, generator=generator), torch.rand(8, 3, 16, 16, generator=generator)
    results = []
    for parts in (1, 4):
        training = session(parts)
        net = Net()
        recipe = Supervised(net, training, loss="mse", lr=1e-2, clip=0.01, schedule="constant")
        for step in range(3):
            training.begin(step)
            for part in range(parts):
                training.part = part
                chosen = slice(part * 8 // parts, (part + 1) * 8 // parts)
                recipe.step(lr[chosen], hr[chosen])
        results.append(net.conv.weight.detach().clone())
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


def test_a_step_lowers_the_loss_and_logs_a_tensor():
    training = session()
    recipe = Supervised(Net(), training, loss="mse", lr=1e-2, schedule="constant")
    lr = torch.rand(4, 3, 8, 8)
    hr = lr.repeat_interleave(2, -1).repeat_interleave(2, -2)
    losses = []
    for step in range(30):
        training.begin(step)
        losses.append(recipe.step(lr, hr)["loss"])
    assert all(isinstance(loss, torch.Tensor) and not loss.requires_grad for loss in losses)
    assert losses[-1] < losses[0] / 2


def test_an_average_below_0_is_refused():
    with pytest.raises(UsageError, match=r"--ema must be at least 0 and below 1, not -0\.5"):
        session(ema=-0.5).choose(DEFAULTS)


def test_a_training_of_one_step_ends_after_it():
    assert factors("cosine", 1) == pytest.approx([1, 0], abs=1e-15)


def test_a_training_begins_at_step_0_with_whole_batches():
    training = Training(make_fabric("cpu", "fp32"), Catalog.load(), Overrides(), 2)
    assert (training.step_number, training.part, training.parts, training.scale) == (0, 0, 1, 2)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("capturable", [(), (True,), (True, False)])
def test_a_step_is_captured_on_one_gpu_in_one_part_without_a_loss_scale(device, world, parts, precision, capturable):
    strategy = SimpleNamespace(precision=SimpleNamespace(precision=precision))
    fabric = SimpleNamespace(device=torch.device(device), world_size=world, strategy=strategy)
    training = Training(fabric, Catalog.load(), Overrides(), 2, parts)
    training._optimizers = [SimpleNamespace(can_be_captured=one) for one in capturable]
    expected = (device, world, parts) == ("cuda", 1, 1) and precision != "16-mixed" and False not in capturable
    assert training.can_be_captured == expected


def test_an_optimizer_saved_on_a_gpu_goes_on_here():
    training = session()
    training.choose(DEFAULTS)
    net = Net()
    _, optimizer = training.prepare(net, torch.optim.Adam(net.parameters(), lr=0.5))
    state = optimizer.state_dict()
    state["param_groups"][0] |= {"capturable": True, "lr": torch.tensor(0.125)}
    optimizer.load_state_dict(state)
    (group,) = optimizer.inner.param_groups
    assert group["capturable"] is False
    assert (type(group["lr"]), group["lr"]) == (float, 0.5)


def test_gradients_are_given_back_and_halved_in_two_parts():
    training = session(2)
    training.choose(DEFAULTS)
    net = torch.nn.Linear(1, 1, bias=False)
    net, optimizer = training.prepare(net, torch.optim.SGD(net.parameters(), lr=1.0))
    training.backward(net(torch.ones(1, 1)).sum())
    assert net.weight.grad.tolist() == [[0.5]]
    optimizer.zero_grad()
    assert net.weight.grad is None


@pytest.mark.parametrize("compiled", [True, False])
def test_networks_are_compiled_where_that_is_asked_for(monkeypatch, compiled):
    calls = []
    monkeypatch.setattr(Net, "compile", lambda net: calls.append(net) or net)
    training = Training(make_fabric("cpu", "fp32"), Catalog.load(), Overrides(), 2, compiled=compiled)
    net = Net()
    training.prepare(net, torch.optim.SGD(net.parameters(), lr=1.0))
    assert calls == ([net] if compiled else [])


@pytest.mark.parametrize(("precision", "lowered"), [("fp32", None), ("bf16", torch.bfloat16)])
def test_loss_networks_compute_in_the_trainings_precision(monkeypatch, precision, lowered):
    class Features(FeatureMaps):
        def __init__(self):
            torch.nn.Module.__init__(self)
            self.lowered = "untouched"

    features, other = Features(), torch.nn.Conv2d(1, 1, 1)
    loss = torch.nn.Sequential(other, features)
    loss.uses = "a network"
    built = SimpleNamespace(terms=[(1.0, "plain", lambda sr, hr: 0), (0.5, "deep", loss)])
    monkeypatch.setattr("srbench.training.recipes.session.expression.build", lambda *given: built)
    training = Training(make_fabric("cpu", precision), Catalog.load(), Overrides(), 2)
    assert training.loss("anything") is built
    assert features.lowered is lowered
    assert not hasattr(other, "lowered")
    assert training.loss_networks == {"deep": "a network"}
