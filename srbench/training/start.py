"""The method and the weights that a training starts from, checked before data are read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from srbench.errors import MethodError, UsageError
from srbench.store.home import users_path
from srbench.store.weights import CHOICES, find_weights, load_weights, read_card, read_weights
from srbench.training.recipes.expression import parse

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from srbench.catalog.catalog import Catalog
    from srbench.specs import ModelSpec
    from srbench.store.weights import Weights
    from srbench.system.terminal import UI
    from srbench.training.request import TrainRequest


def find_method(request: TrainRequest, catalog: Catalog) -> ModelSpec:
    """Return the method to train.

    Raises:
        UsageError: it cannot be trained, or the chosen loss or the weights to start from do not exist.
    """
    spec = catalog.models[request.method]
    if spec.ensemble:
        raise UsageError(f"{spec.name} has the weights of {spec.base}; train that")
    if spec.recipe is None:
        raise UsageError(f"{spec.name} has nothing to learn")
    if request.scale not in spec.scales:
        raise UsageError(f"{spec.name} {spec.lacks_scale(request.scale)}")
    for _, name in parse(request.overrides.loss) if request.overrides.loss is not None else ():
        _ = catalog.losses[name]
    _find(spec, request, catalog)
    return spec


def load_start(
    net: torch.nn.Module, spec: ModelSpec, request: TrainRequest, catalog: Catalog, ui: UI
) -> dict[str, Any] | None:
    """Load the weights that a method starts from; return their entry for the card, or None without any.

    Raises:
        UsageError: the weights do not exist.
        MethodError: the weights do not fit the network.
    """
    origin = _find(spec, request, catalog)
    if origin is None:
        return None
    source, weights, scale = origin
    text = f"starts from {weights.origin} weights of {source.name}: {weights.path}"
    if scale == request.scale:
        load_weights(net, weights.path)
    else:
        new = _load_fitting(net, weights.path)
        text += f", made for x{scale}; new in x{request.scale}: {', '.join(new) or 'nothing'}"
    if not request.resume:
        ui.note(text)
    return {
        "method": source.name,
        "sha256": weights.digest,
        "steps": weights.card.get("steps_done"),
        **({} if scale == request.scale else {"scale": scale}),
    }


def _load_fitting(net: torch.nn.Module, path: Path) -> list[str]:
    """Load the tensors of another scale's weights that fit a network; return the names of those left as initialised.

    Raises:
        MethodError: no tensor fits, or the file is damaged.
    """
    theirs, own = read_weights(path), net.state_dict()
    fitting = {name: value for name, value in theirs.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise MethodError(f"weights {path}: nothing in them fits the network")
    net.load_state_dict({**own, **fitting})
    return [name for name in own if name not in fitting]


def _find(spec: ModelSpec, request: TrainRequest, catalog: Catalog) -> tuple[ModelSpec, Weights, int] | None:
    """Return the method, the weights and the scale that a training starts from; None if it starts from scratch.

    Raises:
        UsageError: the weights do not exist.
    """
    if not spec.start_from and not request.start_from:
        return None
    # weights of another scale, as EDSR trains x3 and x4 from x2 (Lim et al. 2017, arXiv:1707.02921)
    other = re.fullmatch(r"x(\d+)", request.start_from)
    # the method's own weights, by the file's card: to continue with other settings
    is_file = not other and request.start_from not in ("", *CHOICES)
    own = is_file and read_card(users_path(request.start_from)).get("method") == spec.name
    source = spec if own else catalog.models[spec.start_from or spec.name]
    scale, choice = (int(other[1]), "") if other else (request.scale, request.start_from)
    weights = find_weights(source, scale, choice, f"--start-from {choice}" if choice else "")
    if weights is None:
        raise UsageError(
            f"{spec.name} starts from {source.name}'s weights, and there are none for x{scale}: "
            f"'srbench train {source.name} --scale {scale} --data ...' makes them, "
            "--start-from PATH names others"
        )
    return source, weights, scale
