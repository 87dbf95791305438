"""The contract of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Recipe(Protocol):
    """A training step. The harness owns data, budget, precision, devices, logging, validation and checkpoints.

    Optional method ``phase(number) -> int``, in the same class as ``step``: steps of the same phase must launch the
    same work, whatever their values and random numbers. On a GPU one step of each phase is captured as a CUDA graph
    and replayed.

    Optional attribute ``formula``, for recipes that minimise more than their settings' loss: the objective in Unicode,
    a line per network, x being LR and y HR, with the numbers used (``srbench info`` shows it).
    """

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Learn from one batch.

        Args:
            lr: ``(N, 3, h, w)``, float32 in [0, 1].
            hr: ``(N, 3, h*scale, w*scale)``, float32 in [0, 1].

        Returns:
            Scalars to log, by name, still on the device, so that a step does not wait for it.
        """

    def state(self) -> Mapping[str, Any]:
        """Return everything needed to resume exactly, by name: objects with ``state_dict`` and ``load_state_dict``."""
