"""The devices and the precision of a training, through Lightning Fabric."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import torch

from srbench.errors import SRBenchError, UsageError
from srbench.system.devices import find_device
from srbench.system.malloc import keep_memory
from srbench.training.launcher import environment

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def make_fabric(device: str, precision: str, devices: int = 1, nodes: int = 1) -> Any:
    """Return Lightning Fabric, not yet launched.

    Args:
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        precision: ``fp32``, ``bf16`` or ``fp16``; the latter two are mixed, fp16 with a scaled loss.
        devices: processes per node, one device each, whose gradients are averaged in every step.
        nodes: number of machines, set up by torchrun or SLURM.

    Raises:
        UsageError: the precision is unknown or not available on the device, the device cannot be several, or torchrun
            or srun started another number of processes.
        SRBenchError: the device is not available, or too few of them are.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # srbench reports its devices itself
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision {precision!r}; there are: {', '.join(PRECISIONS)}")
    if device != "auto":
        find_device(device)
    kind, _, index = device.partition(":")
    if kind == "auto" and devices > 1:
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if precision == "fp16" and (kind == "cpu" or not gpu):
        raise UsageError("--precision fp16 trains on a GPU only; on a CPU there is bf16")
    if devices > 1 and (index or kind == "mps"):
        raise UsageError(f"--devices {devices} are not available for {device!r}; --device cpu or cuda takes several")
    if kind == "cuda" and devices > torch.cuda.device_count():
        raise SRBenchError(f"--devices {devices}: there are {torch.cuda.device_count()} CUDA devices")
    strategy: Any = DDPStrategy(**_buffers_stay()) if devices * nodes > 1 else "auto"
    chosen: Any = [int(index)] if index else devices
    keep_memory()
    return Fabric(
        accelerator=kind,
        devices=chosen,
        num_nodes=nodes,
        precision=PRECISIONS[precision],  # type: ignore[arg-type]
        strategy=strategy,
        plugins=environment(devices, nodes),
    )


def _buffers_stay() -> dict[str, Any]:
    """Return the option of DDP that leaves buffers, such as batch norm's statistics, unsynchronised.

    Broadcasting them between a critic's two forward passes would change tensors that its backward pass needs.
    """
    known = inspect.signature(torch.nn.parallel.DistributedDataParallel).parameters
    name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # of older torch
    return {name: False}
