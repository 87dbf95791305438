"""The recipe of a conditional VAE: the evidence lower bound, with a decoder that learns its variance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from srbench.training.recipes.session import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from srbench.training import Training
    from srbench_plugins.vae.network import VAE, Gaussian, Posterior

ANNEALING = 0.3
"""Fraction of the steps in which the weight of the KL rises from 0 to 1 (Bowman et al. 2016, arXiv:1511.06349)."""


class Both(nn.Module):
    """The method's network and the posterior as one module, so that they are prepared together."""

    def __init__(self, net: VAE, posterior: Posterior) -> None:
        super().__init__()
        self.net, self.posterior = net, posterior

    def forward(self, lr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the reconstruction from a posterior sample, the output from LR alone, and the KL of each value."""
        features, prior = self.net.prior(lr)
        posterior: Gaussian = self.posterior(lr, hr)
        reconstruction = self.net.decode(lr, features, posterior.sample())
        output = self.net.decode(lr, features, prior.mean)
        return reconstruction, output, posterior.divergence(prior)


class ConditionalVAE:
    """Recipe that maximises log p(HR | z, LR) - KL(q(z | HR, LR) | p(z | LR)), with z drawn from the posterior.

    The decoder's variance is its mean squared error (sigma-VAE, Rybkin et al. 2021, arXiv:2006.13202), so the weight
    between reconstruction and KL need not be tuned. The method's output, the decoder's image for the prior's mean, is
    trained too, as in the hybrid objective of Sohn et al. 2015.

    Args:
        net: the method's network.
        posterior: q(z | HR, LR).
        training: settings, losses, precision and devices.
    """

    def __init__(self, net: VAE, posterior: Posterior, training: Training) -> None:
        self.training = training
        settings = training.choose(
            Settings(loss="mse", lr=1e-3, batch=16, patch=96, steps=50_000, schedule="onecycle", clip=1.0, ema=0.999)
        )
        self.loss = training.loss(settings.loss)
        both = Both(net, posterior)
        self.both, self.optimizer = training.prepare(both, torch.optim.Adam(both.parameters(), lr=settings.lr))

    @property
    def formula(self) -> str:
        """The negative evidence lower bound, and the term of the output."""
        return (
            "min: ½ ln loss(G(x, z), y) + ½ ln loss(G(x, μ), y) + β · KL(q(z | y, x) ‖ p(z | x)) per HR value\n"
            "z: drawn from q, μ: mean of p; ½ ln MSE is the Gaussian likelihood at the optimal variance\n"
            f"β rises from 0 to 1 over the first {ANNEALING * self.training.steps:g} steps"
        )

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Take one gradient step; all terms are in nats per HR value."""
        self.optimizer.zero_grad()
        reconstructed, predicted, divergence = self.both(lr, hr)
        reconstruction, output = self.loss(reconstructed, hr), self.loss(predicted, hr)
        weight = min(1.0, (self.training.step_number + 1) / (ANNEALING * self.training.steps))
        loss = 0.5 * reconstruction.log() + 0.5 * output.log() + weight * divergence.sum() / hr.numel()
        self.training.backward(loss)
        self.training.clip(self.both, self.optimizer)
        self.optimizer.step()
        logs = {"loss": loss, "reconstruction": reconstruction, "output": output, "kl": divergence.mean()}
        return {name: value.detach() for name, value in logs.items()}

    def state(self) -> Mapping[str, Any]:
        """Return both networks and their optimizer."""
        return {"both": self.both, "optimizer": self.optimizer}
