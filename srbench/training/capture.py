"""A recipe's step as one CUDA graph: one launch replaces many hundreds of kernel launches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from srbench.system.terminal import UI
    from srbench.training.recipes.protocol import Recipe
    from srbench.training.recipes.session import Training

    Step = Callable[[Tensor, Tensor], Mapping[str, Tensor]]

WARM_UP = 3
"""Steps of each phase run before its capture: optimizers create their state, cuDNN and cuBLAS their handles."""


def fastest_step(recipe: Recipe, training: Training, ui: UI) -> Step:
    """Return the function that takes a step: `Captured.step` if the recipe has phases and the training allows it."""
    phase = phase_of(recipe)
    if phase is None or not training.can_be_captured:
        return recipe.step
    return Captured(recipe, training, phase, ui).step


def phase_of(recipe: Recipe) -> Callable[[int], int] | None:
    """Return the recipe's ``phase`` if it is defined in the same class as ``step``, which it describes; else None."""
    owner = next((kind for kind in type(recipe).__mro__ if "step" in vars(kind)), None)
    return getattr(recipe, "phase", None) if owner is not None and "phase" in vars(owner) else None


class Captured:
    """Takes steps by replaying a captured step of the same phase.

    See "Accelerating PyTorch with CUDA Graphs" (pytorch.org, 2021). Random numbers depend on the step's seed in a
    replay too. Learning rates are tensors on the device, set before each step.

    Args:
        recipe: the recipe; its steps of one phase launch the same work each time.
        training: the training that the recipe was built with.
        phase: maps a step's number to its phase.
        ui: is told why steps are not captured.
    """

    def __init__(self, recipe: Recipe, training: Training, phase: Callable[[int], int], ui: UI) -> None:
        self._recipe, self._training, self._phase, self._ui = recipe, training, phase, ui
        self._warm: dict[int, int] = {}
        self.graphs: dict[int, _Graph] = {}
        """The captured graph of each phase."""
        self._refused = False
        self._side: Any = torch.cuda.Stream(training.device)  # type: ignore[no-untyped-call]

    def step(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Take the step started by `Training.begin`; see `Recipe.step`."""
        phase = self._phase(self._training.step_number)
        if self._refused:
            return self._recipe.step(lr, hr)
        if phase not in self.graphs:
            if self._warm.setdefault(phase, 0) < WARM_UP:
                self._warm[phase] += 1
                return self._aside(lr, hr)
            try:
                self.graphs[phase] = _Graph(self._recipe.step, lr, hr)
            except RuntimeError as error:
                self._refused = True
                self._ui.note(f"steps are not captured as a CUDA graph: {str(error).splitlines()[0]}")
                return self._recipe.step(lr, hr)
        return self.graphs[phase].replay(lr, hr)

    def _aside(self, lr: Tensor, hr: Tensor) -> Mapping[str, Tensor]:
        """Take a step on a side stream, as a capture does: autograd's state belongs to a stream."""
        current = torch.cuda.current_stream(self._training.device)
        self._side.wait_stream(current)
        with torch.cuda.stream(self._side):
            logs = self._recipe.step(lr, hr)
        current.wait_stream(self._side)
        return logs


class _Graph:
    """One captured step with its input and output buffers."""

    def __init__(self, step: Step, lr: Tensor, hr: Tensor) -> None:
        self._lr, self._hr = torch.empty_like(lr).copy_(lr), torch.empty_like(hr).copy_(hr)
        self._graph = torch.cuda.CUDAGraph()
        # thread_local: the thread that decodes images may copy to the device during the capture
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            logs = step(self._lr, self._hr)
            self._values = torch.stack([value.float() for value in logs.values()])
        self._names = list(logs)

    def replay(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        self._lr.copy_(lr)
        self._hr.copy_(hr)
        self._graph.replay()
        values: Any = self._values.clone()  # the next replay overwrites them
        return dict(zip(self._names, values, strict=True))
