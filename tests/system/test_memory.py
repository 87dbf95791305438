"""Memory: what there is, and what running out of it looks like."""

from __future__ import annotations

import pytest
import torch

from srbench.system.memory import available, group_room, held_bytes, is_out_of_memory, unless_out_of_memory

CPU = torch.device("cpu")


def test_room_is_the_least_of_machine_group_and_limit(tmp_path):
    assert group_room(tmp_path) == []
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 150\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert group_room(tmp_path) == []
    (tmp_path / "memory.max").write_text("1000\n")
    assert group_room(tmp_path) == [450]
    old = tmp_path / "memory"
    old.mkdir()
    for name, text in (("limit_in_bytes", "90"), ("usage_in_bytes", "100"), ("stat", "total_inactive_file 0")):
        (old / f"memory.{name}").write_text(text)
    assert group_room(tmp_path) == [450, 0]
    assert 0 < available(CPU, limit=2**50) <= available(CPU) + 2**28
    assert available(CPU, limit=1) == 1


def test_held_bytes_are_the_most_that_new_tensors_take_at_once():
    old = torch.zeros(1000)

    def work():
        first = torch.zeros(1000)  # 4000 bytes
        second = first + old  # 8000 at once
        del first
        third = second.double()  # 4000 + 8000
        return third.view(10, 100)

    assert held_bytes(work, CPU) == 12_000
    assert held_bytes(lambda: old.add_(1).view(10, 100), CPU) == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("x"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_memory_that_is_refused_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) == expected

    def work():
        raise error

    if expected:
        assert unless_out_of_memory(work, CPU) is None
    else:
        with pytest.raises(type(error)):
            unless_out_of_memory(work, CPU)


def test_work_that_has_its_memory_returns_what_it_made():
    assert unless_out_of_memory(lambda: 7, CPU) == 7
