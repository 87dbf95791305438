"""Export a network as an ONNX file for images of any size; the file is kept only if onnxruntime matches torch."""

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
"""Largest allowed difference from torch, for values in [0, 1]."""
LARGEST = 2**15
"""Largest LR height and width declared in the file; onnxruntime does not enforce it."""
SIZES = ((2, 3), (7, 5), (12, 17))
"""LR heights and widths at which outputs are compared, in units of the network's multiple."""
NEEDED = ("onnx", "onnxruntime", "onnxscript")


@dataclass(frozen=True)
class Exported:
    """An exported file, and the largest difference of its output from torch's."""

    path: Path
    difference: float


def check_ready(path: Path, *, overwrite: bool) -> None:
    """Check that the export packages are installed and the file can be written.

    Raises:
        UsageError: a package is missing, or the path cannot be used.
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
        path: the file; an existing one is replaced only if the check passes.
        facts: entries of the file's metadata, under ``srbench.``.

    Raises:
        MethodError: the network cannot be exported, or the output differs.
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
            net(lr)  # buffers made by the first call must exist before tracing
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
        MethodError: onnxruntime fails, or returns another shape.
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
    except Exception as error:  # its exceptions have no common base
        raise MethodError(f"onnxruntime cannot run what was exported: {_reason(error)}") from error
    for actual, expected in pairs:
        if actual.shape != expected.shape:
            raise MethodError(f"onnxruntime gives {tuple(actual.shape)} where torch gives {tuple(expected.shape)}")
    return max(float((actual - expected).abs().max()) for actual, expected in pairs)


def _reason(error: BaseException) -> str:
    """Return the exporter's root cause, which it hides under advice on bug reports."""
    while error.__cause__ is not None:
        error = error.__cause__
    return say(error)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's progress, logs and warnings."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
