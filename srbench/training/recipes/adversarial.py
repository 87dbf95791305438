"""A generator against a critic: GAN, relativistic average GAN, WGAN with clipping, and WGAN with gradient penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch.nn import functional

from srbench import defaults
from srbench.errors import UsageError
from srbench.resize import imresize
from srbench.training.recipes.session import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from srbench.training.recipes.session import Training

CLASSIFYING = ("gan", "ragan")
"""Objectives whose critic is a binary classifier trained by cross entropy."""
Objective = Literal["gan", "ragan", "wgan", "wgan-gp"]


class Adversarial:
    """Content loss plus adversarial loss; each step first updates the critic, each time on a new batch.

    Args:
        generator: the method's network.
        critic: maps ``(N, 3, patch, patch)`` to ``(N,)`` or to a map per image: logits for ``gan``, unbounded scores
            for the others. With ``pairs`` its input is ``(N, 6, patch, patch)``.
        training: the command line's choices, losses, precision and devices.
        objective: ``gan`` (non-saturating), ``ragan`` (relativistic average, arXiv:1807.00734, as in ESRGAN),
            ``wgan`` (arXiv:1701.07875) or ``wgan-gp`` (arXiv:1704.00028).
        loss: content loss expression.
        weight: weight of the adversarial loss; the content loss has weight 1.
        lr: learning rate of the generator, and of the critic unless ``critic_lr`` is given.
        critic_lr: learning rate of the critic; with a higher one fewer updates are needed (arXiv:1706.08500). Its
            ratio to ``lr`` stays if the command line changes ``lr``.
        batch: patches per update.
        patch: HR patch size in pixels.
        steps: generator updates.
        n_critic: critic updates per step, each on a new batch.
        smooth: the critic's label of real images for ``gan`` and ``ragan`` (one-sided smoothing, arXiv:1606.03498).
        limit: weights of a ``wgan`` critic are clipped to [-limit, limit].
        penalty: weight of the gradient penalty of ``wgan-gp``.
        pairs: the critic's input is the bicubic enlargement of LR and the image, concatenated (arXiv:1611.07004).
        betas: betas of Adam; None for those of the objective's paper.
        best: validation metric that chooses the best weights.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        training: Training,
        *,
        objective: Objective = "gan",
        loss: str = "mse",
        weight: float = 1e-3,
        lr: float = 1e-4,
        critic_lr: float | None = None,
        batch: int = 16,
        patch: int = 96,
        steps: int = 20_000,
        schedule: str = "constant",
        clip: float = 0.0,
        ema: float = 0.999,
        n_critic: int = 1,
        smooth: float = 0.9,
        limit: float = 0.01,
        penalty: float = 10.0,
        pairs: bool = False,
        betas: tuple[float, float] | None = None,
        best: str = defaults.PLANE[1],
    ) -> None:
        if n_critic > 1 and training.parts > 1:  # each update would need a whole batch before the next
            raise UsageError(f"--accumulate does not go with {n_critic} critic updates per step")
        self.training, self.objective, self.weight = training, objective, weight
        self.n_critic, self.smooth, self.limit, self.penalty = n_critic, smooth, limit, penalty
        self.pairs, self.betas = pairs, betas
        settings = training.choose(
            Settings(loss, lr, batch, patch, steps, schedule, clip, ema, draws=n_critic, best=best)
        )
        self.content = training.loss(settings.loss)
        self.bare_critic = critic
        self.generator, self.generator_optimizer = training.prepare(generator, self._optimizer(generator, settings.lr))
        judging_lr = settings.lr * (1 if critic_lr is None else critic_lr / lr)
        self.critic, self.critic_optimizer = training.prepare(critic, self._optimizer(critic, judging_lr))

    def _optimizer(self, module: nn.Module, lr: float) -> torch.optim.Optimizer:
        """Return the optimizer of the objective's paper."""
        if self.objective == "wgan":
            return torch.optim.RMSprop(module.parameters(), lr=lr)
        betas = self.betas or ((0.0, 0.9) if self.objective == "wgan-gp" else (0.9, 0.999))
        return torch.optim.Adam(module.parameters(), lr=lr, betas=betas)

    @property
    def formula(self) -> str:
        """The objectives of generator G and critic D, one per line; the settings name the content loss."""
        of = "D(x↑, {})" if self.pairs else "D({})"
        real, fake = of.format("y"), of.format("G(x)")
        if self.objective == "ragan":
            real, fake = f"{real} - mean {fake}", f"{fake} - mean {real}"
        opinion = {
            "gan": f"mean softplus(-{fake})",
            "ragan": f"(mean BCE({real}, 0) + mean BCE({fake}, 1))",
        }.get(self.objective, f"(-mean {fake})")
        lines = [f"min G: loss(G(x), y) + {self.weight:g} · {opinion}"]
        if self.objective in CLASSIFYING:
            lines.append(f"min D: mean BCE({real}, {self.smooth:g}) + mean BCE({fake}, 0)")
        else:
            penalty = "" if self.objective == "wgan" else f" + {self.penalty:g} · mean (‖∇D(ε y + (1-ε) G(x))‖ - 1)²"
            lines.append(f"min D: mean {fake} - mean {real}{penalty}")
        if self.objective == "wgan":
            lines.append(f"every weight of D clipped to ±{self.limit:g}")
        if self.n_critic > 1:
            lines.append(f"{self.n_critic} updates of D for each of G")
        return "\n".join(lines)

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Update the critic on each of the batches, then the generator on the last."""
        logs: dict[str, Tensor] = {}
        for small, real in zip(lr.chunk(self.n_critic), hr.chunk(self.n_critic), strict=True):
            with torch.no_grad():
                fake = self.generator(small)
            logs = self.judge(small, real, fake)
        return {**logs, **self.please(lr.chunk(self.n_critic)[-1], hr.chunk(self.n_critic)[-1])}

    def phase(self, number: int) -> int:
        """Return 0: every step launches the same work."""
        return 0

    def _shown(self, lr: Tensor, image: Tensor) -> Tensor:
        """Return the critic's input for an image."""
        return torch.cat([imresize(lr, (image.shape[-2], image.shape[-1])), image], dim=1) if self.pairs else image

    def judge(self, lr: Tensor, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Update the critic on HR and SR images, ``(N, 3, patch, patch)``, of the same LR."""
        fake = fake.clamp(0, 1)
        self.critic_optimizer.zero_grad()
        on_real, on_fake = self.critic(self._shown(lr, real)), self.critic(self._shown(lr, fake))
        logs = {"critic_real": on_real.mean().detach(), "critic_fake": on_fake.mean().detach()}
        if self.objective in CLASSIFYING:
            if self.objective == "ragan":
                on_real, on_fake = on_real - on_fake.mean(), on_fake - on_real.mean()
            loss = _cross_entropy(on_real, self.smooth) + _cross_entropy(on_fake, 0.0)
        else:
            distance = on_real.mean() - on_fake.mean()
            logs["wasserstein"] = distance.detach()
            loss = -distance
        if self.objective == "wgan-gp":
            penalty = self._gradient_penalty(lr, real, fake)
            logs["penalty"] = penalty.detach()
            loss = loss + self.penalty * penalty
        self.training.backward(loss)
        self.training.clip(self.critic, self.critic_optimizer)
        self.critic_optimizer.step()
        if self.objective == "wgan":
            with torch.no_grad():
                weights: list[Tensor] = list(self.critic.parameters())
                torch._foreach_clamp_min_(weights, -self.limit)
                torch._foreach_clamp_max_(weights, self.limit)
        return {"critic": loss.detach(), **logs}

    def _gradient_penalty(self, lr: Tensor, real: Tensor, fake: Tensor) -> Tensor:
        """Return the mean of (gradient norm of the critic - 1)² between real and fake images, in fp32."""
        weight = torch.rand(len(real), 1, 1, 1, device=real.device)
        between = torch.lerp(fake, real, weight).requires_grad_()
        # forward, not a call: torch.compile does not support second derivatives
        opinion = self.bare_critic.forward(self._shown(lr, between))
        (gradient,) = torch.autograd.grad(opinion.sum(), between, create_graph=True)
        penalty: Tensor = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
        return penalty

    def please(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Update the generator on the content and the adversarial loss."""
        self.generator_optimizer.zero_grad()
        with self.training.judging(self.critic):
            sr = self.generator(lr)
            content = self.content(sr, hr)
            opinion = self.critic(self._shown(lr, sr))
            if self.objective == "ragan":
                with torch.no_grad():
                    on_real = self.critic(self._shown(lr, hr))
                adversarial = _cross_entropy(on_real - opinion.mean(), 0.0)
                adversarial = adversarial + _cross_entropy(opinion - on_real.mean(), 1.0)
            else:
                adversarial = functional.softplus(-opinion).mean() if self.objective == "gan" else -opinion.mean()
            self.training.backward(content + self.weight * adversarial)
        self.training.clip(self.generator, self.generator_optimizer)
        self.generator_optimizer.step()
        return {"content": content.detach(), "adversarial": adversarial.detach()}

    def state(self) -> Mapping[str, Any]:
        """Return both networks and both optimizers."""
        return {
            "generator": self.generator,
            "critic": self.critic,
            "generator_optimizer": self.generator_optimizer,
            "critic_optimizer": self.critic_optimizer,
        }


def _cross_entropy(logits: Tensor, label: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
