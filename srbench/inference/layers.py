"""Describe a network as a table of modules with output shapes and parameter counts.

Shapes are recorded by hooks during a forward pass. Consecutive identical modules share one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from srbench.errors import SRBenchError, say
from srbench.inference.macs import MacCounter
from srbench.inference.upscale import accepted

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 32
"""LR height and width of the forward pass, before rounding up to the network's multiple."""


@dataclass(frozen=True)
class Layer:
    """One line of the table: a module, or several consecutive identical ones."""

    name: str
    kind: str
    shape: tuple[int, ...]
    """Shape of the output without the batch; empty if the module was not called."""
    params: int
    """Number of parameters of all modules of the line, including submodules."""
    depth: int = 0
    count: int = 1


@dataclass(frozen=True)
class Network:
    """A network's layers and totals, at one size of LR."""

    layers: list[Layer]
    params: int
    macs: int | None
    """Multiply-accumulates of one forward pass, see `srbench.inference.macs`; None outside torch."""
    lr: tuple[int, ...]
    sr: tuple[int, ...]


def inspect_network(net: nn.Module, multiple: int = 1, smallest: int = 1) -> Network:
    """Run a network once on the CPU and describe it.

    Args:
        net: maps ``(1, 3, h, w)`` to ``(1, 3, h*scale, w*scale)``.
        multiple: what h and w must be multiples of.
        smallest: what h and w must be at least.

    Raises:
        SRBenchError: the network fails.
    """
    size = accepted(SIZE, multiple, smallest)
    lr = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    shapes: dict[nn.Module, tuple[int, ...]] = {}

    def see(module: nn.Module, _given: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            shapes[module] = tuple(output.shape[1:])

    hooks = [module.register_forward_hook(see) for module in net.modules()]
    try:
        with torch.inference_mode(), MacCounter() as counter:
            sr = net(lr)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise SRBenchError(f"the network fails on LR of {size}x{size}: {say(error)}") from error
    finally:
        for hook in hooks:
            hook.remove()
    macs = None if getattr(net, "outside_torch", False) else counter.macs
    layers = list(_inside(net, "", 0, shapes))
    return Network(layers, _params(net), macs, tuple(lr.shape[1:]), tuple(sr.shape[1:]))


def _inside(parent: nn.Module, prefix: str, depth: int, shapes: dict[nn.Module, tuple[int, ...]]) -> Iterator[Layer]:
    """Yield the lines of a module's descendants."""
    children = list(parent.named_children())
    own = sum(parameter.numel() for parameter in parent.parameters(recurse=False))
    if own and children:
        yield Layer(f"{prefix}(own)", "parameters", (), own, depth)
    index = 0
    while index < len(children):
        name, module = children[index]
        alike = 1
        while any(True for _ in module.children()) and index + alike < len(children):
            following = children[index + alike][1]
            if repr(following) != repr(module) or shapes.get(following) != shapes.get(module):
                break
            alike += 1
        last = children[index + alike - 1][0]
        shown = f"{prefix}{name}" if alike == 1 else f"{prefix}{name} to {last}"
        yield Layer(shown, _kind(module), shapes.get(module, ()), alike * _params(module), depth, alike)
        yield from _inside(module, f"{prefix}{name}.", depth + 1, shapes)
        index += alike


def _params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _kind(module: nn.Module) -> str:
    """Return a module's type with its main settings."""
    name = type(module).__name__
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        kernel = "x".join(str(side) for side in module.kernel_size)
        stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        return f"{name} {kernel}{stride}, {module.in_channels} to {module.out_channels}"
    if isinstance(module, nn.Linear):
        return f"{name} {module.in_features} to {module.out_features}"
    if isinstance(module, nn.PixelShuffle):
        return f"{name} by {module.upscale_factor}"
    return name
