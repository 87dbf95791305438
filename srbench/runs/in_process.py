"""Networks and functions of this process as methods: `srbench.method`."""

from __future__ import annotations

import copy
import hashlib
import inspect
import re
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from srbench.catalog.in_process import REGISTERED, register
from srbench.errors import UsageError
from srbench.specs import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import torch


def method(
    net: torch.nn.Module | Callable[[torch.Tensor], torch.Tensor],
    name: str = "",
    scale: int | Collection[int] = 4,
    **fields: Any,
) -> ModelSpec:
    """Return a network or function as a method for `srbench.run`.

    It runs in this process, without isolation or time limit. A network is copied, set to eval mode and moved to the
    device of the run; results belong to its weights and code. Of a function, whose state cannot be known, nothing is
    reused.

    Args:
        net: maps RGB ``(N, 3, h, w)``, float32 in [0, 1], to ``(N, 3, h*scale, w*scale)``.
        name: name of its row; empty for that of its class or function. A method made again replaces the earlier.
        scale: its scale factor, or several.
        **fields: other fields of `srbench.ModelSpec`, such as ``halo``, ``multiple`` and ``summary``.

    Raises:
        UsageError: it is neither a network nor callable, or has no values.
        SpecError: a field is invalid.
    """
    from torch import nn

    if isinstance(net, type) or not callable(net):
        raise UsageError(f"a method is a torch.nn.Module or a callable, not {_shown(net)}")
    if isinstance(net, nn.Module) and any(value.is_meta for value in (*net.parameters(), *net.buffers())):
        raise UsageError(f"{_shown(net)} is on the meta device, without values; load its weights first")
    spec = ModelSpec(
        name=name or name_of(net),
        summary=fields.pop("summary", f"{_shown(net)}, made in Python"),
        scales={scale} if isinstance(scale, int) else scale,
        build=partial(_copy, net),
        **fields,
    )
    register(spec, _digest(net) if isinstance(net, nn.Module) else uuid.uuid4().hex[:16])
    return spec


def names_of(methods: Iterable[Any], scales: Collection[int], known: Collection[str]) -> tuple[str, ...]:
    """Return methods by their names; networks and functions among them become methods.

    Args:
        methods: names, what `method` returned, networks and functions.
        scales: the scales of the run, which unnamed networks and functions are said to do.
        known: names of other methods, which none may have.

    Raises:
        UsageError: two methods have the same name.
    """
    names: list[Any] = []
    for item in methods:
        if not isinstance(item, ModelSpec) and not callable(item):  # a name, or what a request refuses
            names += [] if item in names else [item]
            continue
        spec = item if isinstance(item, ModelSpec) else method(item, scale=scales)
        if spec.name not in REGISTERED or REGISTERED[spec.name][0] is not spec:
            raise UsageError(f"{spec.name} was not made by srbench.method, or was replaced by a later one of that name")
        if spec.name in known or spec.name in names:
            raise UsageError(f"there is a method {spec.name} already; srbench.method(net, name=...) gives another name")
        names.append(spec.name)
    return tuple(names)


def name_of(net: object) -> str:
    """Return the name of a network's class or of a function, in the form of a method's name."""
    text = re.sub(r"[^a-z0-9._-]+", "-", _shown(net).lower()).strip("._-")
    return text or "method"


def _shown(net: object) -> str:
    return str(getattr(net, "__name__", type(net).__name__))


def _copy(net: Any, _scale: int) -> torch.nn.Module:
    from torch import nn

    if isinstance(net, nn.Module):
        return copy.deepcopy(net)

    class Function(nn.Module):
        """A function as a network."""

        def forward(self, lr: torch.Tensor) -> torch.Tensor:
            sr: torch.Tensor = net(lr)
            return sr

    return Function()


def _digest(net: torch.nn.Module) -> str:
    """Return a hash of a network's weights, structure and code."""
    import torch

    digest = hashlib.sha256(repr(net).encode())
    for kind in sorted({type(part) for part in net.modules()}, key=lambda kind: kind.__qualname__):
        if not kind.__module__.startswith("torch."):
            try:
                digest.update(inspect.getsource(kind).encode())
            except (OSError, TypeError):  # made in an interactive session: its code may be another each time
                digest.update(uuid.uuid4().bytes)
    values = dict(net.state_dict())
    for name, part in net.named_modules():
        if not type(part).__module__.startswith("torch."):
            values |= {f"{name}.{key}": value for key, value in _settings(part).items()}
    for name, value in values.items():
        if isinstance(value, torch.Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        else:
            digest.update(f"{name} {value!r}".encode() if _is_plain(value) else uuid.uuid4().bytes)
    return digest.hexdigest()[:16]


def _settings(part: torch.nn.Module) -> dict[str, Any]:
    """Return what a module keeps beside its weights, such as ``self.gain = 2``: its output may depend on it."""
    from torch import nn

    own = vars(nn.Module())
    return {key: value for key, value in vars(part).items() if key not in own}


def _is_plain(value: Any) -> bool:
    """Return whether a value's text says all of it; of others, such as functions, the state cannot be known."""
    import torch

    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | complex | str | bytes | torch.dtype | torch.device)
