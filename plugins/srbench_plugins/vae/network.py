"""The networks of a conditional VAE with a latent variable of a few values per LR pixel."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from srbench.blocks import ResidualBlock
from srbench.resize import imresize

CHANNELS = 48
"""Channels of the features."""
LATENT = 4
"""Latent values per LR pixel."""


class Gaussian(NamedTuple):
    """An independent normal distribution of each latent value."""

    mean: torch.Tensor
    """``(N, LATENT, h, w)``."""
    log_variance: torch.Tensor
    """Natural logarithm of the variance, ``(N, LATENT, h, w)``."""

    def sample(self) -> torch.Tensor:
        """Return a sample ``(N, LATENT, h, w)`` through which gradients reach mean and variance (arXiv:1312.6114)."""
        return self.mean + torch.exp(0.5 * self.log_variance) * torch.randn_like(self.mean)

    def divergence(self, other: Gaussian) -> torch.Tensor:
        """Return KL(self | other) of each latent value in nats, ``(N, LATENT, h, w)``."""
        spread = torch.exp(self.log_variance - other.log_variance)
        shift = (self.mean - other.mean).square() * torch.exp(-other.log_variance)
        return 0.5 * (spread + shift - 1 + other.log_variance - self.log_variance)


class VAE(nn.Module):
    """Prior p(z | LR) and decoder p(HR | z, LR), at LR size and residual to the bicubic enlargement.

    Args:
        scale: factor of the enlargement.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.features = residual(3, 3)
        self.prior_head = head()
        last = nn.Conv2d(CHANNELS, 3 * scale**2, 3, padding=1)
        nn.init.zeros_(last.weight)  # training starts from bicubic
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.decoder = nn.Sequential(residual(CHANNELS + LATENT, 4), last, nn.PixelShuffle(scale))

    def prior(self, lr: torch.Tensor) -> tuple[torch.Tensor, Gaussian]:
        """Return LR's features ``(N, CHANNELS, h, w)``, which the decoder needs, and p(z | LR)."""
        features = self.features(lr)
        return features, gaussian(self.prior_head(features))

    def decode(self, lr: torch.Tensor, features: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return the mean of p(HR | z, LR), ``(N, 3, h*scale, w*scale)``."""
        details: torch.Tensor = self.decoder(torch.cat([features, z], dim=1))
        return enlarged(lr, self.scale) + details

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        features, prior = self.prior(lr)
        return self.decode(lr, features, prior.mean)

    def sample(self, lr: torch.Tensor) -> torch.Tensor:
        """Return one possible HR image, ``(N, 3, h*scale, w*scale)``, for z drawn from the prior."""
        features, prior = self.prior(lr)
        return self.decode(lr, features, prior.sample())


class Posterior(nn.Module):
    """The posterior q(z | HR, LR), which is needed in training but not for upscaling.

    Args:
        scale: factor between LR and HR.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.body = nn.Sequential(residual(3 * scale**2 + 3, 3), head())

    def forward(self, lr: torch.Tensor, hr: torch.Tensor) -> Gaussian:
        """Return q(z | HR, LR) from LR and the error of the bicubic enlargement, rearranged to LR size."""
        missing = functional.pixel_unshuffle(hr - enlarged(lr, self.scale), self.scale)
        return gaussian(self.body(torch.cat([missing, lr], dim=1)))


def enlarged(lr: torch.Tensor, scale: int) -> torch.Tensor:
    """Return the bicubic enlargement, ``(N, 3, h, w)`` to ``(N, 3, h*scale, w*scale)``."""
    return imresize(lr, (lr.shape[-2] * scale, lr.shape[-1] * scale))


def residual(channels: int, blocks: int) -> nn.Sequential:
    """Return a convolution to `CHANNELS` features followed by residual blocks."""
    first = nn.Conv2d(channels, CHANNELS, 3, padding=1)
    return nn.Sequential(first, *(ResidualBlock(CHANNELS, batch_norm=False) for _ in range(blocks)))


def head() -> nn.Conv2d:
    """Return a convolution to mean and log-variance, initialised to the standard normal distribution."""
    conv = nn.Conv2d(CHANNELS, 2 * LATENT, 3, padding=1)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def gaussian(values: torch.Tensor) -> Gaussian:
    """Return the distribution of a head's output, in float32 and with the log-variance clamped to [-12, 12]."""
    mean, log_variance = values.float().chunk(2, dim=1)
    return Gaussian(mean, log_variance.clamp(-12, 12))
