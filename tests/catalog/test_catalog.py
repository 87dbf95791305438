"""Plugins: each is loaded by itself, a broken one is named with its reason, and the others never notice."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from srbench.catalog.catalog import Catalog

GOOD = """
from srbench import ModelSpec, hookimpl
def build(scale): raise AssertionError
@hookimpl
def srbench_models():
    return [ModelSpec(name="{name}", summary="good", scales={{2}}, build=build, aliases={aliases})]
"""


def write(folder, name, code):
    path = folder / f"{name}.py"
    path.write_text(code)
    return path


def test_same_file_twice_is_loaded_once(tmp_path):
    path = write(tmp_path, "mine", GOOD.format(name="net", aliases=()))
    catalog = Catalog.load([path, str(path)])
    assert catalog.models["net"].name == "net"
    assert not [plugin for plugin in catalog.plugins if plugin.problems]


def test_threads_that_load_leave_standard_output_where_it_was():
    before = sys.stdout
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Catalog.load(), range(40)))
    assert sys.stdout is before
