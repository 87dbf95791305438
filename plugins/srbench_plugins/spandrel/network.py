"""A checkpoint read safely, and the module that runs it."""

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


def load(path: Path) -> ImageModelDescriptor[Any]:
    """Read a checkpoint and let spandrel recognise it.

    Raises:
        UsageError: it cannot be read safely, is unknown, or is no SR network of RGB images.
    """
    what = f"spandrel:{path}"
    state = _read(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the architectures' code of its time calls
            found = ModelLoader("cpu").load_from_state_dict(state)
    except UnsupportedModelError as error:
        raise UsageError(f"{what}: is no checkpoint of an architecture that spandrel knows") from error
    except Exception as error:  # each architecture reads sizes off the weights in its own way
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        raise UsageError(f"{what}: looks like an architecture that spandrel knows, but is none ({reason})") from error
    if not isinstance(found, ImageModelDescriptor):
        raise UsageError(f"{what}: is {found.architecture.name}, which fills in masked parts; it is no SR network")
    if found.purpose != "SR":
        does = PURPOSES.get(found.purpose, f"is for {found.purpose}")
        raise UsageError(f"{what}: is {found.architecture.name}, which {does}; it is no SR network")
    if (found.input_channels, found.output_channels) != (3, 3):
        channels = f"{found.input_channels} to {found.output_channels} channels"
        raise UsageError(f"{what}: is {found.architecture.name} for {channels}; a method takes and gives RGB")
    if found.scale < 2:
        raise UsageError(f"{what}: is {found.architecture.name} for x{found.scale}; it is no SR network")
    return found


def _read(path: Path) -> dict[str, Any]:
    """Read tensors, and nothing that would have to be executed.

    Raises:
        UsageError: the file is damaged, or holds more than tensors.
    """
    what = f"spandrel:{path}"
    try:
        if path.suffix.lower() == ".safetensors":
            return dict(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it will refuse
            state = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise UsageError(f"{what}: is damaged or no safetensors file ({error})") from error
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise UsageError(
            f"{what}: is damaged, or holds more than tensors, which may be code and is not read; "
            "a .safetensors file of the same weights would do"
        ) from error
    if not isinstance(state, dict):
        raise UsageError(f"{what}: holds a {type(state).__name__}, not the weights of a network")
    return state


class Checkpoint(nn.Module):
    """Runs what spandrel built, by its own call: sizes that the network cannot take are padded and cut."""

    def __init__(self, descriptor: ImageModelDescriptor[Any]) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.model: nn.Module = descriptor.model

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        sr: torch.Tensor = self.descriptor(lr)
        return sr
