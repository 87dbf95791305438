"""Whether importing a plugin ends the process: it is tried in another process, once for each state of its files.

`os._exit` or a crash in native code cannot be caught: one plugin would end every command, even ``srbench list``. A note
that is written before each import, and that the next command finds, would cost nothing, but the command that it happens
to would end without a word. A process for each import would say it at once, and take a second each time. So the first
import is tried, and the good outcome is kept in ``SRBENCH_HOME`` with the sizes and times of the plugin's files: where
they have not changed, the cost is that of looking at them. Plugins that come with srbench are not tried.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from contextlib import suppress
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.catalog.plugin import Problem, load_plugin
from srbench.catalog.plugin_files import import_file
from srbench.store.home import home
from srbench.system.atomic import write_text
from srbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

SKIP = "SRBENCH_NO_TRIAL"
"""Environment variable: set where plugins are imported without a trial, as in the trial itself."""
SURVIVED = 86
"""Exit code of a trial whose import came to an end, well or not."""
PATIENCE_S = 300
FIX = "remove what ends the process (os._exit, a native library that crashes), or uninstall the plugin"
SUFFIXES = (".py", ".so", ".pyd")


def try_file(path: Path) -> Problem | None:
    """Return the problem of a plugin file, or of a package by its ``__init__.py``, that ends the process; else None."""
    files = _below(path.parent) if path.name == "__init__.py" else [path]
    return _try({"file": str(path)}, files)


def try_installed(point: EntryPoint) -> Problem | None:
    """Return the problem of an installed plugin that ends the process; None for others and those of srbench."""
    if point.dist is not None and point.dist.name == "srbench":
        return None
    files: list[Path] = []
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(point.module.partition(".")[0])  # of a whole name it would import a part
        files = [Path(spec.origin)] if spec and spec.origin else []
        for folder in spec.submodule_search_locations or () if spec else ():
            files += _below(Path(folder))
    return _try({"name": point.name, "value": point.value}, files)


def _try(plugin: dict[str, str], files: Iterable[Path]) -> Problem | None:
    if os.environ.get(SKIP) or not sys.executable:
        return None
    state = _digest([__version__, sys.version, sorted(filter(None, map(_state, files)))])
    note = home() / "plugins" / _digest([sys.prefix, plugin])
    with suppress(OSError, UnicodeDecodeError):
        if note.read_text(encoding="utf-8") == state:
            return None
    if reason := _import_elsewhere(plugin):
        return Problem(reason, FIX)
    with suppress(Exception):  # the next command tries it again
        write_text(note, state)
    return None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]  # `store.hashes` imports numpy


def _state(file: Path) -> tuple[str, int, int] | None:
    with suppress(OSError):
        status = file.stat()
        return os.fsencode(file).hex(), status.st_size, status.st_mtime_ns
    return None


def _below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in SUFFIXES]


def _import_elsewhere(plugin: dict[str, str]) -> str:
    """Import a plugin in another process; return how that ended it, or an empty text."""
    import signal
    import subprocess

    task = json.dumps({**plugin, "path": sys.path})
    command = [sys.executable, "-P", "-m", __name__]
    quiet: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
    try:
        done = subprocess.run(
            command, input=task.encode(), env={**os.environ, SKIP: "1"}, timeout=PATIENCE_S, check=False, **quiet
        )
    except subprocess.TimeoutExpired:
        return f"cannot be imported: it took more than {PATIENCE_S} s"
    except OSError:  # no process can be started: it is imported as it is
        return ""
    if done.returncode == SURVIVED:
        return ""
    code = done.returncode
    return f"ends the process that imports it ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"


def main() -> None:
    """Import the plugin that standard input names, call its hooks, and exit with `SURVIVED`."""
    task = json.loads(sys.stdin.buffer.read())
    sys.path[:] = task["path"]
    if "file" in task:
        load_plugin("trial", "trial", partial(import_file, Path(task["file"])))
    else:
        load_plugin("trial", "trial", EntryPoint(task["name"], task["value"], "srbench").load)
    os._exit(SURVIVED)  # nothing that a plugin registered with atexit


if __name__ == "__main__":
    main()
