"""Settings, schedules, and accumulation that a recipe knows nothing of."""

from __future__ import annotations

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError
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


def test_schedules():
    def factors(schedule):
        settings = Settings("mse", 1, 1, 1, 1000, schedule, 0, 0)
        return [settings.lr_factor(step) for step in range(1001)]

    assert set(factors("constant")) == {1.0}
    cosine = factors("cosine")
    assert cosine[0] == 1
    assert cosine[-1] == pytest.approx(0)
    assert cosine == sorted(cosine, reverse=True)
    cycle = factors("onecycle")
    assert cycle[0] == pytest.approx(1 / 25)
    assert max(cycle) == cycle[300] == 1
    assert cycle[-1] == pytest.approx(1e-3)


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
