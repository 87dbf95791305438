"""The files of a ``--plugin`` argument: located, hashed without an import, imported from their source.

Bytecode in ``__pycache__`` is neither read nor written, so that what runs is what was hashed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader, all_suffixes
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.errors import UsageError
from srbench.system.file_kinds import no_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

PREFIX = "srbench_file_"
"""Begins the names of modules that are imported from plugin files."""


def plugin_source(file: str | Path) -> Path:
    """Return the Python file of a ``--plugin`` argument: the file itself, or the ``__init__.py`` of a folder.

    Raises:
        UsageError: the file does not exist.
    """
    file = Path(file)
    path = file / "__init__.py" if file.is_dir() else file
    if file.is_dir() and not path.is_file():
        raise UsageError(f"--plugin {file}: is a folder without __init__.py; give one of its .py files")
    if path.is_file() and path.suffix != ".py":
        raise UsageError(f"--plugin {file}: is no .py file")
    if not path.is_file():
        raise UsageError(f"--plugin {file}: {no_file(path, 'Python file')}")
    return path


def code_hash(source: Path) -> str:
    """Return the SHA-256 in hex of the files that Python may import of a plugin, by name; nothing is imported.

    Args:
        source: its file; of a package, the ``__init__.py``, which stands for all files of the package.

    Raises:
        OSError: a file cannot be read.
    """
    suffixes = tuple(all_suffixes())
    inside = source.parent.rglob("*") if source.name == "__init__.py" else [source]
    files = sorted(file for file in inside if file.name.endswith(suffixes) and "__pycache__" not in file.parts)
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            name = os.fsencode(file.relative_to(source.parent).as_posix())
            digest.update(name + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def import_file(path: Path) -> ModuleType:
    """Import one file (or a package by its ``__init__.py``) under a unique module name."""
    stem = path.parent.name if path.name == "__init__.py" else path.stem
    name = f"{PREFIX}{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}_{stem}".replace("-", "_")
    search = [str(path.parent)] if path.name == "__init__.py" else None
    loader = _SourceLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader, submodule_search_locations=search)
    if spec is None:
        raise ImportError(f"{path} is not a Python file")
    if _PackageFinder not in sys.meta_path:
        sys.meta_path.insert(0, _PackageFinder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _SourceLoader(SourceFileLoader):
    """Compiles the source at each import."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


class _PackageFinder(MetaPathFinder):
    """Finds the source of the modules in packages that are plugin files; compiled extensions are left to Python."""

    @classmethod
    def invalidate_caches(cls) -> None:
        """Do nothing, as nothing is cached; the base class's takes an instance, and this is used as a class."""

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(PREFIX):
            return None
        specs = (FileFinder(folder, (_SourceLoader, SOURCE_SUFFIXES)).find_spec(name) for folder in path or ())
        return next((spec for spec in specs if spec is not None and spec.loader is not None), None)
