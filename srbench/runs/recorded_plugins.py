"""Which plugin files of a recorded run are imported: ``run.json`` may be a stranger's, and a plugin is a program.

Decided by bytes, before any import.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.catalog.plugin_files import code_hash, plugin_source
from srbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def plugins_to_import(
    run_dir: Path, recorded: Sequence[str], hashes: Mapping[str, str], given: Sequence[str]
) -> tuple[str, ...]:
    """Return the plugin files to import for a recorded run: those of the run that are unchanged, and the given ones.

    A given file replaces the run's file of the same name.

    Args:
        run_dir: the run's folder.
        recorded: the plugin files that ``run.json`` names.
        hashes: their `code_hash` at the time of the run, by path, as far as it was recorded.
        given: absolute paths of the files that the user names.

    Raises:
        UsageError: a file of the run may not be imported unless the user names it; names it, with the reason.
    """
    replaced = {Path(file).name for file in given}
    others = [file for file in recorded if Path(file).name not in replaced]
    for file in others:
        if reason := _distrust(run_dir, Path(file), hashes.get(file, "")):
            raise UsageError(
                f"{run_dir}: its plugin file {file} {reason}, so it is not imported; read it, and if you trust it "
                f"repeat the command with --plugin {file}"
            )
    return tuple(dict.fromkeys((*(file for file in others if _source(Path(file))), *given)))


def _source(file: Path) -> Path | None:
    """Return the Python file of a recorded plugin file; None if there is none now."""
    try:
        return plugin_source(file)
    except UsageError:
        return None


def _distrust(run_dir: Path, file: Path, recorded: str) -> str:
    """Return why a plugin file that a run names is not imported unasked; empty for one that does not exist."""
    if not file.is_absolute():
        return "is named by a relative path, which srbench never records"
    source = _source(file)
    if source is None:
        return ""
    if (run_dir / "results.jsonl").exists() and source.resolve().is_relative_to(run_dir.resolve()):
        return "lies in the run's own folder"
    if hasattr(os, "getuid") and source.stat().st_uid not in (os.getuid(), 0):
        return "belongs to another user"
    if not recorded:
        return "has no hash in run.json to compare it with"
    return "" if code_hash(source) == recorded else "is not the one of the run: its SHA-256 differs"
