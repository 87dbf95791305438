"""Export a network as an ONNX file for images of any size; the file is kept only if onnxruntime matches torch."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from srbench.errors import MethodError, SRBenchError, UsageError, say
from srbench.inference.output_range import OutputRange
from srbench.inference.upscale import accepted
from srbench.system.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOLERANCE = 1e-4
"""Largest allowed difference from torch, for values in [0, 1]."""
LARGEST = 2**15
"""Largest LR height and width declared in the file; onnxruntime does not enforce it."""
SIZES = ((1, 2), (7, 5), (12, 17), (16, 24), (33, 64), (64, 33), (48, 48), (97, 71), (136, 128))
"""LR heights and widths at which outputs are compared, before rounding up to what the network takes.

A network may do another thing by the size, of which a file keeps one: they are odd and multiples of 8, 16 and 64, each
side alone and both, smaller and larger than what is traced.
"""
TRACED = 7, 5
BRANCH = (
    "where the network does one of two things by the size ('if h % 8:'), the file keeps one: compute the padding "
    "without 'if', or give the spec multiple="
)
"""The likeliest reason why a file differs at some sizes."""
NEEDED = ("onnx", "onnxruntime", "onnxscript")


@dataclass(frozen=True)
class Exported:
    """An exported file, and the largest difference of its output from torch's."""

    path: Path
    difference: float
    remark: str = ""
    """What is wrong with the range of the network's output, see `srbench.inference.output_range`; mostly empty."""


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


def export_onnx(
    net: torch.nn.Module, multiple: int, path: Path, facts: Mapping[str, str], smallest: int = 1
) -> Exported:
    """Write a network as ONNX, free in batch, height and width, and compare its output with torch's.

    Args:
        net: in eval mode, on the CPU; maps ``(N, 3, h, w)`` to ``(N, 3, h*scale, w*scale)``.
        multiple: what h and w must be multiples of.
        path: the file; an existing one is replaced only if the check passes.
        facts: entries of the file's metadata, under ``srbench.``.
        smallest: what h and w must be at least.

    Raises:
        MethodError: the network cannot be exported, or the output differs.
        SRBenchError: the file cannot be written.
    """
    if getattr(net, "outside_torch", False):
        raise MethodError("it computes outside of torch already, and cannot be exported")
    with replacing(path) as temporary:
        _write(net, multiple, smallest, temporary, facts)
        output_range = OutputRange()
        difference = _compare(net, multiple, smallest, temporary, output_range)
    return Exported(path, difference, output_range.take())


def _photographs(count: int, height: int, width: int) -> torch.Tensor:
    """Return parts of a photograph as LR, ``(count, 3, height, width)`` in [0, 1]; noise would be no image."""
    from skimage.data import astronaut

    pixels: Any = astronaut()  # type: ignore[no-untyped-call]
    photograph = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    most = max(512, height + 64, width + 64)
    whole = torch.nn.functional.pad(photograph[None], (0, most - 512, 0, most - 512), mode="replicate")[0]
    corners = [(64 * (i % 2), 96 * (i % 3)) for i in range(count)]
    parts = [whole[:, top : top + height, min(left, most - width) :][..., :width] for top, left in corners]
    return torch.stack(parts).contiguous()


def _write(net: torch.nn.Module, multiple: int, smallest: int, path: Path, facts: Mapping[str, str]) -> None:
    import onnx

    lr = _photographs(2, *(accepted(side * multiple, multiple, smallest) for side in TRACED))
    least = -(-smallest // multiple)
    free = {dim: _free(name, least) for dim, name in ((2, "h"), (3, "w"))}
    sides = {dim: multiple * side if multiple > 1 else side for dim, side in free.items()}
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


def _free(name: str, least: int = 1) -> torch.export.Dim:
    return torch.export.Dim(name, min=least, max=LARGEST)


def _compare(net: torch.nn.Module, multiple: int, smallest: int, path: Path, output_range: OutputRange) -> float:
    """Return the largest difference between onnxruntime and torch over several sizes and batches.

    Raises:
        MethodError: onnxruntime fails, or returns another shape or other values; says at which size.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        raise MethodError(f"onnxruntime cannot open what was exported: {_reason(error)}") from error
    largest = 0.0
    sizes = dict.fromkeys(tuple(accepted(side, multiple, smallest) for side in size) for size in SIZES)
    for number, (height, width) in enumerate(sizes):
        lr = _photographs(1 + number % 2, height, width)
        where = f"for LR of {height}x{width} (height by width)"
        with torch.no_grad():
            expected = net(lr)
        try:
            actual = torch.from_numpy(session.run(None, {"lr": lr.numpy()})[0])
        except Exception as error:
            raise MethodError(
                f"onnxruntime cannot run what was exported {where}: {_reason(error)}; {BRANCH}"
            ) from error
        if actual.shape != expected.shape:
            shapes = f"{tuple(actual.shape)} where torch gives {tuple(expected.shape)}"
            raise MethodError(f"onnxruntime gives {shapes} {where}; {BRANCH}")
        difference = float((actual - expected).abs().max())
        if not difference <= TOLERANCE:
            by = f"by {difference:.2g} {where}, more than {TOLERANCE:g}"
            raise MethodError(f"onnxruntime's output differs from torch's {by}: not kept; {BRANCH}")
        largest = max(largest, difference)
        if min(height, width) > TRACED[0]:
            output_range.see(lr, expected)
    return largest


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
