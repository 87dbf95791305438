"""Settings of the process that other code depends on: functions that read and write each."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.modules import module
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

if TYPE_CHECKING:
    from collections.abc import Callable

    Setting = tuple[Callable[[], Any], Callable[[Any], object]]

KINDS = ("cpu", "cuda")
"""Types of devices with an autocast of their own."""
DENORMAL = 1e-40


def _set_logging(old: tuple[int, int]) -> None:
    logging.root.setLevel(old[0])
    logging.disable(old[1])


def _autocast() -> dict[str, bool]:
    return {kind: torch.is_autocast_enabled(kind) for kind in KINDS}


def _set_autocast(old: dict[str, bool]) -> None:
    for kind, enabled in old.items():
        torch.set_autocast_enabled(kind, enabled)


def _keeps_denormals() -> bool:
    return float(torch.tensor([DENORMAL]).mul(1.0)) != 0


def _hooks() -> dict[str, dict[Any, Any]]:
    tables = {name: value for name, value in vars(module).items() if name.startswith("_global")}
    return {name: dict(value) for name, value in tables.items() if isinstance(value, dict)}


def _set_hooks(old: dict[str, dict[Any, Any]]) -> None:
    for name, hooks in old.items():
        table = getattr(module, name)
        table.clear()
        table.update(hooks)


def _modes() -> list[Any]:
    functions: list[Any] = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
    return [*functions, *_get_current_dispatch_mode_stack()]


def _leave_modes(old: list[Any]) -> None:
    for mode in _modes()[::-1]:
        if not any(mode is kept for kept in old):
            mode.__exit__(None, None, None)


def _signals() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals() if number < signal.NSIG}


def _set_signals(old: dict[int, Any]) -> None:
    for number, handler in old.items():
        if signal.getsignal(number) != handler and handler is not None:
            signal.signal(number, handler)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


SETTINGS: dict[str, Setting] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": (torch.get_default_device, torch.set_default_device),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's deterministic mode": (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    "torch's float32 matmul precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "torch's anomaly detection": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "torch's autocast": (_autocast, _set_autocast),
    "torch's use of oneDNN": (torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled),  # noqa: SLF001
    "torch's denormal numbers": (_keeps_denormals, lambda old: torch.set_flush_denormal(not old)),
    "torch's global hooks of modules": (_hooks, _set_hooks),
    "torch's function modes": (_modes, _leave_modes),
    **{
        f"cudnn.{name}": (partial(getattr, torch.backends.cudnn, name), partial(setattr, torch.backends.cudnn, name))
        for name in ("benchmark", "allow_tf32")
    },
    "numpy's error handling": (np.geterr, lambda old: np.seterr(**old)),
    "the root logger": (lambda: (logging.root.level, logging.root.manager.disable), _set_logging),
    "Python's recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "Python's garbage collector": (gc.isenabled, lambda old: (gc.enable if old else gc.disable)()),
    "the handlers of signals": (_signals, _set_signals),
    "the working folder": (os.getcwd, os.chdir),
    "the umask": (_umask, os.umask),
}

if hasattr(os, "getpriority"):  # not on Windows
    resource: Any = importlib.import_module("resource")
    LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]

    def _limits() -> dict[int, tuple[int, int]]:
        return {limit: resource.getrlimit(limit) for limit in LIMITS}

    def _set_limits(old: dict[int, tuple[int, int]]) -> None:
        for limit, (soft, _) in old.items():
            most = resource.getrlimit(limit)[1]
            resource.setrlimit(limit, (most if 0 <= most < soft else soft, most))

    SETTINGS |= {
        "the priority of the process": (partial(os.getpriority, os.PRIO_PROCESS, 0), lambda _: None),
        "the limits of the process": (_limits, _set_limits),
    }
