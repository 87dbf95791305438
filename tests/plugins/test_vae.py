"""The conditional VAE: torch's divergence, a latent that is used and does not collapse, the prior's mean as output."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from srbench_plugins.vae.network import VAE, Gaussian, Posterior


def test_divergence_is_torchs():
    generator = torch.Generator().manual_seed(0)
    means, variances = torch.randn(2, 2, 4, 3, 3, generator=generator)
    ours = Gaussian(means[0], variances[0]).divergence(Gaussian(means[1], variances[1]))
    p, q = (Normal(mean, (0.5 * variance).exp()) for mean, variance in zip(means, variances, strict=True))
    torch.testing.assert_close(ours, kl_divergence(p, q))


def test_sample_has_mean_and_variance_and_lets_gradients_through():
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([0.5, -2.0]).requires_grad_(), torch.tensor([0.0, -4.0]).requires_grad_()
    gaussian = Gaussian(mean.expand(100_000, 2), log_variance.expand(100_000, 2))
    drawn = gaussian.sample()
    torch.testing.assert_close(drawn.mean(0).detach(), mean.detach(), rtol=0, atol=0.02)
    torch.testing.assert_close(drawn.var(0).detach(), log_variance.detach().exp(), rtol=0.03, atol=0)
    drawn.sum().backward()
    assert (mean.grad == 100_000).all()
    assert (log_variance.grad != 0).all()


def test_output_is_the_priors_mean_and_samples_differ():
    torch.manual_seed(0)
    net = VAE(2).eval()
    torch.nn.init.normal_(net.decoder[1].weight, std=0.05)
    lr = torch.rand(1, 3, 9, 7)
    features, prior = net.prior(lr)
    assert torch.equal(net(lr), net(lr))
    assert torch.equal(net(lr), net.decode(lr, features, prior.mean))
    assert not torch.equal(net.sample(lr), net.sample(lr))


def test_posterior_starts_as_the_prior():
    lr, hr = torch.rand(2, 3, 6, 6), torch.rand(2, 3, 24, 24)
    _, prior = VAE(4).prior(lr)
    assert float(Posterior(4)(lr, hr).divergence(prior).detach().abs().max()) == 0


def test_weight_of_the_divergence_rises(begin, patches, monkeypatch):
    _, recipe, training = begin("vae", steps=10)
    lr, hr = patches(2, 32)
    weights = []
    divergence = torch.full((2, 4, 8, 8), 1.0)
    seen = torch.nn.Parameter(hr + 0.1)
    monkeypatch.setattr(recipe, "both", lambda lr, hr: (seen, seen, divergence))
    monkeypatch.setattr(training, "clip", lambda *_: None)
    for step in range(5):
        training.begin(step)
        rest = torch.log(torch.nn.functional.mse_loss(seen.detach(), hr))
        loss = recipe.step(lr, hr)["loss"]
        weights.append(float((loss - rest) / divergence.sum() * hr.numel()))
    assert weights == pytest.approx([1 / 3, 2 / 3, 1, 1, 1], abs=1e-3)


def test_latent_is_used_and_does_not_collapse_in_a_short_training(begin, patches):
    """What another image's latent costs, with the weight of the divergence at 1 for half of the training."""
    net, recipe, training = begin("vae", scale=2, steps=120, lr=2e-3)
    for step in range(120):
        training.begin(step)
        logs = recipe.step(*patches(4, 32, scale=2, seed=step))
    assert all(torch.isfinite(value) for value in logs.values())
    lr, hr = patches(8, 32, scale=2, seed=999)
    with torch.no_grad():
        features, prior = net.prior(lr)
        posterior = recipe.both.posterior(lr, hr)
        own = (net.decode(lr, features, posterior.mean) - hr).square().mean()
        foreign = (net.decode(lr, features, posterior.mean.roll(1, 0)) - hr).square().mean()
        divergence = posterior.divergence(prior).mean()
    assert float(divergence) >= 0.05
    assert 10 * float(torch.log10(foreign / own)) >= 0.3
