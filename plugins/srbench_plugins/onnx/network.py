"""An ONNX file: the check of its form, the measurement of its scale, and the module that runs it."""

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
"""Multiples of LR height and width that are tried, in this order."""
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""NumPy's type by the type of the graph's input."""
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
"""Types of weights that count as parameters."""


@dataclass(frozen=True)
class Properties:
    """Properties of an SR network in a file, measured or read from its metadata."""

    scale: int
    """Scale factor."""
    multiple: int
    """Number of which LR height and width must be multiples."""
    method: str
    """Name of the method that srbench exported; empty for files of other tools."""
    card: dict[str, Any]
    """Card of the exported weights; empty for files of other tools."""


def session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Return an onnxruntime session for a file, on the CPU with a number of threads.

    Raises:
        UsageError: onnxruntime cannot open the file.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised; a log would repeat them
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base class
        raise UsageError(f"{path}: onnxruntime cannot open it ({_line(error)})") from error


def examine(path: Path) -> Properties:
    """Return the properties of an SR network; the scale is measured by running it.

    Raises:
        UsageError: the file is not an SR network for RGB images of any size.
    """
    opened = session(path, 1)
    _check_form(path, opened)
    metadata = opened.get_modelmeta().custom_metadata_map
    stated = metadata.get("srbench.multiple", "")
    fault = ""
    for multiple in (int(stated),) if stated.isdigit() and int(stated) else MULTIPLES:
        height, width = (multiple * ((16 // multiple | 1) + more) for more in (0, 2))  # odd multiples
        try:
            sr = _run(opened, np.full((1, 3, height, width), 0.5, np.float32))
        except Exception as error:  # noqa: BLE001  (the graph does not support this size)
            fault = _line(error)
            continue
        scale = sr.shape[-1] // width
        if sr.shape == (1, 3, height * scale, width * scale):
            if scale < 2:
                raise UsageError(f"{path}: the output is as large as the input; it is not a super-resolution network")
            method, card = metadata.get("srbench.method", ""), metadata.get("srbench.card", "")
            return Properties(scale, multiple, method, _parse_card(card))
        fault = f"its output is {tuple(sr.shape)} for an input of (1, 3, {height}, {width})"
    raise UsageError(f"{path}: is not a network that enlarges RGB images by a whole factor ({fault})")


def _parse_card(text: str) -> dict[str, Any]:
    """Return the card in a JSON text; empty if the text is not a JSON object."""
    try:
        card = json.loads(text)
    except ValueError:
        return {}
    return card if isinstance(card, dict) else {}


def _check_form(path: Path, opened: onnxruntime.InferenceSession) -> None:
    """Check that a graph contains its weights, and has one input of RGB images of any size and one output.

    Raises:
        UsageError: it does not; states the reason.
    """
    weights = onnx.load(str(path), load_external_data=False).graph.initializer
    if any(weight.data_location == onnx.TensorProto.EXTERNAL for weight in weights):
        raise UsageError(f"{path}: keeps its weights in another file; save both in one file with onnx.save_model")
    inputs, outputs = opened.get_inputs(), opened.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise UsageError(f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; a method has one of each")
    shape, dtype = inputs[0].shape, inputs[0].type
    if dtype not in TYPES:
        raise UsageError(f"{path}: takes {dtype}; a method takes floating-point RGB in [0, 1]")
    if len(shape) != 4 or shape[3] == 3 != shape[1]:
        raise UsageError(f"{path}: takes images of shape {shape}; a method takes (N, 3, h, w)")
    if isinstance(shape[1], int) and shape[1] != 3:
        raise UsageError(f"{path}: takes {shape[1]} channels; srbench gives RGB")
    if fixed := [side for side in shape[2:] if isinstance(side, int)]:
        raise UsageError(f"{path}: takes images of one size only ({fixed[0]}); export it with free height and width")


def _run(opened: onnxruntime.InferenceSession, lr: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return SR as float32 ``(N, 3, H, W)``; a graph with a batch size of 1 is run for each image."""
    node = opened.get_inputs()[0]
    images = [lr[i : i + 1] for i in range(len(lr))] if node.shape[0] == 1 else [lr]
    outputs = [opened.run(None, {node.name: np.ascontiguousarray(image, TYPES[node.type])})[0] for image in images]
    sr: np.ndarray[Any, Any] = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
    return sr.astype(np.float32, copy=False)


def _line(error: Exception) -> str:
    """Return an error's text as one line of at most 200 characters."""
    return " ".join(str(error).split())[:200]


class OnnxNetwork(nn.Module):
    """Module that runs an ONNX file by onnxruntime; its parameters serve only to be counted.

    Args:
        path: the file.
        scale: its scale factor.
    """

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
