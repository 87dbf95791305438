"""Who starts the processes of a training on several devices: srbench itself, torchrun or srun.

The variables of a batch job say how many tasks were reserved, not how many processes run: they are no reason to wait
for others. Only a step of srun, and torchrun, have started more processes than one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

from srbench.errors import UsageError, one_line


@dataclass(frozen=True)
class Launcher:
    """What started this process."""

    name: Literal["srbench", "torchrun", "srun"]
    processes: int
    """How many it started; 1 for srbench, which starts the others itself."""
    rank: int
    """The number of this process, from 0."""


def find_launcher() -> Launcher:
    """Return what started this process, from the environment."""
    environ = os.environ
    if "TORCHELASTIC_RUN_ID" in environ:
        return Launcher("torchrun", _number("WORLD_SIZE", 1), _number("RANK", 0))
    tasks = _number("SLURM_STEP_NUM_TASKS", _number("SLURM_NTASKS", 1))
    if "SLURM_STEP_ID" in environ and "SLURM_PROCID" in environ and tasks > 1:
        return Launcher("srun", tasks, _number("SLURM_PROCID", 0))
    return Launcher("srbench", 1, _number("LOCAL_RANK", 0))


def _number(name: str, default: int) -> int:
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        return default


def environment(devices: int, nodes: int) -> Any:
    """Return Lightning Fabric's environment that numbers the processes and finds the first.

    Args:
        devices: processes per node.
        nodes: number of machines.

    Raises:
        UsageError: other than ``devices * nodes`` processes were started, or in another layout.
    """
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    launcher = find_launcher()
    world = devices * nodes
    if launcher.name == "srbench":
        if nodes > 1:
            raise UsageError(
                f"--nodes {nodes}: start it with torchrun on each machine, or with srun and a task per device "
                f"(srun --nodes {nodes} --ntasks-per-node {devices})"
            )
        return LightningEnvironment()
    if launcher.processes != world:
        started = f"{launcher.name} started {launcher.processes} process{'es' * (launcher.processes > 1)}"
        hint = " (or start it without srun)" if world == 1 and launcher.name == "srun" else ""
        raise UsageError(
            f"{started}, but --devices {devices} --nodes {nodes} needs {world}: make devices times nodes the same{hint}"
        )
    if launcher.name == "torchrun":
        return TorchElasticEnvironment()
    try:
        slurm = SLURMEnvironment(auto_requeue=False)
        slurm.validate_settings(devices, nodes)
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"srun: {one_line(error)}") from error
    return slurm


def is_follower() -> bool:
    """Whether this is a process of a distributed training other than the first."""
    return find_launcher().rank > 0
