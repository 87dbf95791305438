"""One plugin: loaded by itself, a broken one named with its reason, known by its source."""

from __future__ import annotations

import pytest

from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError

GOOD = """
from srbench import ModelSpec, hookimpl
def build(scale): raise AssertionError
@hookimpl
def srbench_models():
    return [ModelSpec(name="{name}", summary="good", scales={{2}}, build=build, aliases={aliases})]
"""
BROKEN = {
    "import_error": (
        "import no_such_module",
        "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "syntax_error": ("def (", "cannot be imported: SyntaxError"),
    "leaves": ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
    "misspelt": (
        "from srbench import hookimpl\n@hookimpl\ndef srbench_modles(): return []",
        "unknown hook 'srbench_modles'; did you mean 'srbench_models'?",
    ),
    "signature": ("from srbench import hookimpl\n@hookimpl\ndef srbench_models(scale): return []", "scale"),
    "raises": (
        "from srbench import hookimpl\n@hookimpl\ndef srbench_losses(): raise KeyError('x')",
        "srbench_losses raised KeyError: 'x'",
    ),
    "none": (
        "from srbench import hookimpl\n@hookimpl\ndef srbench_models(): []",
        "srbench_models returned None, not a list of ModelSpecs",
    ),
    "number": (
        "from srbench import hookimpl\n@hookimpl\ndef srbench_models(): return 3",
        "srbench_models returned 3, not a list of ModelSpecs",
    ),
    "one_spec": (
        GOOD.format(name="one", aliases=()).replace("[ModelSpec", "ModelSpec").replace(")]", ")"),
        "srbench_models returned ModelSpec(",
    ),
    "text_as_aliases": (GOOD.format(name="two", aliases="'abc'"), "aliases is the text 'abc'; write ('abc',)"),
    "surrogates": ("raise ValueError('caf\\udce9')", r"cannot be imported: ValueError: caf\udce9 (surrogates.py:1)"),
    "no_text": (
        "class Bad(Exception):\n def __str__(self): raise ValueError\nraise Bad",
        "cannot be imported: Bad: no text (no_text.py:3)",
    ),
    "deep": (
        (
            "from srbench import hookimpl\ndef look():\n raise OSError('not there')\n"
            "@hookimpl\ndef srbench_datasets(): return look()"
        ),
        "srbench_datasets raised OSError: not there (deep.py:3)",
    ),
    "wrong_kind": (
        "from srbench import hookimpl\n@hookimpl\ndef srbench_models(): return ['net']",
        "srbench_models returned 'net', which is no ModelSpec",
    ),
    "invalid_spec": (
        (
            "from srbench import *\n@hookimpl\ndef srbench_models():\n"
            " return [ModelSpec(name='A b', summary='s', scales={2}, build=len)]"
        ),
        "ModelSpec 'A b': name 'A b' must be lower-case",
    ),
    "no_hook": ("x = 1", "has no hook: mark a function srbench_* with @hookimpl"),
    "forgotten_mark": ("def srbench_models(): return []", "has no hook: mark a function srbench_* with @hookimpl"),
}


def write(folder, name, code):
    path = folder / f"{name}.py"
    path.write_text(code)
    return path


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_named_with_its_reason_and_stops_no_other(tmp_path, name):
    code, reason = BROKEN[name]
    catalog = Catalog.load(
        [
            write(tmp_path, "before", GOOD.format(name="one", aliases=())),
            write(tmp_path, name, code),
            write(tmp_path, "behind", GOOD.format(name="two", aliases=())),
        ]
    )
    broken = [plugin for plugin in catalog.plugins if plugin.problems]
    (plugin,) = broken
    assert plugin.name == name
    assert reason in plugin.problems[0].reason
    assert plugin.problems[0].reason.isprintable()
    assert {"one", "two", "bicubic"} <= set(catalog.models.specs)


def test_what_a_plugin_prints_stays_out_of_results(tmp_path, capsys):
    Catalog.load([write(tmp_path, "mine", "print('hello')\n" + GOOD.format(name="net", aliases=()))])
    assert capsys.readouterr() == ("", "hello\n")


def test_a_package_folder_is_a_plugin_and_imports_its_own_modules(tmp_path):
    folder = tmp_path / "net-pack"
    folder.mkdir()
    (folder / "names.py").write_text("NAME = 'net'")
    code = GOOD.format(name="net", aliases=()).replace('name="net"', "name=NAME")
    (folder / "__init__.py").write_text("from .names import NAME\n" + code)
    assert "net" in Catalog.load([folder]).models


def test_missing_file_is_said():
    with pytest.raises(UsageError, match=r"--plugin .*nowhere\.py: no such Python file"):
        Catalog.load(["nowhere.py"])


def test_fingerprint_follows_the_source(tmp_path):
    prints = set()
    for text in ("# a", "# b", "# b"):
        path = write(tmp_path, "mine", GOOD.format(name="net", aliases=()) + text)
        prints.add(Catalog.load([path]).models.owner("net").fingerprint)
    assert len(prints) == 2
