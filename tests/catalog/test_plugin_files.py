"""Plugin files: hashed without an import, and what is imported is what was hashed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import py_compile

import pytest

from srbench.catalog.plugin_files import code_hash, import_file, plugin_source
from srbench.errors import UsageError


def package(folder):
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("from .network import value\nfrom .inner import deep\n")
    (folder / "network.py").write_text("value = 1\n")
    (folder / "inner" / "__init__.py").write_text("deep = 2\n")
    return folder / "__init__.py"


def test_a_hash_needs_no_import_and_covers_all_that_python_may_import(tmp_path):
    source = package(tmp_path / "own")
    (source.parent / "network.py").write_text("raise RuntimeError('imported')\n")
    hashes = {code_hash(source)}
    for name in ("network.py", "inner/more.py", "sourceless.pyc", "native.so"):
        with (source.parent / name).open("ab") as file:
            file.write(b"\n#\n")
        hashes.add(code_hash(source))
    assert len(hashes) == 5
    for name in ("notes.txt", "__pycache__/network.cpython-311.pyc"):
        (source.parent / name).parent.mkdir(exist_ok=True)
        (source.parent / name).write_bytes(b"x")
        hashes.add(code_hash(source))
    assert len(hashes) == 5


def test_bytecode_beside_a_file_is_not_run_in_its_place(tmp_path):
    """Python would take it: it is marked as one that needs no comparison with the source."""
    source = package(tmp_path / "own")
    single = tmp_path / "single.py"
    single.write_text("value = 1\n")
    for file in (single, source.parent / "network.py", source.parent / "inner" / "__init__.py"):
        honest = file.read_bytes()
        file.write_text("value = deep = 666\n")
        py_compile.compile(file, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        assert os.path.exists(importlib.util.cache_from_source(file))  # noqa: PTH110
        file.write_bytes(honest)
    assert import_file(single).value == 1
    module = import_file(source)
    assert (module.value, module.deep) == (1, 2)


def test_an_edit_within_the_same_second_and_of_the_same_length_is_run(tmp_path):
    for value in (1, 2):
        (tmp_path / "own.py").write_text(f"value = {value}\n")
        os.utime(tmp_path / "own.py", (1e9, 1e9))
        assert import_file(tmp_path / "own.py").value == value


def test_what_is_no_plugin_file_is_said(tmp_path):
    (tmp_path / "notes.txt").touch()
    for name, reason in (("notes.txt", "is no .py file"), ("none.py", "no such Python file"), ("", "without __init__")):
        with pytest.raises(UsageError, match=reason):
            plugin_source(tmp_path / name)


def test_caches_of_imports_can_be_cleared_after_a_package_was_imported(tmp_path):
    import_file(package(tmp_path / "mine"))
    importlib.invalidate_caches()
