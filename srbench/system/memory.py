"""Peak memory of a forward pass, memory that is available, and out-of-memory errors."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

CGROUPS = Path("/sys/fs/cgroup")
REFUSALS = ("DefaultCPUAllocator", "can't allocate memory", "not enough memory", "out of memory")


class LiveStorages(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count the bytes of storages that operators create, until they are freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._seen: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, which takes seconds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = {id(t.untyped_storage()) for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if id(storage) not in before and storage not in self._seen:
                    self._seen.add(storage)
                    self.now += storage.nbytes()
                    weakref.finalize(storage, self._free, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return result

    def _free(self, size: int) -> None:
        self.now -= size


def held_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Return the peak memory in bytes of the tensors that some work creates; earlier tensors do not count."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device) - before)
    with LiveStorages() as live:
        work()
    peak: int = live.peak
    return peak


def available(device: torch.device, limit: int = 0) -> int:
    """Return the bytes that this process can still allocate: on the GPU, or within the machine and its control group.

    Args:
        device: the device.
        limit: most bytes that the process may use on a CPU; 0: no limit.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + unused)
    rooms = [psutil.virtual_memory().available, *group_room(CGROUPS)]
    if limit:
        rooms.append(max(1, limit - psutil.Process().memory_info().rss))
    return int(min(rooms))


def group_room(root: Path) -> list[int]:
    """Return the bytes left under the limits of this process's control groups, version 1 or 2; often there is no limit.

    Args:
        root: folder where the groups are mounted. Inside a container it holds the container's own limit.
    """
    files = (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    )
    room = []
    for limit, usage, cache in files:
        try:
            most, used = ((root / name).read_text().strip() for name in (limit, usage))
            counts = dict(line.split() for line in (root / limit).with_name("memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if most.isdecimal() and used.isdecimal():  # "max": no limit
            room.append(max(0, int(most) - int(used) + int(counts.get(cache, "0"))))  # the file cache can be dropped
    return room


def unless_out_of_memory(work: Callable[[], T], device: torch.device) -> T | None:
    """Return the result of some work, or None if it ran out of memory; its memory is then freed."""
    try:
        return work()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is an out-of-memory error of the GPU, of torch's CPU allocator or of Python."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in REFUSALS)
