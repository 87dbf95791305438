"""ONNX files as methods: ``onnx:PATH``, run by onnxruntime on the CPU."""

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


def build(path: Path, _scale: int) -> nn.Module:
    from srbench_plugins.onnx.network import OnnxNetwork, examine

    return OnnxNetwork(path, examine(path))


def open_file(name: str, path: Path) -> ModelSpec:
    """Return the method in an ONNX file; its scale is measured by running the file once.

    Raises:
        UsageError: onnxruntime is missing, or the file is not an SR network; states the reason.
    """
    if missing := [module for module in ("onnx", "onnxruntime") if importlib.util.find_spec(module) is None]:
        raise UsageError(f"onnx:PATH needs {missing[0]}, which is not installed: pip install 'srbench[onnx]'")
    from srbench_plugins.onnx.network import examine

    properties = examine(path)
    origin = f", exported from {properties.method}" if properties.method else ""
    form = f" ({properties.form.description})" if properties.form.description else ""
    return ModelSpec(
        name=name,
        summary=f"{path.name}, run by onnxruntime{form}{origin}",
        scales={properties.scale},
        build=partial(build, path),
        about=ABOUT,
        family="onnx",
        precisions={"fp32"},
        multiple=properties.multiple,
        smallest=properties.smallest,
        file=path,
        more_files=properties.more_files,
        card=properties.card,
    )


@hookimpl
def srbench_models() -> list[ModelFileSpec]:
    return [ModelFileSpec(name="onnx", summary="an ONNX file, run by onnxruntime", open=open_file, suffixes=[".onnx"])]
