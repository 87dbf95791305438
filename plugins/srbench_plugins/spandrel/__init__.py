"""Checkpoints of some 40 architectures as methods: ``spandrel:PATH``; spandrel recognises and builds the network."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelFileSpec, ModelSpec, hookimpl
from srbench.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

ABOUT = Path(__file__).with_name("about.md")
"""A template: ``{architecture}`` and ``{tiling}`` are filled in for each checkpoint."""
SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")


def build(path: Path, _scale: int) -> nn.Module:
    from srbench_plugins.spandrel.network import Checkpoint, load

    return Checkpoint(load(path))


def open_file(name: str, path: Path) -> ModelSpec:
    """Return the method in a checkpoint.

    Raises:
        UsageError: spandrel is missing, or the checkpoint is not an SR network for RGB images; states the reason.
    """
    if importlib.util.find_spec("spandrel") is None:
        raise UsageError("spandrel:PATH needs spandrel, which is not installed: pip install 'srbench[spandrel]'")
    from srbench_plugins.spandrel.network import load, measure_halo

    descriptor = load(path)
    tags = f" ({', '.join(descriptor.tags)})" if descriptor.tags else ""
    architecture = f"{descriptor.architecture.name}{tags}"
    template = ABOUT.read_text(encoding="utf-8")
    supported = {"fp16": descriptor.supports_half, "bf16": descriptor.supports_bfloat16}
    return ModelSpec(
        name=name,
        summary=f"{path.name}: {architecture}",
        scales={descriptor.scale},
        build=partial(build, path),
        about=template.format(architecture=architecture, tiling=descriptor.tiling.name.lower()),
        family="spandrel",
        halo=measure_halo(descriptor),
        multiple=descriptor.size_requirements.multiple_of,
        precisions={"fp32", *(precision for precision, works in supported.items() if works)},
        file=path,
    )


@hookimpl
def srbench_models() -> list[ModelFileSpec]:
    summary = "a checkpoint of an architecture that spandrel knows"
    return [ModelFileSpec(name="spandrel", summary=summary, open=open_file, suffixes=SUFFIXES)]
