"""Two translators and two critics, on images that have nothing to do with each other."""

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
POOL = 50


class ImagePool:
    """The last images a generator made: a critic that sees older ones too oscillates less (Shrivastava et al. 2017).

    The first `POOL` images are kept and handed on. Later, one half of the images is handed on, and the other half
    changes places with kept ones.
    """

    def __init__(self) -> None:
        self.images: Tensor | None = None
        self.count = 0

    def exchange(self, images: Tensor) -> Tensor:
        """Return as many images, ``(N, 3, H, W)``, as are given."""
        images = images.detach()
        size = max(POOL, len(images))
        if self.images is None:
            self.images = images.new_zeros(size, *images.shape[1:])
        self.images = self.images.to(images.device)  # a state is read to the host
        if self.count < size:
            taken = images[: size - self.count]
            self.images[self.count : self.count + len(taken)] = taken
            self.count += len(taken)
            return images
        place = torch.randperm(size, device=images.device)[: len(images)]
        change = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
        kept = self.images[place]
        self.images[place] = torch.where(change, images, kept)
        return torch.where(change, kept, images)

    def state_dict(self) -> dict[str, Any]:
        """Return the images kept."""
        return {"count": self.count} | ({} if self.images is None else {"images": self.images})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self.count, self.images = state["count"], state.get("images")


class Unpaired:
    """CycleGAN: least-squares critics, cycle and identity losses; LR is seen enlarged to HR's size.

    Each step is given two batches: LR of the one and HR of the other, so that nothing is learned from pairs.

    Args:
        net: the method's network, from LR to HR.
        back: translates HR to enlarged LR.
        critics: of HR, and of enlarged LR.
        training: what the command line chose, and the way to losses, precision and devices.
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
        self.same = training.loss(settings.loss)
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
        f"x↑ is LR enlarged, F leads back; D and E are shown images of the last {POOL} made"
    )

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Update both translators, then both critics on images of the pools."""
        small, real_hr = self.enlarge(lr.chunk(2)[0]), hr.chunk(2)[1]
        logs, fake_hr, fake_lr = self._translate(small, real_hr)
        critic_hr = self._judge(self.critic_hr, self.critic_hr_optimizer, real_hr, self.pool_hr.exchange(fake_hr))
        critic_lr = self._judge(self.critic_lr, self.critic_lr_optimizer, small, self.pool_lr.exchange(fake_lr))
        return {**logs, "critic_hr": critic_hr, "critic_lr": critic_lr}

    def _translate(self, small: Tensor, hr: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Learn to fool the critics, to come back to where one started, and to leave alone what is right already."""
        self.forth_optimizer.zero_grad()
        self.back_optimizer.zero_grad()
        with self.training.judging(self.critic_hr), self.training.judging(self.critic_lr):
            fake_hr, fake_lr = self.forth(small), self.back(hr)
            adversarial = (self.critic_hr(fake_hr) - 1).square().mean() + (self.critic_lr(fake_lr) - 1).square().mean()
            cycle = self.same(self.back(fake_hr), small) + self.same(self.forth(fake_lr), hr)
            identity = self.same(self.forth(hr), hr) + self.same(self.back(small), small)
            self.training.backward(adversarial + CYCLE * cycle + IDENTITY * identity)
        for net, optimizer in ((self.forth, self.forth_optimizer), (self.back, self.back_optimizer)):
            self.training.clip(net, optimizer)
            optimizer.step()
        logs = {"adversarial": adversarial.detach(), "cycle": cycle.detach(), "identity": identity.detach()}
        return logs, fake_hr, fake_lr

    def _judge(self, critic: nn.Module, optimizer: Any, real: Tensor, fake: Tensor) -> Tensor:
        """Learn to tell real images from made ones; least squares, half as fast as the translators, as in the paper."""
        optimizer.zero_grad()
        loss: Tensor = 0.5 * ((critic(real) - 1).square().mean() + critic(fake).square().mean())
        self.training.backward(loss)
        self.training.clip(critic, optimizer)
        optimizer.step()
        return loss.detach()

    def state(self) -> Mapping[str, Any]:
        """Return all networks, optimizers and both pools."""
        names = ("forth", "back", "critic_hr", "critic_lr")
        parts = {name: getattr(self, name) for name in (*names, *(f"{name}_optimizer" for name in names))}
        return {**parts, "pool_hr": self.pool_hr, "pool_lr": self.pool_lr}
