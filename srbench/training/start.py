"""What a training starts from: the method, its loss, the weights of another; faults show before data are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from srbench.errors import UsageError
from srbench.training.expression import parse
from srbench.weights import find_weights, load_weights

if TYPE_CHECKING:
    import torch

    from srbench.catalog import Catalog
    from srbench.specs import ModelSpec
    from srbench.terminal import UI
    from srbench.training.request import TrainRequest
    from srbench.weights import Weights


def find_method(request: TrainRequest, catalog: Catalog) -> ModelSpec:
    """Return the method that is to learn.

    Raises:
        UsageError: it cannot, or the loss or the weights to start from that were chosen for it do not exist.
    """
    spec = catalog.models[request.method]
    if spec.recipe is None:
        raise UsageError(f"{spec.name} has nothing to learn")
    if request.scale not in spec.scales:
        does = ", ".join(f"x{scale}" for scale in sorted(spec.scales))
        raise UsageError(f"{spec.name} does not do x{request.scale}; it does {does}")
    for _, name in parse(request.overrides.loss) if request.overrides.loss is not None else ():
        _ = catalog.losses[name]
    _find(spec, request, catalog)
    return spec


def load_start(
    net: torch.nn.Module, spec: ModelSpec, request: TrainRequest, catalog: Catalog, ui: UI
) -> dict[str, Any] | None:
    """Load the weights that a method starts from; return what the card says of them.

    Raises:
        UsageError: there are none.
        MethodError: they do not fit.
    """
    origin = _find(spec, request, catalog)
    if origin is None:
        return None
    source, found = origin
    load_weights(net, found.path)
    if not request.resume:
        ui.note(f"starts from {found.origin} weights of {source.name}: {found.path}")
    return {"method": source.name, "sha256": found.digest, "steps": found.card.get("steps_done")}


def _find(spec: ModelSpec, request: TrainRequest, catalog: Catalog) -> tuple[ModelSpec, Weights] | None:
    """Return the method whose weights a training starts from, and these; None where it starts from nothing.

    Raises:
        UsageError: it starts from another method's weights and there are none.
    """
    if not spec.start_from and not request.start_from:
        return None
    source = catalog.models[spec.start_from or spec.name]
    found = find_weights(source, request.scale, request.start_from, f"--start-from {request.start_from}")
    if found is None:
        raise UsageError(
            f"{spec.name} starts from {source.name}'s weights, and there are none for x{request.scale}: "
            f"'srbench train {source.name} --scale {request.scale} --data ...' makes them, "
            "--start-from PATH names others"
        )
    return source, found
