"""A network as an ONNX file for images of any size, kept only when onnxruntime gives the same output."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from srbench.errors import MethodError, SRBenchError, UsageError, say
from srbench.system.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOLERANCE = 1e-4
"""Largest difference from torch that is let pass, of values in [0, 1]."""
LARGEST = 2**15
"""LR side in pixels that a file is said to take; onnxruntime does not hold anyone to it."""
SIZES = ((2, 3), (7, 5), (12, 17))
"""LR heights and widths that outputs are compared at, in units of the multiple that the network needs."""
NEEDED = ("onnx", "onnxruntime", "onnxscript")


@dataclass(frozen=True)
class Exported:
    """A file that was written, and by how much its output differs from torch's at most."""

    path: Path
    difference: float


def check_ready(path: Path, *, overwrite: bool) -> None:
    """See, before anything is built, that a file could be written and what is needed is installed.

    Raises:
        UsageError: it could not; says why.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise UsageError(f"export needs {', '.join(missing)}, not installed here: pip install 'srbench[onnx]'")
    if path.suffix.lower() != ".onnx":
        raise UsageError(f"--onnx {path}: the file must end in .onnx")
    if path.is_dir() or (path.exists() and not overwrite):
        raise UsageError(f"--onnx {path}: exists already (--overwrite replaces a file)")


def export_onnx(net: torch.nn.Module, multiple: int, path: Path, facts: Mapping[str, str]) -> Exported:
    """Write a network as ONNX, free in batch, height and width, and compare its output with torch's.

    Args:
        net: in eval mode, on the CPU; maps ``(N, 3, h, w)`` to ``(N, 3, h*scale, w*scale)``.
        multiple: what h and w must be multiples of.
        path: the file; replaced only by one that was checked.
        facts: written into the file's metadata under ``srbench.``.

    Raises:
        MethodError: it cannot be exported, or the output differs.
        SRBenchError: the file cannot be written.
    """
    if getattr(net, "outside_torch", False):
        raise MethodError("it computes outside of torch already, and cannot be exported")
    with replacing(path) as temporary:
        _write(net, multiple, temporary, facts)
        difference = _difference(net, multiple, temporary)
        if not difference <= TOLERANCE:
            raise MethodError(
                f"onnxruntime's output differs from torch's by {difference:.2g}, more than {TOLERANCE:g}: not kept"
            )
    return Exported(path, difference)


def _image(count: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height * width)
    return torch.rand(count, 3, height, width, generator=generator)


def _write(net: torch.nn.Module, multiple: int, path: Path, facts: Mapping[str, str]) -> None:
    import onnx

    lr = _image(2, 7 * multiple, 5 * multiple)
    sides = {dim: multiple * _free(name) if multiple > 1 else _free(name) for dim, name in ((2, "h"), (3, "w"))}
    shapes = ({0: _free("n"), **sides},)
    try:
        with torch.no_grad(), _quiet():
            net(lr)  # what a network keeps from its first call is there before it is traced
            torch.onnx.export(
                net,
                (lr,),
                path,
                dynamo=True,
                dynamic_shapes=shapes,
                external_data=False,
                input_names=["lr"],
                output_names=["sr"],
            )
    except SRBenchError:
        raise
    except Exception as error:
        raise MethodError(f"the network cannot be exported to ONNX: {_reason(error)}") from error
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {f"srbench.{name}": value for name, value in facts.items()})
    onnx.save(model, str(path))


def _free(name: str) -> torch.export.Dim:
    return torch.export.Dim(name, min=1, max=LARGEST)


def _difference(net: torch.nn.Module, multiple: int, path: Path) -> float:
    """Return the largest difference between onnxruntime and torch over several sizes and batches.

    Raises:
        MethodError: onnxruntime fails, or gives another shape.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    pairs = []
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for count, (height, width) in enumerate(SIZES, start=1):
            lr = _image(count, height * multiple, width * multiple)
            with torch.no_grad():
                pairs.append((torch.from_numpy(session.run(None, {"lr": lr.numpy()})[0]), net(lr)))
    except Exception as error:  # its exceptions have no base of their own
        raise MethodError(f"onnxruntime cannot run what was exported: {_reason(error)}") from error
    for actual, expected in pairs:
        if actual.shape != expected.shape:
            raise MethodError(f"onnxruntime gives {tuple(actual.shape)} where torch gives {tuple(expected.shape)}")
    return max(float((actual - expected).abs().max()) for actual, expected in pairs)


def _reason(error: BaseException) -> str:
    """Return the exporter's own first reason, which it buries under advice on how to report bugs."""
    while error.__cause__ is not None:
        error = error.__cause__
    return say(error)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the exporter's progress and the warnings of its own libraries."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
