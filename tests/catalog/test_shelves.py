"""The specs of one kind by name: clashes, aliases, names that are not there."""

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


def write(folder, name, code):
    path = folder / f"{name}.py"
    path.write_text(code)
    return path


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
