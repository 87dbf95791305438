"""``srbench new``: a template becomes a distribution that installs, passes its test and runs.

A template is a tree of files in ``srbench/catalog/templates``. In files that end in ``.in``, ``@name@`` and the like
are replaced, and the ending is removed. In file names, ``package`` stands for the Python package, ``method_x`` for the
method's name.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.catalog.catalog import Catalog
from srbench.catalog.plugin import installed_plugins
from srbench.errors import SRBenchError, UsageError, reason_of
from srbench.system.leftovers import scratch

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
LONGEST = 40
TEMPLATES = Path(__file__).parent / "templates"


def package_name(name: str) -> str:
    """Return the Python package of a plugin: ``my-net`` -> ``srbench_my_net``, which shadows no other module."""
    return f"srbench_{name.replace('-', '_')}"


def create(name: str, kind: str, parent: Path) -> Path:
    """Write a distribution into a new folder.

    Args:
        name: of the method, loss, dataset or metric.
        kind: one of `Catalog.shelves`.
        parent: the parent folder; it is created if it does not exist.

    Returns:
        The folder.

    Raises:
        UsageError: the name cannot be used or is taken, or the folder exists; nothing was written.
        SRBenchError: the folder cannot be written.
    """
    target = parent / name
    _check_name(name, kind)
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} exists already; nothing was written (choose another name, or --dir)")
    words = {"@name@": name, "@package@": package_name(name), "@kind@": kind}
    created = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with scratch(f".{name}-", parent) as folder:
            draft = Path(folder) / name
            for template in (TEMPLATES / "common", TEMPLATES / kind):
                _fill(template, draft, words)
            draft.replace(target)
    except OSError as error:
        for empty in created:
            with contextlib.suppress(OSError):
                empty.rmdir()
        raise SRBenchError(f"{target}: cannot be written ({reason_of(error)})") from error
    return target


def _check_name(name: str, kind: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"{name!r} cannot be the name of a {kind}: lower-case letters and digits, a letter first, "
            f"words joined by '-' or '_', at most {LONGEST} characters"
        )
    if name.startswith("srbench"):
        raise UsageError(f"{name!r} would make a package named {package_name(name)}; leave out 'srbench'")
    shelf = Catalog.load().shelves[kind]
    if name in shelf or name in shelf.clashes:
        owner = shelf.owner(name).origin if name in shelf else " and ".join(shelf.clashes[name])
        raise UsageError(f"there is a {kind} {name!r} already, from {owner}; choose another name")
    if name in {point.name for point in installed_plugins()}:
        raise UsageError(f"a plugin named {name!r} is installed already; choose another name")
    if importlib.util.find_spec(package_name(name)) is not None:
        raise UsageError(f"a Python package {package_name(name)} is installed already; choose another name")


def _fill(template: Path, target: Path, words: Mapping[str, str]) -> None:
    """Copy a template, replacing words in the names and contents of its files."""
    for source in sorted(path for path in template.rglob("*") if path.is_file()):
        parts = [part.replace("package", words["@package@"]) for part in source.relative_to(template).parts[:-1]]
        file = source.name.replace("test_package", f"test_{words['@package@']}")
        file = file.replace("method_x", f"{words['@name@']}_x")
        path = target.joinpath(*parts, file.removesuffix(".in"))
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".in":
            shutil.copyfile(source, path)
            continue
        text = source.read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        path.write_text(text, encoding="utf-8")
