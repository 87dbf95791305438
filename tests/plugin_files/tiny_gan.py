"""A plugin for tests: a generator and a critic that train in milliseconds, with random numbers in every step."""

from __future__ import annotations

from torch import nn

from srbench import ModelSpec, hookimpl
from srbench.training import Adversarial


class Generator(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.PReLU(), nn.Conv2d(8, 3, 1))
        self.enlarge = nn.Upsample(scale_factor=scale)

    def forward(self, lr):
        return self.enlarge(lr + 0.1 * self.conv(lr))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Conv2d(8, 1, 3))

    def forward(self, image):
        return self.conv(image).mean(dim=(1, 2, 3))


def recipe(net, training):
    return Adversarial(net, Critic(), training, objective="wgan-gp", n_critic=2, lr=1e-3)


@hookimpl
def srbench_models():
    return [ModelSpec(name="tiny-gan", summary="for tests", scales={2}, build=Generator, recipe=recipe)]
