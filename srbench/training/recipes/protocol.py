"""The contract of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Recipe(Protocol):
    """Owns the step. The harness owns data, budget, precision, devices, logging, validation and checkpoints.

    One whose step launches the same work each time, whatever its number, the values and the numbers drawn are, may say
    so by a method ``phase(number) -> int``, beside ``step`` in its class; work that changes with the step's number is
    another phase. On a GPU a step of each phase is then captured as a CUDA graph and replayed.

    One that minimises more than its settings' loss may say so in an attribute ``formula``: what is minimised, a line
    per network, in Unicode, x being LR and y HR, with the numbers that the step uses (``srbench info`` shows it).
    """

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Learn from one batch.

        Args:
            lr: ``(N, 3, h, w)``, float32 in [0, 1].
            hr: ``(N, 3, h*scale, w*scale)``, float32 in [0, 1].

        Returns:
            Scalars to log, left on the device: a step never waits for it.
        """

    def state(self) -> Mapping[str, Any]:
        """Return all that an exact resumption needs, by name: objects with ``state_dict`` and ``load_state_dict``."""
