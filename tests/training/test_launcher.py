"""A training has as many processes as were asked for, whatever a batch job's variables say."""

from __future__ import annotations

import pytest
from lightning_fabric.plugins.environments import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment

from srbench.errors import UsageError
from srbench.training.launcher import Launcher, environment, find_launcher, is_follower

# as SLURM's manual (sbatch and srun, OUTPUT ENVIRONMENT VARIABLES) and torchrun's have them
BATCH = {"SLURM_JOB_ID": "77", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NTASKS": "4"}
STEP = {**BATCH, "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2", "SLURM_NNODES": "1"}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}
NAMES = ("SLURM_JOB_NAME", "SLURM_NTASKS_PER_NODE", "SLURM_NODELIST", "GROUP_RANK", *BATCH, *STEP, *TORCHRUN)


@pytest.fixture
def started(monkeypatch):
    def start(variables):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return start


@pytest.mark.parametrize(
    ("variables", "launcher"),
    [
        ({}, Launcher("srbench", 1, 0)),
        (BATCH, Launcher("srbench", 1, 0)),
        (STEP, Launcher("srun", 4, 2)),
        ({**STEP, "SLURM_NTASKS": "1", "SLURM_STEP_NUM_TASKS": "1"}, Launcher("srbench", 1, 0)),
        (TORCHRUN, Launcher("torchrun", 2, 1)),
        ({**BATCH, **TORCHRUN}, Launcher("torchrun", 2, 1)),
        ({"LOCAL_RANK": "1"}, Launcher("srbench", 1, 1)),  # a process that srbench started
        ({"RANK": "3"}, Launcher("srbench", 1, 0)),  # left behind by something else
    ],
)
def test_what_started_a_process(started, variables, launcher):
    started(variables)
    assert find_launcher() == launcher
    assert is_follower() == (launcher.rank > 0)


@pytest.mark.parametrize(
    ("variables", "devices", "nodes", "kind"),
    [
        ({}, 1, 1, LightningEnvironment),
        ({}, 2, 1, LightningEnvironment),
        (BATCH, 1, 1, LightningEnvironment),
        ({**BATCH, "SLURM_NTASKS": "1"}, 2, 1, LightningEnvironment),
        ({**STEP, "SLURM_NTASKS_PER_NODE": "4"}, 4, 1, SLURMEnvironment),
        ({**STEP, "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "2"}, 2, 2, SLURMEnvironment),
        (TORCHRUN, 2, 1, TorchElasticEnvironment),
        (TORCHRUN, 1, 2, TorchElasticEnvironment),
    ],
)
def test_processes_that_are_as_many_as_asked_for(started, variables, devices, nodes, kind):
    started(variables)
    assert type(environment(devices, nodes)) is kind


@pytest.mark.parametrize(
    ("variables", "devices", "nodes", "message"),
    [
        ({}, 2, 2, r"^--nodes 2: start it with torchrun on each machine, or with srun .*--nodes 2 --ntasks-per-node 2"),
        (BATCH, 1, 2, r"^--nodes 2: start it with torchrun"),
        (STEP, 1, 1, r"^srun started 4 processes, but --devices 1 --nodes 1 needs 1: .*without srun"),
        (STEP, 2, 1, r"^srun started 4 processes, but --devices 2 --nodes 1 needs 2"),
        (STEP, 4, 1, r"^srun: .*--ntasks-per-node"),
        ({**STEP, "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "2"}, 4, 1, r"^srun: .*per node"),
        (TORCHRUN, 1, 1, r"^torchrun started 2 processes, but --devices 1 --nodes 1 needs 1"),
        ({**TORCHRUN, "WORLD_SIZE": "1"}, 2, 1, r"^torchrun started 1 process, but"),
    ],
)
def test_processes_of_another_number_are_refused(started, variables, devices, nodes, message):
    started(variables)
    with pytest.raises(UsageError, match=message):
        environment(devices, nodes)
