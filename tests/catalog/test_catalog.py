"""Plugins: each is loaded by itself, a broken one is named with its reason, and the others never notice."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

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


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [(("net", ()), ("net", ()), "net"), (("net", ()), ("other", ("net",)), "net"), (("a", ("x",)), ("b", ("x",)), "x")],
)
def test_a_clash_rejects_all_claimants_and_says_so(tmp_path, first, second, name):
    files = [
        write(tmp_path, file, GOOD.format(name=spec, aliases=aliases))
        for file, (spec, aliases) in zip(("first", "second"), (first, second), strict=True)
    ]
    catalog = Catalog.load(files)
    assert not {first[0], second[0]} & set(catalog.models.specs)
    problems = {plugin.name: plugin.problems for plugin in catalog.plugins if plugin.problems}
    assert set(problems) == {"first", "second"}
    assert f"the name {name!r} is also claimed by second" in problems["first"][0].reason
    with pytest.raises(UsageError, match=r"claimed by several plugins \(first, second\)"):
        catalog.models[name]
    assert "bicubic" in catalog.models


def test_clash_with_a_shipped_method_rejects_both(tmp_path):
    catalog = Catalog.load([write(tmp_path, "mine", GOOD.format(name="bicubic", aliases=()))])
    assert "bicubic" not in catalog.models
    assert "lanczos" in catalog.models


def test_an_alias_equal_to_the_name_clashes_with_nobody(tmp_path):
    assert "net" in Catalog.load([write(tmp_path, "mine", GOOD.format(name="net", aliases=("net",)))]).models


def test_what_a_plugin_prints_stays_out_of_results(tmp_path, capsys):
    Catalog.load([write(tmp_path, "mine", "print('hello')\n" + GOOD.format(name="net", aliases=()))])
    assert capsys.readouterr() == ("", "hello\n")


def test_same_file_twice_is_loaded_once(tmp_path):
    path = write(tmp_path, "mine", GOOD.format(name="net", aliases=()))
    catalog = Catalog.load([path, str(path)])
    assert catalog.models["net"].name == "net"
    assert not [plugin for plugin in catalog.plugins if plugin.problems]


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


def test_unknown_names_suggest_the_nearest_or_list_all():
    models = Catalog.load().models
    with pytest.raises(UsageError, match="unknown method 'lanczoss'; did you mean 'lanczos'"):
        models["lanczoss"]
    with pytest.raises(UsageError, match=r"unknown method 'qqq'; there are: .*bicubic"):
        models["qqq"]


def test_alias_leads_to_the_canonical_name():
    models = Catalog.load().models
    assert models["srgan"] is models["srgan-vgg22"]
    assert models.owner("srgan").name == "srresnet"


def test_threads_that_load_leave_standard_output_where_it_was():
    before = sys.stdout
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Catalog.load(), range(40)))
    assert sys.stdout is before
