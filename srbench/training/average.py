"""The moving average of a network's weights: what is validated and kept."""

from __future__ import annotations

import copy
from typing import Any

import torch


class MovingAverage:
    """Moving average of a network's parameters, its decay rising as (1 + t) / (10 + t); buffers are copied.

    Args:
        net: the network that is trained.
        decay: what the decay rises to; 0 copies the network after each step.
    """

    def __init__(self, net: torch.nn.Module, decay: float) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(requires_grad=False)
        self.decay = decay
        self._ours: list[torch.Tensor] = list(self.net.parameters())
        self._theirs: list[torch.Tensor] = list(net.parameters())
        pairs = list(zip(self.net.buffers(), net.buffers(), strict=True))
        kinds = {theirs.dtype for _, theirs in pairs}
        self._buffers = [tuple(zip(*(pair for pair in pairs if pair[1].dtype == kind), strict=True)) for kind in kinds]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the network's weights after a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay)
        for ours, theirs in self._buffers:  # of one type each, or they are copied one by one
            torch._foreach_copy_(ours, theirs)

    def state_dict(self) -> dict[str, Any]:
        """Return the averaged weights."""
        return self.net.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self.net.load_state_dict(state)
