"""One plugin loaded alone, in a process of its own: ``python -m srbench.conformance.probe ORDER`` prints what it did.

Whatever a plugin does when it is imported, crash or hang, happens here first and nowhere else.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, fields
from typing import Any

from srbench.catalog import Catalog
from srbench.pipe import death

HEAVY = ("torch", "torchvision", "lightning_fabric", "lpips", "pandas", "matplotlib", "skimage", "tensorflow", "jax")
"""What takes long to import, and must not be needed to list what there is."""


@dataclass(frozen=True)
class Probe:
    """What a plugin did when it was loaded alone."""

    dead: str = ""
    """How it ended the process; empty when it did not."""
    problems: tuple[str, ...] = ()
    heavy: tuple[str, ...] = ()
    """Modules of `HEAVY` that it imported."""
    changed: tuple[str, ...] = ()
    """What it changed in the process."""
    unlike: tuple[str, ...] = ()
    """Specs that were others when its hooks were called again."""


def probe(name: str, file: str, timeout_s: float) -> Probe:
    """Load an installed plugin by its name, or a plugin file where one is given."""
    order = json.dumps({"name": name, "file": file})
    command = [sys.executable, "-P", "-m", "srbench.conformance.probe", order]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Probe(dead=f"importing it did not end within {timeout_s:g} s")
    try:
        found = json.loads(done.stdout.splitlines()[-1])
        seen = {key: tuple(found[key]) for key in ("problems", "heavy", "changed", "unlike")}
        return Probe("", **seen)
    except (IndexError, KeyError, ValueError, TypeError):
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return Probe(dead=f"importing it ends Python: {death(done.returncode)}" + (f"; {last[:200]}" if last else ""))


def _load(order: dict[str, str]) -> Catalog:
    files = [order["file"]] if order["file"] else []
    return Catalog.load(files, installed=lambda name: not files and name == order["name"])


def _data(catalog: Catalog) -> dict[str, Any]:
    """Return the fields of all specs that can be compared by value."""
    shelves = (catalog.models, catalog.losses, catalog.datasets, catalog.metrics)
    plain = (str, int, float, tuple, frozenset, type(None))
    return {
        f"{shelf.kind} {name}": {f.name: v for f in fields(spec) if isinstance(v := getattr(spec, f.name), plain)}
        for shelf in shelves
        for name, spec in shelf.specs.items()
    }


def _state() -> dict[str, Any]:
    return {
        "the working folder": os.getcwd(),  # noqa: PTH109
        "the environment": dict(os.environ),
        "sys.path": list(sys.path),
        "the generator of random": random.getstate(),
        "the recursion limit": sys.getrecursionlimit(),
    }


def main() -> None:
    """Load the plugin twice and say what was seen."""
    order = json.loads(sys.argv[1])
    before = _state()
    first = _load(order)
    heavy = [name for name in HEAVY if name in sys.modules]
    after = _state()
    one, two = _data(first), _data(_load(order))
    report = {
        "problems": [problem for plugin in first.plugins for problem in plugin.problems],
        "heavy": heavy,
        "changed": [name for name in before if before[name] != after[name]],
        "unlike": [name for name in {**one, **two} if one.get(name) != two.get(name)],
    }
    sys.stdout.write("\n" + json.dumps(report) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what it left running does not count


if __name__ == "__main__":
    main()
