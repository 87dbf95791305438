"""Who is to blame: an exception is a plugin's where it passed the plugin's own code."""

from __future__ import annotations

import importlib.util

import pytest

from srbench.catalog import blame
from srbench.errors import MethodError, SRBenchError

CODE = """def fails():
    raise KeyError("x")

def wraps():
    try:
        fails()
    except KeyError as error:
        raise ValueError("y") from error

def calls(function):
    function()
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "mine" / "network.py"
    path.parent.mkdir()
    path.write_text(CODE)
    spec = importlib.util.spec_from_file_location("mine_network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, path


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda module: module.fails(), "net failed: KeyError: 'x' (network.py:2)"),
        (lambda module: module.wraps(), "net failed: ValueError: y (network.py:2)"),
        (
            lambda module: module.calls(lambda: int("z")),
            "net failed: ValueError: invalid literal for int() with base 10: 'z' (network.py:11)",
        ),
    ],
)
def test_what_passes_a_plugins_code_names_the_method_and_the_line(plugin, call, said):
    module, path = plugin
    for home in (path, path.parent):
        with pytest.raises(MethodError) as caught, blame.blaming("net", home):
            call(module)
        assert str(caught.value) == said


def test_what_does_not_goes_on_as_it_is(plugin, tmp_path):
    module, _ = plugin
    for home in (None, tmp_path / "other"):
        with pytest.raises(KeyError), blame.blaming("net", home):
            module.fails()
    with pytest.raises(SRBenchError, match=r"^own$"), blame.blaming("net", tmp_path):
        module.calls(lambda: (_ for _ in ()).throw(SRBenchError("own")))


def test_nothing_is_raised_where_nothing_is():
    with blame.blaming("net", None):
        pass
