"""Reading a checkpoint without executing anything in it: tensors by name, or one line on why there are none."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import warnings
import zipfile
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from srbench.errors import UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCALAR: Any = np.float64(0).__reduce__()[0]
RECONSTRUCT: Any = np.zeros(0).__reduce__()[0]
NUMPY: list[Any] = [
    *((SCALAR, f"{module}.scalar") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
    *((RECONSTRUCT, f"{module}._reconstruct") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
    np.dtype,
    np.ndarray,
    *{type(np.dtype(kind)) for kind in ("?", *np.typecodes["AllInteger"], *np.typecodes["AllFloat"])},
]
"""What pickles of NumPy's numbers and arrays call; as logs of a training hold them. They only make values."""
ZIP, LEGACY, LFS = b"PK\x03\x04", b"\x80", b"version https://git-lfs"
WEIGHTS = ("params_ema", "params-ema", "params", "model_state_dict", "state_dict", "model", "net")
"""Keys under which weights stand, the likeliest first, for the line that converts a file."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what a file holds by name, tensors or nested; nothing in it is executed.

    Raises:
        UsageError: the file is empty, cut off, damaged, of another kind, or holds more than tensors; says which.
    """
    source = f"spandrel:{path}"
    if reason := _no_checkpoint(path):
        raise UsageError(f"{source}: {reason}")
    try:
        if path.suffix.lower() == ".safetensors":
            return dict(load_file(path))
        with warnings.catch_warnings(), torch.serialization.safe_globals(NUMPY):
            warnings.simplefilter("ignore")  # about content that is refused
            state = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise UsageError(f"{source}: {_why_no_safetensors(path, error)}") from error
    except Exception as error:  # what damaged files raise is of any type
        raise UsageError(f"{source}: {_why_unreadable(path, error)}") from error
    if not isinstance(state, dict):
        raise UsageError(f"{source}: contains a {type(state).__name__}, not the weights of a network")
    if not any(isinstance(value, torch.Tensor | dict) for value in state.values()):
        raise UsageError(f"{source}: holds no tensors")
    return state


def _no_checkpoint(path: Path) -> str:
    """Return why a file cannot be a checkpoint, from its first bytes and its size; empty if it may be one."""
    try:
        with path.open("rb") as file:
            head = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not path.stat().st_size:
        return "is empty (0 bytes): the download or the copy never began"
    if head.startswith(LFS):
        return "is a pointer of Git LFS, not the file itself: fetch it with 'git lfs pull'"
    if head[:200].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not a checkpoint: download the file itself, not the page that shows it"
    if head.startswith(ZIP) and not zipfile.is_zipfile(path):
        return f"is cut off: {path.stat().st_size:,} bytes of an archive without its end; download or copy it again"
    return ""


def _why_no_safetensors(path: Path, error: Exception) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(min(length, size))
    is_cut = header[:1] == b"{" and len(header) < length
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):  # no header of safetensors
        ends = [entry["data_offsets"][1] for name, entry in json.loads(header).items() if name != "__metadata__"]
        is_cut = is_cut or 8 + length + max(ends, default=0) > size
    if is_cut:
        return f"is cut off: {size:,} bytes are fewer than its header says; download or copy it again"
    return f"is damaged or no safetensors file ({one_line(error)})"


def _why_unreadable(path: Path, error: Exception) -> str:
    """Return why torch does not read a file: cut off, TorchScript, more than tensors, or damaged."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            convert = f"import torch; torch.save(torch.jit.load({str(path)!r}).state_dict(), 'weights.pth')"
            return f"is a TorchScript program, which is code and is not run; save its weights alone: {_python(convert)}"
    try:
        content = _outline(path)
    except (EOFError, pickle.UnpicklingError) as failure:
        if isinstance(failure, pickle.UnpicklingError) and "truncated" not in str(failure):
            return f"is damaged, or no checkpoint of PyTorch ({one_line(failure)[:120]})"
        return f"is cut off after {path.stat().st_size:,} bytes; download or copy it again"
    except Exception as failure:  # noqa: BLE001  (damaged pickles fail in any way)
        return f"is damaged, or no checkpoint of PyTorch ({one_line(failure)[:120]})"
    foreign = list(_foreign(content, ()))
    if not foreign:
        return f"is damaged, or no checkpoint of PyTorch ({one_line(error)[:120]})"
    more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
    load = f"torch.load({str(path)!r}, map_location='cpu', weights_only=False)"
    key = next((key for key in WEIGHTS if isinstance(content, dict) and isinstance(content.get(key), dict)), "")
    part = f"{load}[{key!r}]" if key else load if isinstance(content, dict) else f"{load}.state_dict()"
    convert = _python(f"import torch; torch.save({part}, 'weights.pth')")
    return (
        f"holds more than tensors, which may be code and is not read: it holds {foreign[0]}{more}; "
        f"if you trust it, save its weights alone: {convert}"
    )


def _python(program: str) -> str:
    return f'python -c "{program}"'


class _Object:
    """Stands for an object of a pickle that is not made: it takes all that a pickle does to one."""

    name = ""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, *_: Any) -> None:
        """Take an item of a mapping."""

    def append(self, *_: Any) -> None:
        """Take an item of a list."""

    def extend(self, *_: Any) -> None:
        """Take items of a list."""


class _Outliner(pickle.Unpickler):
    """Reads a pickle without importing or calling anything that it names."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        is_known = module.partition(".")[0] in {"torch", "numpy"} and not module.startswith("torch.nn.modules")
        return type(name, (_Object,), {"name": "" if is_known else f"{module}.{name}"})

    def persistent_load(self, _: Any) -> None:
        """Leave out the tensors' values."""


def _outline(path: Path) -> Any:
    """Return a checkpoint's content with stand-ins for all but plain Python values."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            return _Outliner(io.BytesIO(archive.read(name))).load()
    with path.open("rb") as file:
        for _ in range(3):  # before 1.6, torch wrote a magic number, a version and facts on the system first
            _Outliner(file).load()
        return _Outliner(file).load()


def _foreign(value: Any, keys: tuple[str, ...]) -> Iterator[str]:
    """Yield ``argparse.Namespace at 'args'`` for each object that is neither plain Python nor of torch or NumPy."""
    if isinstance(value, _Object) and value.name:
        yield f"{value.name} at {' > '.join(keys) or 'its top'}"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _foreign(item, (*keys, repr(key)))
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _foreign(item, keys)
