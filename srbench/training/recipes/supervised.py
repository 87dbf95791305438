"""One network, one loss, Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from srbench import defaults
from srbench.training.recipes.session import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from srbench.training.recipes.session import Training


class Supervised:
    """One network, one loss, Adam.

    Args:
        net: the method's network.
        training: the command line's choices, losses, precision and devices.
        loss: expression such as ``mse`` or ``1*mse+0.006*vgg22``.
        lr: peak learning rate of Adam.
        batch: patches per step.
        patch: HR patch size in pixels.
        steps: number of steps.
        schedule: ``constant``, ``cosine`` or ``onecycle``.
        clip: largest gradient norm; 0 for no limit.
        ema: decay, in [0, 1), of the moving average of the weights that is validated and saved; 0 for none.
        best: validation metric that chooses the best weights.
    """

    def __init__(
        self,
        net: nn.Module,
        training: Training,
        *,
        loss: str = "l1",
        lr: float = 5e-4,
        batch: int = 16,
        patch: int = 96,
        steps: int = 100_000,
        schedule: str = "onecycle",
        clip: float = 0.0,
        ema: float = 0.999,
        best: str = defaults.PLANE[0],
    ) -> None:
        self.training = training
        settings = training.choose(Settings(loss, lr, batch, patch, steps, schedule, clip, ema, best=best))
        self.loss = training.loss(settings.loss)
        self.net, self.optimizer = training.prepare(net, torch.optim.Adam(net.parameters(), lr=settings.lr))

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Take one gradient step."""
        self.optimizer.zero_grad()
        loss = self.loss(self.net(lr), hr)
        self.training.backward(loss)
        self.training.clip(self.net, self.optimizer)
        self.optimizer.step()
        return {"loss": loss.detach()}

    def phase(self, number: int) -> int:
        """Return 0: every step launches the same work."""
        return 0

    def state(self) -> Mapping[str, Any]:
        """Return the network and its optimizer."""
        return {"net": self.net, "optimizer": self.optimizer}
