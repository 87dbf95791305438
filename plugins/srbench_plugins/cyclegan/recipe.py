"""The recipe of CycleGAN: two generators and two critics, trained on unpaired images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from srbench.training.recipes.session import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from srbench.training import Training
    from srbench_plugins.cyclegan.network import CycleGAN

CYCLE, IDENTITY = 10.0, 5.0
"""Weights of the cycle and identity losses, as in the paper."""
POOL = 50
"""Images in a pool, as in the paper."""


class ImagePool:
    """A buffer of earlier outputs of a generator, which reduces a critic's oscillation (Shrivastava et al. 2017).

    The first `POOL` images are stored and returned. After that each image is returned with probability 1/2, else it
    replaces a stored image, which is returned.
    """

    def __init__(self) -> None:
        self.images: Tensor | None = None
        self.count = 0

    def exchange(self, images: Tensor) -> Tensor:
        """Return ``(N, 3, H, W)`` images, new or stored, for ``(N, 3, H, W)`` new ones; no gradients pass."""
        images = images.detach()
        size = max(POOL, len(images))
        if self.images is None:
            self.images = images.new_zeros(size, *images.shape[1:])
        self.images = self.images.to(images.device)  # a restored state is in host memory
        if self.count < size:
            added = images[: size - self.count]
            self.images[self.count : self.count + len(added)] = added
            self.count += len(added)
            return images
        indices = torch.randperm(size, device=images.device)[: len(images)]
        swap = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
        stored = self.images[indices]
        self.images[indices] = torch.where(swap, images, stored)
        return torch.where(swap, stored, images)

    def state_dict(self) -> dict[str, Any]:
        """Return the stored images and their number."""
        return {"count": self.count} | ({} if self.images is None else {"images": self.images})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the images and their number."""
        self.count, self.images = state["count"], state.get("images")


class Unpaired:
    """CycleGAN's recipe: least-squares critics, cycle and identity losses, on HR and on LR enlarged to HR's size.

    Each step receives two batches and uses LR of the first and HR of the second, so that nothing is learned from pairs.

    Args:
        net: the method's network, from LR to HR.
        back: generator from HR to enlarged LR.
        critics: the critic of HR and the critic of enlarged LR.
        training: settings, losses, precision and devices.
    """

    def __init__(
        self, net: CycleGAN, back: nn.Module, critics: tuple[nn.Module, nn.Module], training: Training
    ) -> None:
        self.training = training
        settings = training.choose(
            Settings(
                loss="l1",
                lr=2e-4,
                batch=1,
                patch=128,
                steps=50_000,
                schedule="constant",
                clip=0.0,
                ema=0.999,
                draws=2,
                best="lpips",
            )
        )
        self.distance = training.loss(settings.loss)
        self.enlarge = net.enlarge

        def prepare(module: nn.Module) -> tuple[nn.Module, Any]:
            return training.prepare(module, torch.optim.Adam(module.parameters(), lr=settings.lr, betas=(0.5, 0.999)))

        self.forth, self.forth_optimizer = prepare(net.translator)
        self.back, self.back_optimizer = prepare(back)
        self.critic_hr, self.critic_hr_optimizer = prepare(critics[0])
        self.critic_lr, self.critic_lr_optimizer = prepare(critics[1])
        self.pool_hr, self.pool_lr = ImagePool(), ImagePool()

    formula = (
        "min G, F: mean (D(G(x↑)) - 1)² + mean (E(F(y)) - 1)²\n"
        f"  + {CYCLE:g} · (loss(F(G(x↑)), x↑) + loss(G(F(y)), y))\n"
        f"  + {IDENTITY:g} · (loss(G(y), y) + loss(F(x↑), x↑))\n"
        "min D: ½ (mean (D(y) - 1)² + mean D(G(x↑))²), min E: the same of E, x↑ and F(y)\n"
        f"x↑: enlarged LR, F: generator from HR to x↑; D and E see images from pools of {POOL} earlier outputs"
    )

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Update both generators, then both critics on images from the pools."""
        enlarged, real_hr = self.enlarge(lr.chunk(2)[0]), hr.chunk(2)[1]
        logs, fake_hr, fake_lr = self._update_generators(enlarged, real_hr)
        critic_hr = self._update_critic(
            self.critic_hr, self.critic_hr_optimizer, real_hr, self.pool_hr.exchange(fake_hr)
        )
        critic_lr = self._update_critic(
            self.critic_lr, self.critic_lr_optimizer, enlarged, self.pool_lr.exchange(fake_lr)
        )
        return {**logs, "critic_hr": critic_hr, "critic_lr": critic_lr}

    def _update_generators(self, enlarged: Tensor, hr: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Update both generators on the adversarial, cycle and identity losses.

        Args:
            enlarged: enlarged LR, ``(N, 3, H, W)`` in [0, 1].
            hr: HR of other images, of the same shape.

        Returns:
            Scalars to log, generated HR and generated enlarged LR.
        """
        self.forth_optimizer.zero_grad()
        self.back_optimizer.zero_grad()
        with self.training.judging(self.critic_hr), self.training.judging(self.critic_lr):
            fake_hr, fake_lr = self.forth(enlarged), self.back(hr)
            adversarial = (self.critic_hr(fake_hr) - 1).square().mean() + (self.critic_lr(fake_lr) - 1).square().mean()
            cycle = self.distance(self.back(fake_hr), enlarged) + self.distance(self.forth(fake_lr), hr)
            identity = self.distance(self.forth(hr), hr) + self.distance(self.back(enlarged), enlarged)
            self.training.backward(adversarial + CYCLE * cycle + IDENTITY * identity)
        for net, optimizer in ((self.forth, self.forth_optimizer), (self.back, self.back_optimizer)):
            self.training.clip(net, optimizer)
            optimizer.step()
        logs = {"adversarial": adversarial.detach(), "cycle": cycle.detach(), "identity": identity.detach()}
        return logs, fake_hr, fake_lr

    def _update_critic(self, critic: nn.Module, optimizer: Any, real: Tensor, fake: Tensor) -> Tensor:
        """Update a critic on real and generated images by least squares, and return its loss.

        The loss is halved, so that critics learn half as fast as generators, as in the paper.
        """
        optimizer.zero_grad()
        loss: Tensor = 0.5 * ((critic(real) - 1).square().mean() + critic(fake).square().mean())
        self.training.backward(loss)
        self.training.clip(critic, optimizer)
        optimizer.step()
        return loss.detach()

    def state(self) -> Mapping[str, Any]:
        """Return all networks, their optimizers and both pools."""
        names = ("forth", "back", "critic_hr", "critic_lr")
        parts = {name: getattr(self, name) for name in (*names, *(f"{name}_optimizer" for name in names))}
        return {**parts, "pool_hr": self.pool_hr, "pool_lr": self.pool_lr}
