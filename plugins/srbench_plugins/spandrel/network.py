"""Loading a checkpoint without executing code in it, and the module that runs it."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from spandrel import (
    MAIN_REGISTRY,
    ArchRegistry,
    ImageModelDescriptor,
    ModelLoader,
    ModelTiling,
    UnsupportedModelError,
)
from torch import nn

from srbench.errors import UsageError, one_line
from srbench_plugins.spandrel.reading import read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = (
    *("params_ema", "params-ema", "generator_ema", "g_ema", "netG_ema", "net_g_ema", "model_ema", "ema_model", "ema"),
    *("params", "model_state_dict", "state_dict", "generator", "netG", "net_g", "model", "net", "network", "module"),
    *("_orig_mod", "student", "sr", "net_sr", "backbone"),
)
"""Keys and prefixes of weights, in the order in which they are tried."""
HALOS = (8, 16, 32, 64)
"""Overlaps of tiles that are tried, in LR pixels."""
EXACT = 2e-5
"""Largest difference that a tile may make, of values in [0, 1]: a hundredth of a step of 8 bits."""
DEEPEST = 4
"""Most keys and prefixes that are taken off."""

PURPOSES = {"Restoration": "restores images of the same size", "FaceSR": "restores aligned faces"}
"""Descriptions of spandrel's purposes other than SR, for messages."""


def load(path: Path) -> ImageModelDescriptor[Any]:
    """Return spandrel's descriptor of the network in a checkpoint.

    Raises:
        UsageError: the file cannot be read safely, its architecture is unknown, or it is not an SR network for RGB.
    """
    source = f"spandrel:{path}"
    descriptor = _recognised(read_checkpoint(path), source)
    architecture = descriptor.architecture.name
    if not isinstance(descriptor, ImageModelDescriptor):
        raise UsageError(f"{source}: is {architecture}, which fills in masked parts; it is not an SR network")
    if descriptor.purpose != "SR":
        purpose = PURPOSES.get(descriptor.purpose, f"is for {descriptor.purpose}")
        raise UsageError(f"{source}: is {architecture}, which {purpose}; it is not an SR network")
    if (descriptor.input_channels, descriptor.output_channels) != (3, 3):
        channels = f"{descriptor.input_channels} to {descriptor.output_channels} channels"
        raise UsageError(f"{source}: is {architecture} for {channels}; a method takes and returns RGB")
    if descriptor.scale < 2:
        raise UsageError(f"{source}: is {architecture} for x{descriptor.scale}; it is not an SR network")
    return descriptor


def _recognised(state: Mapping[str, Any], source: str) -> Any:
    """Return spandrel's descriptor of the first network in a checkpoint that it recognises.

    Raises:
        UsageError: there is none; says whether one resembles an architecture.
    """
    misfit = ""
    for network in _networks(state):
        weights = {name.replace("_orig_mod.", ""): value for name, value in network.items()}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the architectures' code calls deprecated functions
                return ModelLoader("cpu", _registry()).load_from_state_dict(weights)
        except UnsupportedModelError:
            continue
        except Exception as error:  # noqa: BLE001  (each architecture infers sizes from the weights in its own way)
            misfit = misfit or f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    if misfit:
        raise UsageError(f"{source}: resembles a known architecture, but does not fit it ({misfit})")
    first = one_line(", ".join(map(str, list(next(_networks(state), {}))[:2])))
    raise UsageError(
        f"{source}: is not a checkpoint of an architecture that spandrel knows (its weights begin with {first}); "
        "a plugin with its network can load it"
    )


def _registry() -> ArchRegistry:
    """Return spandrel's architectures, with those of spandrel_extra_arches where that is installed."""
    registry = MAIN_REGISTRY.copy()
    if importlib.util.find_spec("spandrel_extra_arches") is not None:
        registry.add(*importlib.import_module("spandrel_extra_arches").EXTRA_REGISTRY, ignore_duplicates=True)
    return registry


def _networks(state: Mapping[str, Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the networks that a checkpoint may hold, the likeliest first.

    Checkpoints nest weights under keys (``params_ema``, ``state_dict``), and frameworks put prefixes before all names
    or before those of one of several networks: Lightning ``model.``, torch.compile ``_orig_mod.``, DDP ``module.``,
    mmagic ``generator_ema.`` and ``generator.``. An averaged network goes before the one that was trained.
    """
    inner = [key for key, value in state.items() if isinstance(value, Mapping)]
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    if tensors:
        yield dict(state) if len(tensors) == len(state) else tensors
    if depth == DEEPEST:
        return
    for key in [*(key for key in KEYS if key in inner), *(key for key in inner if key not in KEYS)]:
        yield from _networks(state[key], depth + 1)
    heads = list(dict.fromkeys(name.partition(".")[0] for name in tensors if "." in name))
    chosen = [head for head in KEYS if head in heads]
    if len(heads) == 1:
        chosen = heads
    for head in chosen:
        prefix = f"{head}."
        yield from _networks(
            {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}, depth + 1
        )


@torch.inference_mode()
def measure_halo(descriptor: ImageModelDescriptor[Any]) -> int | None:
    """Return how many LR pixels around a pixel matter to its SR; None where spandrel advises against tiles.

    spandrel says whether tiles are supported, and not by how much they must overlap. That is measured as
    `srbench check` verifies it: the middle of a tile is compared with that of a wider image, overlap by overlap.
    """
    if descriptor.tiling is not ModelTiling.SUPPORTED:
        return None
    scale, step = descriptor.scale, descriptor.size_requirements.multiple_of
    middle = 8 + -8 % step
    generator = torch.Generator().manual_seed(0)
    net = Checkpoint(descriptor)
    for halo in HALOS:
        margin = halo + -halo % step
        side = max(3 * middle + 2 * margin, descriptor.size_requirements.minimum)
        coarse = torch.rand(1, 3, 6, 6, generator=generator)
        noise = 0.2 * torch.rand(1, 3, side, side, generator=generator)
        whole = 0.8 * nn.functional.interpolate(coarse, size=(side, side), mode="bilinear") + noise
        expected = net(whole)
        gaps = []
        for dim in (-1, -2):
            tile = net(whole.narrow(dim, middle, side - middle)).narrow(dim, margin * scale, middle * scale)
            gaps.append((tile - expected.narrow(dim, (middle + margin) * scale, middle * scale)).abs().max())
        if max(gaps) <= EXACT:
            return halo
    return None


class Checkpoint(nn.Module):
    """Module that runs a network by spandrel's descriptor, which pads and crops sizes that the network does not accept.

    Args:
        descriptor: a descriptor of `load`.
    """

    def __init__(self, descriptor: ImageModelDescriptor[Any]) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.model: nn.Module = descriptor.model

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        sr: torch.Tensor = self.descriptor(lr)
        return sr
