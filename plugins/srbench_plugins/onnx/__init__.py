"""ONNX files as methods: ``onnx:PATH``, run by onnxruntime on the CPU."""

from __future__ import annotations

import importlib.util
from functools import partial
from typing import TYPE_CHECKING

from srbench import ModelFileSpec, ModelSpec, hookimpl
from srbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

ABOUT = """
This method is an ONNX file: a graph of operators with its weights, as networks of any framework are exported to be run
elsewhere. It is run by onnxruntime on the CPU, with as many threads as torch has, so that its time may be compared with
that of the network it was exported from. What it takes and gives was found by running it once: float RGB in [0, 1],
one image in, one image out.

srbench export writes such files. Multiply-accumulates and memory of a network that runs outside of torch are not
counted; parameters are the numbers in the graph's floating-point weights.
"""


def build(path: Path, scale: int) -> nn.Module:
    from srbench_plugins.onnx.network import OnnxNetwork

    return OnnxNetwork(path, scale)


def open_file(name: str, path: Path) -> ModelSpec:
    """Open an ONNX file and find its scale.

    Raises:
        UsageError: onnxruntime is missing, or the file is no SR network; says why.
    """
    if missing := [module for module in ("onnx", "onnxruntime") if importlib.util.find_spec(module) is None]:
        raise UsageError(f"onnx:PATH needs {missing[0]}, which is not installed: pip install 'srbench[onnx]'")
    from srbench_plugins.onnx.network import examine

    found = examine(path)
    origin = f", exported from {found.method}" if found.method else ""
    return ModelSpec(
        name=name,
        summary=f"{path.name} by onnxruntime{origin}",
        scales={found.scale},
        build=partial(build, path),
        about=ABOUT,
        family="onnx",
        precisions={"fp32"},
        multiple=found.multiple,
        file=path,
        card=found.card,
    )


@hookimpl
def srbench_models() -> list[ModelFileSpec]:
    return [ModelFileSpec(name="onnx", summary="an ONNX file, by onnxruntime", open=open_file, suffixes=[".onnx"])]
