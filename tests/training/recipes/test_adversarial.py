"""Adversarial training: each objective's own rule, on networks small enough to follow."""

from __future__ import annotations

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError
from srbench.training import Adversarial, Training
from srbench.training.fabric import make_fabric
from srbench.training.recipes.session import Overrides


class Generator(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, lr):
        return torch.nn.functional.pixel_shuffle(self.conv(lr), 2)


class Critic(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, stride=2)
        self.calls = 0

    def forward(self, image):
        self.calls += 1
        return torch.nn.functional.leaky_relu(self.conv(image), 0.2).mean(dim=(1, 2, 3))


def make(objective, precision="fp32", **options):
    torch.manual_seed(0)
    training = Training(make_fabric("cpu", precision), Catalog.load(), Overrides(), 2)
    generator, critic = Generator(), Critic()
    recipe = Adversarial(generator, critic, training, objective=objective, **options)
    training.begin(0)
    return recipe, generator, critic


def batch(count):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, 8, 8, generator=generator), torch.rand(count, 3, 16, 16, generator=generator)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("objective", ["gan", "ragan", "wgan", "wgan-gp"])
def test_a_step_moves_both_and_logs_tensors(objective, precision):
    recipe, generator, critic = make(objective, precision)
    before = [p.detach().clone() for p in (*generator.parameters(), *critic.parameters())]
    logs = recipe.step(*batch(4))
    after = [*generator.parameters(), *critic.parameters()]
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert {"critic", "content", "adversarial"} <= set(logs)
    assert all(torch.isfinite(value) and not value.requires_grad for value in logs.values())
    assert ("wasserstein" in logs) == objective.startswith("wgan")


def test_wgan_critic_stays_within_its_limit():
    recipe, _, critic = make("wgan", limit=0.003)
    for _ in range(3):
        recipe.step(*batch(4))
    assert max(float(p.detach().abs().max()) for p in critic.parameters()) == pytest.approx(0.003)


def test_critic_learns_n_times_on_batches_of_its_own():
    recipe, _, critic = make("wgan", n_critic=3)
    assert recipe.training.settings.draws == 3
    recipe.step(*batch(12))
    assert critic.calls == 3 * 2 + 1


def test_updates_of_the_critic_between_parts_of_a_batch_are_refused():
    training = Training(make_fabric("cpu", "fp32"), Catalog.load(), Overrides(), 2, 2)
    with pytest.raises(UsageError, match="--accumulate does not go with 3 critic updates per step"):
        Adversarial(Generator(), Critic(), training, objective="wgan", n_critic=3)


def test_critic_learns_to_tell_real_from_fake():
    recipe, _, _ = make("wgan-gp", lr=1e-2)
    lr, hr = batch(8)
    distances = [float(recipe.judge(lr, hr, torch.zeros_like(hr))["wasserstein"]) for _ in range(50)]
    assert distances[-1] > distances[0] + 0.1


def test_gradient_penalty_of_a_known_critic():
    class Sum(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.tensor(2.0))

        def forward(self, image):
            return self.factor * image.flatten(1).sum(dim=1)

    training = Training(make_fabric("cpu", "fp32"), Catalog.load(), Overrides(), 2)
    recipe = Adversarial(Generator(), Sum(), training, objective="wgan-gp")
    lr, hr = batch(4)
    norm = 2 * (3 * 16 * 16) ** 0.5  # the gradient is 2 in every pixel
    assert float(recipe._gradient_penalty(lr, hr, torch.zeros_like(hr)).detach()) == pytest.approx(
        (norm - 1) ** 2, rel=1e-5
    )


def test_one_sided_smoothing_is_the_optimum_of_the_critic():
    """With labels 0.9 and 0 on equal images, the loss is least where the critic says 0.45."""
    recipe, _, critic = make("gan", smooth=0.9)
    lr, hr = batch(2)
    losses = {}
    for logit in (-1.0, torch.logit(torch.tensor(0.45)).item(), 1.0):
        torch.nn.init.zeros_(critic.conv.weight)
        torch.nn.init.constant_(critic.conv.bias, logit if logit > 0 else logit / 0.2)
        losses[logit] = float(recipe.judge(lr, hr, hr)["critic"])
    assert min(losses, key=losses.get) == pytest.approx(-0.2007, abs=1e-3)


def test_relativistic_average_losses_are_those_of_the_paper():
    """Wang et al. 2018, equations 1 and 2: D_Ra(a, b) = sigmoid(C(a) - E C(b)); by logarithms of probabilities."""
    recipe, generator, critic = make("ragan", smooth=1.0, loss="l1", weight=1.0)
    lr, hr = batch(4)
    with torch.no_grad():
        made = generator(lr).clamp(0, 1)
        real, fake = critic(hr).double(), critic(made).double()
    real_beside_fake, fake_beside_real = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
    expected = -real_beside_fake.log().mean() - (1 - fake_beside_real).log().mean()
    assert float(recipe.judge(lr, hr, made)["critic"]) == pytest.approx(float(expected), rel=1e-5)
    with torch.no_grad():
        real, fake = critic(hr).double(), critic(generator(lr)).double()
    real_beside_fake, fake_beside_real = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
    expected = -(1 - real_beside_fake).log().mean() - fake_beside_real.log().mean()
    assert float(recipe.please(lr, hr)["adversarial"]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("objective", ["gan", "wgan-gp"])
def test_critic_of_pairs_sees_the_enlarged_lr_in_front_of_each_image(objective):
    from srbench.resize import imresize

    torch.manual_seed(0)
    training = Training(make_fabric("cpu", "fp32"), Catalog.load(), Overrides(), 2)
    seen = []

    class Pairs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(6, 4, 3)

        def forward(self, pair):
            seen.append(pair.detach().clone())
            return self.conv(pair).mean(dim=1)  # a map of logits

    generator = Generator()
    recipe = Adversarial(generator, Pairs(), training, objective=objective, pairs=True, betas=(0.5, 0.999))
    assert recipe.critic_optimizer.inner.param_groups[0]["betas"] == (0.5, 0.999)
    training.begin(0)
    lr, hr = batch(4)
    with torch.no_grad():
        sr = generator(lr)
    recipe.step(lr, hr)
    large = imresize(lr, (16, 16))
    assert all(torch.equal(pair[:, :3], large) for pair in seen)
    assert torch.equal(seen[0][:, 3:], hr)
    assert torch.allclose(seen[1][:, 3:], sr.clamp(0, 1))
    assert torch.allclose(seen[-1][:, 3:], sr)
