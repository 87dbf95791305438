"""The state of a training: written atomically, read without executing code, resumed exactly.

It holds no random number state: a step's random numbers depend only on the seed and the step's number.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from srbench.errors import UsageError
from srbench.store.weights import NAME as WEIGHTS
from srbench.system.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "state.pt"
VERSION = 3


def save_state(folder: Path, step: int, parts: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Save everything needed to resume; the previous state stays until the new one is complete.

    Args:
        folder: the training's folder.
        step: number of steps done.
        parts: objects with ``state_dict``, by name.
        facts: plain values, among them the settings.

    Raises:
        SRBenchError: the file cannot be written.
    """
    state = {
        "version": VERSION,
        "step": step,
        "facts": dict(facts),
        "parts": {name: part.state_dict() for name, part in parts.items()},
    }
    causes = (OSError, RuntimeError)  # torch reports a full disk as a RuntimeError
    with replacing(folder / NAME, causes=causes, remark="; the last good state stays") as temporary:
        torch.save(state, temporary)


def load_state(folder: Path, parts: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Load a state into the parts; return the steps done and the facts saved.

    Raises:
        UsageError: the state is damaged, or belongs to another training; names the difference.
    """
    path = folder / NAME
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files that it then rejects
            state = torch.load(path, map_location="cpu", weights_only=True)
        version, step, saved = state["version"], int(state["step"]), dict(state["facts"])
    except Exception as error:  # torch raises many types for a damaged file
        raise UsageError(f"{path}: is damaged or not a checkpoint of a training") from error
    if version != VERSION:
        raise UsageError(f"{path}: was written by another version of srbench (state {version}, expected {VERSION})")
    for name, value in facts.items():
        if saved.get(name) != value:
            hint = "it must stay the same"
            if name == "steps":
                hint = (
                    f"the schedule ends there; --start-from {folder / WEIGHTS} --out FOLDER trains on from the weights"
                )
            raise UsageError(f"--resume: {name} was {saved.get(name)!r} and now is {value!r}; {hint}")
    if set(state["parts"]) != set(parts):
        raise UsageError(f"{path}: belongs to another recipe")
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    return step, saved
