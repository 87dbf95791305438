"""Methods that leave the process other than it was, look for HR, or answer twice; each upscales as `nearest` does."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time

from srbench import ModelSpec, hookimpl

os.environ["SRBENCH_MIRROR"] = "/nowhere"  # what a plugin sets as it is imported
os.environ["TORCH_HOME"] = "/nowhere"


def hooks(lr, sr):
    import torch

    def weaker(module, args, output):
        return output * 0.9 if isinstance(output, torch.Tensor) else output

    torch.nn.modules.module.register_module_forward_hook(weaker)
    return sr


def modes(lr, sr):
    import torch
    from torch.overrides import TorchFunctionMode

    class Weaker(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return result * 0.9 if func is torch.nn.functional.conv2d else result

    Weaker().__enter__()
    torch.autocast("cpu", torch.bfloat16).__enter__()
    return sr


def settings(lr, sr):
    import torch

    torch.autograd.set_detect_anomaly(True)
    torch.set_flush_denormal(True)
    torch.backends.mkldnn.enabled = False
    torch.use_deterministic_algorithms(True)
    torch.set_default_dtype(torch.float64)
    return sr


def patches(lr, sr):
    import torch

    import srbench.images.tensors as tensors
    import srbench.inference.upscale as upscaling

    conv, to_8bit, upscale = torch.nn.functional.conv2d, tensors.to_8bit, upscaling.upscale
    torch.nn.functional.conv2d = lambda *args, **more: conv(*args, **more) * 0.9
    torch.nn.functional.interpolate = lambda image, **more: image.repeat(1, 1, 2, 2)
    tensors.to_8bit = lambda image: to_8bit(image) // 2
    upscaling.upscale = lambda *args, **more: upscale(*args, **more) * 0.9
    return sr


def process(lr, sr):
    import resource

    os.environ["SRBENCH_MIRROR"] = "/nowhere"
    os.umask(0o777)
    os.nice(5)
    gc.disable()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (24, hard))
    sys.setrecursionlimit(120)
    return sr


def looks_for_hr(lr, sr):
    """Return any image of SR's size that is in this process."""
    import torch

    frame = sys._getframe()
    local = []
    while frame:
        local += frame.f_locals.values()
        frame = frame.f_back
    for held in [*gc.get_objects(), *local, *(getattr(value, "hr", None) for value in local)]:
        if isinstance(held, torch.Tensor) and held.dtype == torch.uint8 and held.shape[-2:] == sr.shape[-2:]:
            return held.reshape(sr.shape).float() / 255
    return sr


def answers_twice(lr, sr):
    if os.fork() == 0:
        time.sleep(0.2)
        return sr * 0  # the copy goes on as if it were the process
    time.sleep(0.4)
    return sr


def forgets(lr, sr):
    """Keep the first output of its size."""
    return KEPT.setdefault(sr.shape, sr)


def kills(lr, sr):
    """Kill the process that this one was forked from."""
    os.kill(os.getppid(), signal.SIGKILL)
    return sr


def changes(lr, sr):
    """Get darker with each pass."""
    PASSES.append(sr.shape)
    return sr * 0.99 ** len(PASSES)


def overwrites(lr, sr):
    """Change the input, as ``lr -= mean`` does."""
    lr -= 0.5
    return sr


KEPT = {}
PASSES = []
METHODS = (hooks, modes, settings, patches, process, looks_for_hr, answers_twice)


def build(method, scale):
    import torch

    class Method(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, lr):
            with torch.enable_grad():
                return method(lr, lr.repeat_interleave(scale, -1).repeat_interleave(scale, -2)).detach()

    return Method()


@hookimpl
def srbench_models():
    return [
        ModelSpec(
            name=method.__name__.replace("_", "-"),
            summary=f"{method.__name__}, then upscales by repeating pixels",
            scales={2},
            build=lambda scale, method=method: build(method, scale),
        )
        for method in (*METHODS, forgets, kills, changes, overwrites)
    ]
