"""Steps as CUDA graphs: which recipes take part, and that a replay learns what a step does."""

from __future__ import annotations

import copy

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.system.terminal import Silent
from srbench.training import Adversarial, Supervised, Training
from srbench.training.capture import WARM_UP, Captured, fastest_step, phase_of
from srbench.training.fabric import make_fabric
from srbench.training.recipes.session import Overrides
from tests.training.recipes.test_adversarial import Critic, Generator

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need an NVIDIA GPU")
STEPS = 12


class Learns(Supervised):
    pass


class LearnsOtherwise(Supervised):
    def step(self, lr, hr):
        return super().step(lr, hr)


class SaysSo(LearnsOtherwise):
    def step(self, lr, hr):
        return super().step(lr, hr)

    def phase(self, number):
        return number // 100


def session(device="cpu", precision="fp32", parts=1):
    return Training(make_fabric(device, precision), Catalog.load(), Overrides(steps=STEPS), 2, parts)


@pytest.mark.parametrize(("recipe", "takes_part"), [(Learns, True), (LearnsOtherwise, False), (SaysSo, True)])
def test_a_phase_belongs_to_the_step_beside_it(recipe, takes_part):
    made = recipe(Generator(), session(), loss="mse")
    assert (phase_of(made) is not None) == takes_part


def test_a_cpu_takes_steps_as_they_are():
    training = session()
    recipe = Supervised(Generator(), training, loss="mse")
    assert fastest_step(recipe, training, Silent()) == recipe.step


def gan(objective):
    return lambda training: Adversarial(Generator(), Critic(), training, objective=objective, lr=1e-3, critic_lr=4e-3)


def nogan(training):
    spec = Catalog.load().models["unet-gan"]
    return spec.recipe(spec.build(2).to(memory_format=torch.channels_last), training)


RECIPES = {
    "supervised": lambda training: Supervised(Generator(), training, loss="mse", lr=1e-2),
    **{objective: gan(objective) for objective in ("gan", "ragan", "wgan", "wgan-gp")},
    "nogan": nogan,
}


def learn(make, precision, *, captured, first=0, last=STEPS, state=None):
    """Take steps; return what was logged in each, the state, and the learned weights."""
    torch.manual_seed(0)
    training = session("cuda", precision)
    recipe = make(training)
    for name, part in recipe.state().items() if state else ():
        part.load_state_dict(state[name])
    step = fastest_step(recipe, training, Silent()) if captured else recipe.step
    assert isinstance(getattr(step, "__self__", None), Captured) == captured
    said = []
    small = 32 if make is nogan else 8
    for number in range(first, last):
        generator = torch.Generator().manual_seed(number)
        lr, hr = (torch.rand(4, 3, side, side, generator=generator).cuda() for side in (small, 2 * small))
        torch.manual_seed(number)
        training.begin(number)
        said.append({name: value.float() for name, value in step(lr, hr).items()})
    if captured and last - first > WARM_UP:
        assert step.__self__.graphs  # none was refused
    parts = recipe.state()
    weights = [value.detach() for name in ("net", "generator") if name in parts for value in parts[name].parameters()]
    return said, {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}, weights


def differ_little(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=2e-3, atol=2e-4)


@gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", RECIPES)
def test_a_replay_learns_what_a_step_does(name, precision):
    plain, _, weights = learn(RECIPES[name], precision, captured=False)
    replayed, _, captured = learn(RECIPES[name], precision, captured=True)
    assert [list(logs) for logs in plain] == [list(logs) for logs in replayed]
    differ_little([logs[key] for logs in plain for key in logs], [logs[key] for logs in replayed for key in logs])
    differ_little(weights, captured)


@gpu
def test_a_resumption_is_captured_anew():
    make = RECIPES["wgan-gp"]
    whole, _, weights = learn(make, "fp32", captured=True)
    begun, state, _ = learn(make, "fp32", captured=True, last=5)
    ended, _, resumed = learn(make, "fp32", captured=True, first=5, state=state)
    differ_little([logs["critic"] for logs in whole], [logs["critic"] for logs in begun + ended])
    differ_little(weights, resumed)


@gpu
def test_what_waits_for_the_device_is_not_captured():
    class Waits(Supervised):
        def step(self, lr, hr):
            logs = super().step(lr, hr)
            float(logs["loss"])
            return logs

        def phase(self, number):
            return 0

    training = session("cuda")
    step = fastest_step(Waits(Generator(), training, loss="mse"), training, Silent())
    lr, hr = torch.rand(4, 3, 8, 8).cuda(), torch.rand(4, 3, 16, 16).cuda()
    losses = []
    for number in range(STEPS):
        training.begin(number)
        losses.append(float(step(lr, hr)["loss"]))
    assert not step.__self__.graphs
    assert losses[-1] < losses[0]
