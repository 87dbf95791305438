"""NoGAN (Antic, Howard and fast.ai, 2019): most of the training happens without the critic.

The generator learns on pixels, then the critic on what the generator makes, and only then they meet: in each step the
critic learns, and the generator follows only if the critic's loss is below a threshold, that is if its opinion is worth
something. This is fastai's AdaptiveGANSwitcher, in which each step of the generator is followed by steps of the critic
until it is good enough again.
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
"""Parts of the steps in which the generator and then the critic learn alone."""
THRESHOLD = 0.65
"""fastai's: a critic that cannot tell has a loss of ln 2 = 0.69."""
FASTER = 5.0
"""Factor of the learning rate on pixels, where no critic asks for caution."""


class NoGAN:
    """Three phases by fractions of the steps; both networks and their optimizers are those of an `Adversarial`.

    Args:
        generator: the method's network.
        critic: maps pairs, ``(N, 6, patch, patch)``, to logits.
        training: what the command line chose, and the way to losses, precision and devices.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module, training: Training) -> None:
        self.training = training
        self.gan = Adversarial(
            generator, critic, training, weight=1e-3, lr=2e-4, smooth=1.0, steps=50_000, pairs=True, betas=(0.5, 0.99)
        )
        self.meet_critic = max(1, round(PIXELS * training.steps))
        self.meet = max(self.meet_critic + 1, round((PIXELS + CRITIC) * training.steps))
        self.judged: list[Tensor] = []

    @property
    def formula(self) -> str:
        """The GAN's, and when which network learns."""
        pixels, meet = self.meet_critic, self.meet
        return "\n".join(
            [
                f"to step {pixels}: min G: loss(G(x), y), at {FASTER:g} times the learning rate",
                f"to step {meet}: D alone; then D always, and G while D's loss, halved, is below {THRESHOLD:g}:",
                self.gan.formula,
            ]
        )

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Learn as the phase asks."""
        phase = self.phase(self.training.step_number)
        if phase == 0:
            return self._learn_pixels(lr, hr)
        with torch.no_grad():
            fake = self.gan.generator(lr)
        logs = self.gan.judge(lr, hr, fake)
        if phase == 1:
            return logs
        return {**logs, **self._please_if(logs["critic"], lr, hr)}

    def phase(self, number: int) -> int:
        """Return 0 while the generator learns on pixels, 1 while the critic learns alone, 2 when they have met."""
        return (number >= self.meet_critic) + (number >= self.meet)

    def _learn_pixels(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        for group in self.gan.generator_optimizer.inner.param_groups:
            group["lr"] *= FASTER if self.training.part == 0 else 1  # the step has set it anew
        self.gan.generator_optimizer.zero_grad()
        loss = self.gan.content(self.gan.generator(lr), hr)
        self.training.backward(loss)
        self.training.clip(self.gan.generator, self.gan.generator_optimizer)
        self.gan.generator_optimizer.step()
        return {"content": loss.detach()}

    def _please_if(self, judged: Tensor, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Let the generator learn, and take it back where the critic was not good enough: nothing waits to know."""
        self.judged = [judged] if self.training.part == 0 else [*self.judged, judged]
        loss = self.training.mean(torch.stack(self.judged).mean()) / 2  # over real and fake, as fastai takes it
        good = loss < THRESHOLD
        touched = self._touched()
        before = [value.clone() for value in touched]
        logs = self.gan.please(lr, hr)
        with torch.no_grad():
            for value, old in zip(touched, before, strict=True):
                value.copy_(torch.where(good, value, old))
        return {**logs, "generator_moves": good.float()}

    def _touched(self) -> list[Tensor]:
        """Return all that a step of the generator changes: its weights and what Adam keeps of each."""
        weights: list[Tensor] = [weight.data for weight in self.gan.generator.parameters()]
        kept = [value for state in self.gan.generator_optimizer.inner.state.values() for value in state.values()]
        return weights + kept

    def state(self) -> Mapping[str, Any]:
        """Return both networks and both optimizers; the phase follows from the step."""
        return self.gan.state()
