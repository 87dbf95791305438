"""Processes with their descendants: what they hold, and their end."""

from __future__ import annotations

import contextlib

import psutil


def tree_memory(pid: int, enough: int = 0) -> int:
    """Return the bytes that a process and its descendants hold; what they share counts once, on Linux.

    Args:
        pid: the process.
        enough: a number that is only to be exceeded or not: up to it, shared memory may count several times, which
            takes less time to find out.
    """
    tree = _tree(pid)
    most = sum(_resident(process) for process in tree)
    return most if most <= enough else sum(_share(process) for process in tree)


def kill_tree(pid: int) -> None:
    """Kill a process and its descendants."""
    for process in _tree(pid)[::-1]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _share(process: psutil.Process) -> int:
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(info, "pss", info.rss))
