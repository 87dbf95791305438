"""Loading a checkpoint without executing code in it, and the module that runs it."""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
from torch import nn

from srbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

PURPOSES = {"Restoration": "restores images of the same size", "FaceSR": "restores aligned faces"}
"""Descriptions of spandrel's purposes other than SR, for messages."""


def load(path: Path) -> ImageModelDescriptor[Any]:
    """Return spandrel's descriptor of the network in a checkpoint.

    Raises:
        UsageError: the file cannot be read safely, its architecture is unknown, or it is not an SR network for RGB.
    """
    source = f"spandrel:{path}"
    state = _read(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the architectures' code calls deprecated functions
            descriptor = ModelLoader("cpu").load_from_state_dict(state)
    except UnsupportedModelError as error:
        raise UsageError(f"{source}: is not a checkpoint of an architecture that spandrel knows") from error
    except Exception as error:  # each architecture infers sizes from the weights in its own way
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        raise UsageError(f"{source}: resembles a known architecture, but does not fit it ({reason})") from error
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


def _read(path: Path) -> dict[str, Any]:
    """Return the tensors of a file by name; nothing in the file is executed.

    Raises:
        UsageError: the file is damaged, or contains more than tensors.
    """
    source = f"spandrel:{path}"
    try:
        if path.suffix.lower() == ".safetensors":
            return dict(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about content that is refused
            state = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise UsageError(f"{source}: is damaged or no safetensors file ({error})") from error
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise UsageError(
            f"{source}: is damaged, or holds more than tensors, which may be code and is not read; "
            "use a .safetensors file of the same weights"
        ) from error
    if not isinstance(state, dict):
        raise UsageError(f"{source}: contains a {type(state).__name__}, not the weights of a network")
    return state


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
