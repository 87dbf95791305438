"""The recipe NoGAN (Antic, Howard and fast.ai, 2019): most of the training is done without the critic.

The generator is trained on pixels, then the critic on the generator's outputs, and only then both together. In that
phase the critic is updated in each step, and the generator only if the critic's loss is below a threshold. This
corresponds to fastai's AdaptiveGANSwitcher, which after each step of the generator trains the critic until its loss is
below the threshold again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from srbench.training import Adversarial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from srbench.training import Training

PIXELS, CRITIC = 0.5, 0.1
"""Fractions of the steps in which the generator alone and then the critic alone is trained."""
THRESHOLD = 0.65
"""fastai's threshold of the critic's loss; a critic that guesses has a loss of ln 2 = 0.69."""
FASTER = 5.0
"""Factor of the learning rate in the phase on pixels, which is stable without a critic."""


class NoGAN:
    """NoGAN's recipe: three phases; both networks and their optimizers are those of an `Adversarial`.

    Args:
        generator: the method's network.
        critic: network from pairs, ``(N, 6, patch, patch)``, to logits.
        training: settings, losses, precision and devices.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module, training: Training) -> None:
        self.training = training
        self.gan = Adversarial(
            generator, critic, training, weight=1e-3, lr=2e-4, smooth=1.0, steps=50_000, pairs=True, betas=(0.5, 0.99)
        )
        self.critic_start = max(1, round(PIXELS * training.steps))
        """Step from which the critic is trained."""
        self.joint_start = max(self.critic_start + 1, round((PIXELS + CRITIC) * training.steps))
        """Step from which both are trained."""
        self.critic_losses: list[Tensor] = []
        """Losses of the parts of the current step so far."""

    @property
    def formula(self) -> str:
        """The objective of the GAN, and the steps in which each network is trained."""
        return "\n".join(
            [
                f"to step {self.critic_start}: min G: loss(G(x), y), at {FASTER:g} times the learning rate",
                f"to step {self.joint_start}: D alone; then D, and G while half of D's loss is below {THRESHOLD:g}:",
                self.gan.formula,
            ]
        )

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Update the networks that the phase trains."""
        phase = self.phase(self.training.step_number)
        if phase == 0:
            return self._update_on_pixels(lr, hr)
        with torch.no_grad():
            fake = self.gan.generator(lr)
        logs = self.gan.judge(lr, hr, fake)
        if phase == 1:
            return logs
        return {**logs, **self._update_generator_if_useful(logs["critic"], lr, hr)}

    def phase(self, number: int) -> int:
        """Return 0 while only the generator is trained, 1 while only the critic is, and 2 while both are."""
        return (number >= self.critic_start) + (number >= self.joint_start)

    def _update_on_pixels(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        for group in self.gan.generator_optimizer.inner.param_groups:
            group["lr"] *= FASTER if self.training.part == 0 else 1  # the schedule sets it again in each step
        self.gan.generator_optimizer.zero_grad()
        loss = self.gan.content(self.gan.generator(lr), hr)
        self.training.backward(loss)
        self.training.clip(self.gan.generator, self.gan.generator_optimizer)
        self.gan.generator_optimizer.step()
        return {"content": loss.detach()}

    def _update_generator_if_useful(self, critic_loss: Tensor, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Update the generator, and undo the update if the critic's loss is not below the threshold.

        The host does not wait for the loss: the choice is made on the device.
        """
        self.critic_losses = [critic_loss] if self.training.part == 0 else [*self.critic_losses, critic_loss]
        loss = self.training.mean(torch.stack(self.critic_losses).mean()) / 2  # mean of real and fake, as in fastai
        useful = loss < THRESHOLD
        state = self._generator_state()
        before = [value.clone() for value in state]
        logs = self.gan.please(lr, hr)
        with torch.no_grad():
            for value, old in zip(state, before, strict=True):
                value.copy_(torch.where(useful, value, old))
        return {**logs, "generator_moves": useful.float()}

    def _generator_state(self) -> list[Tensor]:
        """Return all tensors that an update of the generator changes: its weights and the optimizer's state."""
        weights: list[Tensor] = [weight.data for weight in self.gan.generator.parameters()]
        moments = [value for state in self.gan.generator_optimizer.inner.state.values() for value in state.values()]
        return weights + moments

    def state(self) -> Mapping[str, Any]:
        """Return both networks and both optimizers; the phase follows from the step."""
        return self.gan.state()
