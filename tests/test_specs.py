"""Specs: frozen, coerced, and validated with the field's name in the message."""

from __future__ import annotations

import dataclasses

import pytest

from srbench import Asset, DatasetSpec, ImagePair, LossSpec, MetricSpec, ModelSpec, Published
from srbench.errors import SpecError, UsageError


def model(**changes):
    return ModelSpec(**({"name": "net", "summary": "s", "scales": [2, 4], "build": len} | changes))


def test_collections_are_frozen():
    spec = model(aliases=["a"], weights={2: "w.safetensors"}, precisions=["fp32"])
    assert spec.scales == frozenset({2, 4})
    assert spec.aliases == ("a",)
    with pytest.raises(TypeError):
        spec.weights[4] = "x"
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "other"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Net"}, "name 'Net' must be lower-case"),
        ({"name": ""}, "name '' must be"),
        ({"aliases": ["../up"]}, "name '../up' must be"),
        ({"summary": " "}, "summary is empty"),
        ({"summary": "two\nlines"}, "summary must be one line"),
        ({"scales": []}, "scales must be a non-empty set"),
        ({"scales": 4}, "scales must be a non-empty set"),
        ({"scales": {2.5}}, "whole numbers from 2 to 16"),
        ({"scales": {1}}, "whole numbers from 2 to 16"),
        ({"scales": {True}}, "whole numbers from 2 to 16"),
        ({"build": None}, "build must be callable"),
        ({"recipe": 3}, "recipe must be callable"),
        ({"multiple": 0}, "multiple must be at least 1"),
        ({"halo": -1}, "halo must be >= 0"),
        ({"precisions": {"fp64"}}, "precisions must be some of"),
        ({"weights": {3: "w"}}, "weights are given for a scale it does not do"),
        ({"weights": "folder"}, "weights must be files by scale, {4: Path(...)}, or a folder's Path"),
        ({"published": ["28.4"]}, "published must hold Published"),
        ({"about": 3}, "about must be a text or the Path of a Markdown file"),
    ],
)
def test_invalid_models_name_the_field(changes, said):
    with pytest.raises(SpecError, match="ModelSpec") as error:
        model(**changes)
    assert said in str(error.value)


def test_about_may_be_a_text():
    assert model().read_about() == ""
    assert model(about="An idea.").read_about() == "An idea."


def test_about_may_be_a_file_which_is_read_only_when_shown(tmp_path):
    spec = model(about=tmp_path / "about.md")
    with pytest.raises(SpecError, match=r"ModelSpec 'net': about file .*about\.md cannot be read \(No such file"):
        spec.read_about()
    (tmp_path / "about.md").write_bytes(b"\xff")
    with pytest.raises(SpecError, match="not UTF-8"):
        spec.read_about()
    (tmp_path / "about.md").write_text("# Title\n\nAn idea.\nMore of it.\n\nA second paragraph: # 2.\n")
    assert spec.read_about() == "An idea.\nMore of it.\n\nA second paragraph: # 2."


def test_an_about_file_of_a_family_has_a_section_for_each_method(tmp_path):
    file = tmp_path / "about.md"
    file.write_text("All.\n\n## net, other\n\nTwo.\n\n### Detail\n\n## net-large\n\nLarge.\n\n## net\n\nOne.\n")
    assert model(about=file).read_about() == "All.\n\nTwo.\n\n### Detail\n\nOne."
    assert model(about=file, name="net-large").read_about() == "All.\n\nLarge."
    assert model(about=file, name="new").read_about() == "All."


def test_other_kinds_are_validated_too():
    with pytest.raises(SpecError, match="LossSpec 'a': build must be callable"):
        LossSpec(name="a", summary="s", build=None)
    with pytest.raises(SpecError, match="better must be 'higher' or 'lower'"):
        MetricSpec(name="a", summary="s", build=len, better="up")
    with pytest.raises(SpecError, match="bounds must be the smallest and the largest value"):
        MetricSpec(name="a", summary="s", build=len, better="lower", bounds=(1, 0))
    with pytest.raises(SpecError, match="images must be callable"):
        DatasetSpec(name="a", summary="s", scales={2}, images=[])
    with pytest.raises(SpecError, match="sha256 must be 64"):
        Asset("a", "00")


def test_metric_identity_names_version_and_backbone():
    options = {"summary": "s", "build": len, "better": "lower"}
    assert MetricSpec(name="a", **options).identity == "a/1"
    assert MetricSpec(name="a", version="0.1", backbone="alexnet", **options).identity == "a/0.1/alexnet"


@pytest.mark.parametrize(
    "fields", [{"version": "1/alexnet"}, {"version": "1@0"}, {"version": ""}, {"version": 1}, {"backbone": "a/b"}]
)
def test_no_two_metrics_have_one_identity(fields):
    with pytest.raises(SpecError, match=next(iter(fields))):
        MetricSpec(name="a", summary="s", build=len, better="lower", **fields)


def test_a_dataset_refuses_scales_and_doubled_names(tmp_path):
    pairs = [ImagePair("a", tmp_path), ImagePair("b", tmp_path), ImagePair("a", tmp_path)]
    spec = DatasetSpec(
        name="set", summary="s", scales={2, 4}, images=lambda scale: pairs[:scale], refusals={3: "no x3"}
    )
    assert [pair.name for pair in spec.pairs(2)] == ["a", "b"]
    with pytest.raises(UsageError, match="2 images are named 'a'"):
        spec.pairs(4)
    with pytest.raises(UsageError, match="set does not exist at x3: no x3"):
        spec.pairs(3)
    with pytest.raises(UsageError, match="set does not exist at x8: it has x2, x4"):
        spec.pairs(8)


@pytest.mark.parametrize("name", ["../evil", "a/b", "a\\b", "", "..", 5])
def test_an_image_cannot_be_named_like_a_path(name, tmp_path):
    spec = DatasetSpec(name="set", summary="s", scales={2}, images=lambda scale: [ImagePair(name, tmp_path)])
    with pytest.raises(UsageError, match="cannot be the name of an image"):
        spec.pairs(2)


def test_a_dataset_that_breaks_is_named():
    def burns(scale):
        raise OSError("disk on fire")

    for images, said in (
        (burns, r"images\(2\) failed: OSError: disk on fire"),
        (lambda scale: [7], "gave 7, which is no"),
    ):
        with pytest.raises(UsageError, match=said):
            DatasetSpec(name="set", summary="s", scales={2}, images=images).pairs(2)


def test_published_figures_of_shipped_methods_are_those_of_the_reference_table(reference):
    import csv

    from srbench.catalog.catalog import Catalog

    with (reference / "published.csv").open() as file:
        table = {
            (row["method"], int(row["scale"]), row["dataset"], row["metric"], row["protocol"]): float(row["value"])
            for row in csv.DictReader(file)
        }
    names = {"srgan-vgg54": "srgan", "edsr-large": "edsr"}
    checked = 0
    for spec in Catalog.load().models.specs.values():
        for figure in spec.published:
            assert isinstance(figure, Published)
            key = (names.get(spec.name, spec.name), figure.scale, figure.dataset, figure.metric, figure.protocol)
            assert table[key] == figure.value
            checked += 1
    assert checked >= 8 + 3 + 3 + 3 + 3
