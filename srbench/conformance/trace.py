"""Changes that a plugin leaves in its process: they are found, named and, if possible, undone."""

from __future__ import annotations

import os
import random
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import torch

from srbench.conformance.outcome import FaultError
from srbench.conformance.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from srbench.conformance.bench import Bench


TORCHS = ("TORCHINDUCTOR_", "TRITON_", "PYTORCH_")
"""Prefixes of environment variables that torch itself sets when parts of it are loaded."""
LONGEST = 80
"""Characters of the values of a setting that are shown."""
MODULES = (
    *("builtins", "os", "random", "math", "time", "numpy", "numpy.random", "PIL.Image", "torch", "torch.nn"),
    *("torch.nn.functional", "torch.nn.init", "torch.fft", "torch.linalg", "torch.optim", "torch.random"),
    *("srbench.inference.upscale", "srbench.images.tensors", "srbench.protocols", "srbench.resize"),
)
"""Modules whose functions and classes must not be replaced, besides those of srbench that are loaded."""


@dataclass(frozen=True)
class Surroundings:
    """The state of the process that other code depends on."""

    settings: dict[str, Any]
    environment: dict[str, str]
    functions: dict[tuple[Any, str], Any]
    """(Module or class, name) -> function or class."""
    tables: dict[tuple[ModuleType, str], dict[Any, Any]]
    """Contents of the constant dictionaries of srbench's own modules."""
    files: frozenset[str]
    """Names of the files in the working folder."""
    children: dict[int, str]
    """Id -> name of running child processes."""
    threads: frozenset[threading.Thread]


def look() -> Surroundings:
    """Return the current surroundings."""
    return Surroundings(
        {name: read() for name, (read, _) in SETTINGS.items()},
        _environment(),
        {(holder, name): value for holder in _holders() for name, value in vars(holder).items() if callable(value)},
        {
            (module, name): dict(value)
            for module in _own_modules()
            for name, value in vars(module).items()
            if isinstance(value, dict) and name.isupper()
        },
        frozenset(path.name for path in Path().iterdir()),
        {child.pid: name for child in psutil.Process().children(recursive=True) if (name := _running(child))},
        frozenset(threading.enumerate()),
    )


def _holders() -> Iterator[Any]:
    yield from [import_module(name) for name in MODULES]
    yield torch.Tensor
    for value in vars(torch.nn).values():
        if isinstance(value, type):
            yield value
    yield from _own_modules()


def _own_modules() -> list[ModuleType]:
    return [
        module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == "srbench" and isinstance(module, ModuleType)
    ]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(TORCHS)}


def _is_replaced(key: tuple[Any, str], value: Any) -> bool:
    """Return whether a function was replaced, except by torch itself, which replaces some when it loads its parts."""
    now = vars(key[0]).get(key[1])
    code = getattr(now, "__code__", None)
    return now is not value and not (code is not None and Path(torch.__path__[0]) in Path(code.co_filename).parents)


def _running(process: psutil.Process) -> str:
    """Return the name of a process; empty if it has ended."""
    with suppress(psutil.Error):
        return str(process.name()) if process.status() != psutil.STATUS_ZOMBIE else ""
    return ""


def changes(before: Surroundings) -> list[str]:
    """Return what differs from before, in words; modules that were imported since are no change."""
    after = look()
    differences = [
        f"{name}{_change(before.settings[name], value)}"
        for name, value in after.settings.items()
        if value != before.settings[name]
    ]
    both = {**before.environment, **after.environment}
    if names := [name for name in both if before.environment.get(name) != after.environment.get(name)]:
        differences.append(f"the environment ({', '.join(names)})")
    replaced = [key for key, value in before.functions.items() if _is_replaced(key, value)]
    tables = {
        id(vars(key[0])[key[1]]): key
        for key, value in reversed(before.tables.items())
        if after.tables.get(key) != value
    }
    replaced += reversed(tables.values())  # modules that import a table share it
    if replaced:
        differences.append(f"what {', '.join(f'{holder.__name__}.{name}' for holder, name in replaced[:3])} does")
    if files := sorted(after.files - before.files):
        differences.append(f"the working folder's files (wrote {', '.join(files[:3])})")
    if started := dict.fromkeys(name for pid, name in after.children.items() if pid not in before.children):
        differences.append(f"the processes that run (left {', '.join(started)})")
    if threads := after.threads - before.threads:
        differences.append(f"the threads that run (left {', '.join(thread.name for thread in threads)})")
    return differences


def _change(before: Any, after: Any) -> str:
    """Return a change in words, if the values are short."""
    text = f" from {before} to {after}"
    return text if len(text) <= LONGEST else ""


def restore(before: Surroundings) -> None:
    """Undo changes as far as possible, so that all checks start from the same state."""
    for name, (read, write) in SETTINGS.items():
        if read() != before.settings[name]:
            write(before.settings[name])
    for name in _environment().keys() - before.environment.keys():
        del os.environ[name]
    os.environ.update(before.environment)
    for (holder, name), value in before.functions.items():
        if _is_replaced((holder, name), value):
            setattr(holder, name, value)
    for (module, name), table in before.tables.items():
        held = vars(module)[name]
        if held != table:
            held.clear()
            held.update(table)
    for child in psutil.Process().children(recursive=True):
        if child.pid not in before.children:
            with suppress(psutil.Error):
                child.kill()


def require_no_trace(bench: Bench, action: Callable[[], object]) -> None:
    """Run an action; fail the check if it, or an earlier check, changed the process or seeded a generator.

    Raises:
        FaultError: something was changed; names it.
    """
    if bench.traces:
        what = [f"{change}, in '{check}'" for change, check in bench.traces.items()]
        raise FaultError(f"changed {'; '.join(what)[:300]}")
    ends = []
    for seed in (11, 12):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        before = look()
        action()
        if changed := changes(before):
            raise FaultError(f"changed {'; '.join(changed)[:300]}")
        ends.append(_generators())
    if seeded := [name for name, end in ends[0].items() if end == ends[1][name]]:
        raise FaultError(f"seeded the generator of {' and '.join(seeded)}", "draw from a generator of your own")


def _generators() -> dict[str, Any]:
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": repr(np.random.get_state()),
        "random": random.getstate(),
    }
