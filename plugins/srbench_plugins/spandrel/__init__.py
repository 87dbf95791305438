"""Checkpoints of some 40 architectures as methods: ``spandrel:PATH``, recognised and built by spandrel."""

from __future__ import annotations

import importlib.util
from functools import partial
from typing import TYPE_CHECKING

from srbench import ModelFileSpec, ModelSpec, hookimpl
from srbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
ABOUT = """
This method is a checkpoint of {architecture}{tags}, which spandrel recognised by the names and shapes of its weights;
it also says how the network was built. spandrel knows some 40 architectures, among them ESRGAN and its descendants,
SwinIR, HAT, DAT and OmniSR, in the forms that their authors and the community publish.

The checkpoint is read as tensors only, and nothing in it is executed. spandrel clamps the output to [0, 1] and pads
images that are smaller than the network can take. On tiling it says: {tiling}.
"""


def build(path: Path, _scale: int) -> nn.Module:
    from srbench_plugins.spandrel.network import Checkpoint, load

    return Checkpoint(load(path))


def open_file(name: str, path: Path) -> ModelSpec:
    """Open a checkpoint and say what it is.

    Raises:
        UsageError: spandrel is missing, or the checkpoint is no SR network of RGB images; says why.
    """
    if importlib.util.find_spec("spandrel") is None:
        raise UsageError("spandrel:PATH needs spandrel, which is not installed: pip install 'srbench[spandrel]'")
    from srbench_plugins.spandrel.network import load

    found = load(path)
    tags = f" ({', '.join(found.tags)})" if found.tags else ""
    about = ABOUT.format(architecture=found.architecture.name, tags=tags, tiling=found.tiling.name.lower())
    halves = {"fp16": found.supports_half, "bf16": found.supports_bfloat16}
    return ModelSpec(
        name=name,
        summary=f"{path.name}: {found.architecture.name}{tags}",
        scales={found.scale},
        build=partial(build, path),
        about=about,
        family="spandrel",
        multiple=found.size_requirements.multiple_of,
        precisions={"fp32", *(precision for precision, works in halves.items() if works)},
        file=path,
    )


@hookimpl
def srbench_models() -> list[ModelFileSpec]:
    summary = "a checkpoint of an architecture that spandrel knows"
    return [ModelFileSpec(name="spandrel", summary=summary, open=open_file, suffixes=SUFFIXES)]
