"""An ONNX file: the check of its form, the measurement of its scale, and the module that runs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from srbench.errors import MethodError, UsageError
from srbench_plugins.onnx.form import Form, in_tiles, with_colour

if TYPE_CHECKING:
    from pathlib import Path

    from srbench_plugins.onnx.form import Array

MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
"""Multiples of LR height and width that are tried, in this order."""
LEAST = (16, 64)
"""Smallest LR sides that are tried, in this order."""
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
    smallest: int
    """Smallest LR height and width that it takes."""
    form: Form
    """What it takes."""
    is_wide: bool
    """Whether its output for uint8 is floating point in 0..255."""
    more_files: tuple[Path, ...]
    """Files beside it with its weights."""


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
        UsageError: the file is not an SR network for RGB or luma; states the reason.
    """
    more_files = _external_files(path)
    opened = session(path, 1)
    form = Form.of(path, opened)
    metadata = opened.get_modelmeta().custom_metadata_map
    stated = metadata.get("srbench.multiple", "")
    multiples = (int(stated),) if stated.isdigit() and int(stated) else (1,) if form.is_fixed else MULTIPLES
    fault = ""
    for multiple, least in ((multiple, least) for multiple in multiples for least in LEAST):
        odd = [multiple * ((least // multiple | 1) + more) for more in (0, 2)]  # odd multiples
        height, width = (side or free for side, free in zip(form.sides, odd, strict=True))
        try:
            output = _run_raw(opened, form, np.full((1, form.channels, height, width), 0.5, np.float32))
        except Exception as error:  # noqa: BLE001  (the graph does not support this size)
            fault = _line(error)
            continue
        is_wide = form.dtype is np.uint8 and output.dtype != np.uint8 and float(output.mean()) > 4
        sr = form.decode(output, is_wide=is_wide)
        scale = sr.shape[-1] // width
        if sr.shape == (1, form.channels, height * scale, width * scale):
            if scale < 2:
                raise UsageError(f"{path}: the output is as large as the input; it is not a super-resolution network")
            method, card = metadata.get("srbench.method", ""), metadata.get("srbench.card", "")
            smallest = 1 if form.is_fixed else _smallest(opened, form, scale, multiple, min(height, width))
            return Properties(scale, multiple, method, _parse_card(card), smallest, form, is_wide, more_files)
        fault = f"its output is {tuple(output.shape)} for an input of {(1, form.channels, height, width)}"
    raise UsageError(f"{path}: is not a network that enlarges images by a whole factor ({fault})")


def _smallest(opened: onnxruntime.InferenceSession, form: Form, scale: int, multiple: int, works: int) -> int:
    """Return the smallest LR side that a graph takes, a multiple of its multiple; larger ones are tried first."""
    for side in range(works - multiple, 0, -multiple):
        try:
            lr = np.full((1, form.channels, side, side), 0.5, np.float32)
            sr = form.decode(_run_raw(opened, form, lr), is_wide=False)
        except Exception:  # noqa: BLE001  (onnxruntime's exceptions have no common base class)
            return side + multiple
        if sr.shape[-2:] != (side * scale, side * scale) or not np.isfinite(sr).all():
            return side + multiple
    return 1


def _external_files(path: Path) -> tuple[Path, ...]:
    """Return the files in which a graph keeps its weights; those of one file are its own.

    Raises:
        UsageError: one does not exist beside it.
    """
    try:
        weights = onnx.load(str(path), load_external_data=False).graph.initializer
    except Exception as error:  # damaged files raise of any type
        raise UsageError(f"{path}: is damaged or no ONNX file ({_line(error)})") from error
    locations = {
        entry.value
        for weight in weights
        if weight.data_location == onnx.TensorProto.EXTERNAL
        for entry in weight.external_data
        if entry.key == "location"
    }
    files = tuple(path.parent / location for location in sorted(locations))
    if lost := [file for file in files if not file.is_file() or file.resolve().parent != path.resolve().parent]:
        raise UsageError(
            f"{path}: keeps its weights in {lost[0].name}, which is not beside it: copy both files together"
        )
    return files


def _parse_card(text: str) -> dict[str, Any]:
    """Return the card in a JSON text; empty if the text is not a JSON object."""
    try:
        card = json.loads(text)
    except ValueError:
        return {}
    return card if isinstance(card, dict) else {}


def _run_raw(opened: onnxruntime.InferenceSession, form: Form, planes: Array) -> Array:
    """Return the output for ``(N, C, h, w)`` in [0, 1]; a graph with a batch size of 1 is run for each image."""
    name = opened.get_inputs()[0].name
    images = [planes[i : i + 1] for i in range(len(planes))] if form.batch == 1 else [planes]
    outputs = [opened.run(None, {name: form.encode(image)})[0] for image in images]
    output: Array = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
    return output


def _line(error: Exception) -> str:
    """Return an error's text as one line of at most 200 characters."""
    return " ".join(str(error).split())[:200]


class OnnxNetwork(nn.Module):
    """Module that runs an ONNX file by onnxruntime; its parameters serve only to be counted.

    Args:
        path: the file.
        properties: its properties.
    """

    outside_torch = True

    def __init__(self, path: Path, properties: Properties) -> None:
        super().__init__()
        self.path, self.properties = path, properties
        self.session = session(path, torch.get_num_threads())
        weights = onnx.load(str(path), load_external_data=False).graph.initializer
        sizes = [tuple(weight.dims) for weight in weights if weight.data_type in FLOATS and weight.dims]
        self.counted = nn.ParameterList(
            nn.Parameter(torch.zeros(()).expand(size), requires_grad=False) for size in sizes
        )

    def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
        if lr.device.type != "cpu":
            raise MethodError(f"onnx methods run on the CPU, not on {lr.device.type}: choose --device cpu")
        form, scale = self.properties.form, self.properties.scale
        enlarge = partial(in_tiles, sides=form.sides, enlarge=self._run, scale=scale) if form.is_fixed else self._run
        return with_colour(lr, enlarge) if form.channels == 1 else enlarge(lr)

    def _run(self, planes: torch.Tensor) -> torch.Tensor:
        """Run the graph on ``(N, C, h, w)``."""
        form = self.properties.form
        output = _run_raw(self.session, form, planes.numpy())
        return torch.from_numpy(np.ascontiguousarray(form.decode(output, is_wide=self.properties.is_wide)))
