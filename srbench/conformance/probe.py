"""Load one plugin in a separate process: ``python -m srbench.conformance.probe ORDER`` prints what it did.

A plugin that crashes or hangs when it is imported does so only here.
"""

from __future__ import annotations

import builtins
import json
import os
import random
import subprocess
import sys
import threading
from dataclasses import dataclass, fields
from json import dumps
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import psutil

from srbench.catalog.catalog import Catalog
from srbench.catalog.plugin import Problem
from srbench.catalog.trial import SKIP
from srbench.system.child import Exit
from srbench.system.leftovers import scratch

HEAVY = ("torch", "torchvision", "lightning_fabric", "lpips", "pandas", "matplotlib", "skimage", "tensorflow", "jax")
"""Modules that are slow to import, and must not be needed for ``srbench list``."""
NOTHING = Problem(
    "its hooks return nothing: it has no method, loss, dataset or metric",
    "a hook returns a list of its kind of spec",
)
PYTHONS = (builtins, json, os, random)
"""Modules whose functions must not be replaced."""


@dataclass(frozen=True)
class Probe:
    """What a plugin did when it was loaded in a process of its own."""

    dead: str = ""
    """How it ended the process; empty if it did not."""
    problems: tuple[Problem, ...] = ()
    heavy: tuple[str, ...] = ()
    """Modules of `HEAVY` that it imported."""
    changed: tuple[str, ...] = ()
    """What it changed in the process."""
    unlike: tuple[str, ...] = ()
    """Specs that differed when its hooks were called again."""


def probe(name: str, file: str, timeout_s: float) -> Probe:
    """Load an installed plugin by name, or a plugin file, in a process of its own."""
    order = json.dumps({"name": name, "file": file})
    command = [sys.executable, "-P", "-c", "from srbench.conformance.probe import main; main()", order]
    # files, not pipes: processes that the plugin starts may keep pipes open
    with TemporaryFile("w+") as out, TemporaryFile("w+", errors="replace") as err:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            return Probe(dead=f"importing it did not end within {timeout_s:g} s")
        out.seek(0)
        err.seek(0)
        lines, complaints = out.read().splitlines(), err.read().strip().splitlines()
    try:
        report = {key: tuple(value) for key, value in json.loads(lines[-1]).items()}
        return Probe("", **report | {"problems": tuple(Problem(*problem) for problem in report["problems"])})
    except (IndexError, KeyError, AttributeError, ValueError, TypeError):
        last = f"; {complaints[-1][:200]}" if complaints else ""
        return Probe(dead=f"importing it ends Python: {Exit(done.returncode).reason}{last}")


def _load(order: dict[str, str]) -> Catalog:
    files = [order["file"]] if order["file"] else []
    return Catalog.load(files, installed=lambda name: not files and name == order["name"])


def _data(catalog: Catalog) -> dict[str, Any]:
    """Return the fields of all specs, those that can be compared by value."""
    plain = (str, int, float, tuple, frozenset, type(None))
    return {
        f"{shelf.kind} {name}": {f.name: v for f in fields(spec) if isinstance(v := getattr(spec, f.name), plain)}
        for shelf in catalog.shelves.values()
        for name, spec in shelf.specs.items()
    }


def _state(functions: list[tuple[Any, str]]) -> dict[str, Any]:
    return {
        "the working folder": os.getcwd(),  # noqa: PTH109
        "the environment": dict(os.environ),
        "sys.path": list(sys.path),
        "the generator of random": random.getstate(),
        "the recursion limit": sys.getrecursionlimit(),
        "the working folder's files": sorted(path.name for path in Path().iterdir()),
        "the threads that run": threading.enumerate(),
        "the processes that run": [child.pid for child in psutil.Process().children()],
        "what Python's own functions do": [getattr(module, name) for module, name in functions],
    }


def main() -> None:
    """Load the plugin twice and print the report."""
    order = json.loads(sys.argv[1])
    os.environ[SKIP] = "1"  # this is a process of its own
    with scratch("srbench-check-") as folder:
        os.chdir(folder)
        line = dumps(_seen(order))
        os.chdir("/")
    for child in psutil.Process().children(recursive=True):
        child.kill()
    sys.stdout.write(f"\n{line}\n")
    sys.stdout.flush()
    os._exit(0)  # do not wait for threads of the plugin


def _seen(order: dict[str, str]) -> dict[str, list[Any]]:
    functions = [(module, name) for module in PYTHONS for name, value in vars(module).items() if callable(value)]
    before = _state(functions)
    first = _load(order)
    heavy = [name for name in HEAVY if name in sys.modules]
    after = _state(functions)
    once, again = _data(first), _data(_load(order))
    problems = [problem for plugin in first.plugins for problem in plugin.problems]
    if not (problems or first.models.files.specs or again):
        problems = [NOTHING]
    return {
        "problems": [(problem.reason, problem.fix) for problem in problems],
        "heavy": heavy,
        "changed": [name for name in before if before[name] != after[name]],
        "unlike": [name for name in {**once, **again} if once.get(name) != again.get(name)],
    }


if __name__ == "__main__":
    main()
