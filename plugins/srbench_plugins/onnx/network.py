"""An ONNX file: what it takes and gives, and the module that runs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from srbench.errors import MethodError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)


@dataclass(frozen=True)
class Found:
    """What a file says or shows of itself."""

    scale: int
    multiple: int
    """Of LR height and width."""
    method: str
    """The method that srbench exported; empty for files of other tools."""
    card: dict[str, Any]
    """Of the weights that were exported."""


def session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Open a file on the CPU.

    Raises:
        UsageError: onnxruntime cannot.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised, and said once
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base of their own
        raise UsageError(f"{path}: onnxruntime cannot open it ({_line(error)})") from error


def examine(path: Path) -> Found:
    """Find out what a file takes, and by running it how much it enlarges.

    Raises:
        UsageError: it is no network for SR of RGB images of any size.
    """
    opened = session(path, 1)
    _check_form(path, opened)
    said = opened.get_modelmeta().custom_metadata_map
    stated = said.get("srbench.multiple", "")
    fault = ""
    for multiple in (int(stated),) if stated.isdigit() and int(stated) else MULTIPLES:
        height, width = (multiple * ((16 // multiple | 1) + more) for more in (0, 2))  # odd multiples
        try:
            sr = _run(opened, np.full((1, 3, height, width), 0.5, np.float32))
        except Exception as error:  # noqa: BLE001  (a size that the graph cannot do)
            fault = _line(error)
            continue
        scale = sr.shape[-1] // width
        if sr.shape == (1, 3, height * scale, width * scale):
            if scale < 2:
                raise UsageError(f"{path}: gives images as large as they were; it is no network for super-resolution")
            return Found(scale, multiple, said.get("srbench.method", ""), _card(said.get("srbench.card", "")))
        fault = f"it makes {tuple(sr.shape)} of (1, 3, {height}, {width})"
    raise UsageError(f"{path}: is no network that enlarges RGB images by a whole factor ({fault})")


def _card(text: str) -> dict[str, Any]:
    try:
        card = json.loads(text)
    except ValueError:
        return {}
    return card if isinstance(card, dict) else {}


def _check_form(path: Path, opened: onnxruntime.InferenceSession) -> None:
    weights = onnx.load(str(path), load_external_data=False).graph.initializer
    if any(weight.data_location == onnx.TensorProto.EXTERNAL for weight in weights):
        raise UsageError(f"{path}: keeps its weights in another file; save it as one (onnx.save_model does)")
    inputs, outputs = opened.get_inputs(), opened.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise UsageError(f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; a method has one of each")
    shape, kind = inputs[0].shape, inputs[0].type
    if kind not in TYPES:
        raise UsageError(f"{path}: takes {kind}; a method takes floating-point RGB in [0, 1]")
    if len(shape) != 4 or shape[3] == 3 != shape[1]:
        raise UsageError(f"{path}: takes images of shape {shape}; a method takes (N, 3, h, w)")
    if isinstance(shape[1], int) and shape[1] != 3:
        raise UsageError(f"{path}: takes {shape[1]} channels; srbench gives RGB")
    if fixed := [side for side in shape[2:] if isinstance(side, int)]:
        raise UsageError(f"{path}: takes images of one size only ({fixed[0]}); export it with free height and width")


def _run(opened: onnxruntime.InferenceSession, lr: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    given = opened.get_inputs()[0]
    images = [lr[i : i + 1] for i in range(len(lr))] if given.shape[0] == 1 else [lr]
    results = [opened.run(None, {given.name: np.ascontiguousarray(image, TYPES[given.type])})[0] for image in images]
    joined: np.ndarray[Any, Any] = results[0] if len(results) == 1 else np.concatenate(results)
    return joined.astype(np.float32, copy=False)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


class OnnxNetwork(nn.Module):
    """Runs a file; its parameters are there to be counted only."""

    outside_torch = True

    def __init__(self, path: Path, scale: int) -> None:
        super().__init__()
        self.path, self.scale = path, scale
        self.session = session(path, torch.get_num_threads())
        weights = onnx.load(str(path), load_external_data=False).graph.initializer
        sizes = [tuple(weight.dims) for weight in weights if weight.data_type in FLOATS and weight.dims]
        self.counted = nn.ParameterList(
            nn.Parameter(torch.zeros(()).expand(size), requires_grad=False) for size in sizes
        )

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        if lr.device.type != "cpu":
            raise MethodError(f"onnx methods run on the CPU, not on {lr.device.type}: choose --device cpu")
        return torch.from_numpy(_run(self.session, lr.numpy()))
