"""The moving average of a network's weights, which is validated and saved."""

from __future__ import annotations

import copy
from typing import Any

import torch


class MovingAverage:
    """Moving average of a network's parameters; buffers are copied. The decay rises as (1 + step) / (10 + step).

    Args:
        net: the network being trained.
        decay: upper limit of the decay, in [0, 1); 0 copies the network after each step.
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
        for ours, theirs in self._buffers:  # grouped by dtype: mixed groups are copied one by one
            torch._foreach_copy_(ours, theirs)

    def state_dict(self) -> dict[str, Any]:
        """Return the averaged weights."""
        return self.net.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load averaged weights."""
        self.net.load_state_dict(state)
