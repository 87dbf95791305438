"""Names of SR files pair with names of HR as the field writes both."""

from __future__ import annotations

import time

import pytest

from srbench.errors import UsageError
from srbench.scoring.names import pair_names

SET5 = ["baby", "bird", "butterfly", "head", "woman"]
NUMBERS = [f"img_{number:03}" for number in range(1, 15)]
DIV2K = [f"{number:04}" for number in range(801, 901)]


def written(form, names):
    return [form.format(name) for name in names]


@pytest.mark.parametrize("names", [SET5, NUMBERS, DIV2K, SET5[:1], ["1", "10", "100"], ["Lenna", "lenna_bw"]])
@pytest.mark.parametrize(
    ("sr", "hr"),
    [
        ("{}", "{}"),
        ("{}_x4", "{}"),
        ("{}x4", "{}"),
        ("{}_4x", "{}"),
        ("{}x4_SwinIR", "{}"),
        ("{}_x4_SwinIR", "{}"),
        ("SwinIR_{}", "{}"),
        ("SwinIR_{}_x4", "{}"),
        ("{}_SRF_4_SR", "{}_SRF_4_HR"),
        ("{}_RCAN_x4", "{}_HR_x4"),
        ("{}_SR", "{}_HR"),
        ("{}-sr", "{}-GT"),
        ("{}", "{}_HR"),
        ("{}_out", "HR_{}"),
        ("{}_rlt", "{}"),
        ("{} (SwinIR)", "{}"),
        ("{}.sr", "{}.hr"),
    ],
)
def test_forms_of_the_field(names, sr, hr):
    expected = dict(zip(written(hr, names), written(sr, names), strict=True))
    assert pair_names(written(sr, names), written(hr, names), 4).pairs == expected


def test_case_and_unicode_forms_are_the_same_name():
    assert pair_names(["BABY", "u\u0308ber"], ["baby", "\u00fcber"], 4).pairs == {
        "baby": "BABY",
        "\u00fcber": "u\u0308ber",
    }


def test_exact_names_win_over_affixes():
    assert pair_names(["a", "b", "a_x4", "b_x4"], ["a", "b"], 4).pairs == {"a": "a", "b": "b"}


def test_of_several_scales_the_one_asked_for_is_taken():
    sr = [*written("{}_x2", SET5), *written("{}_x4", SET5)]
    assert pair_names(sr, SET5, 2).pairs == dict(zip(SET5, written("{}_x2", SET5), strict=True))
    assert pair_names(sr, SET5, 4).pairs == dict(zip(SET5, written("{}_x4", SET5), strict=True))


def test_outputs_of_two_methods_are_not_chosen_between():
    with pytest.raises(UsageError, match="SR names end in '_rcan', SR names end in '_swinir'; --sr-suffix"):
        pair_names([*written("{}_SwinIR", SET5), *written("{}_RCAN", SET5)], SET5, 4)


def test_hr_is_taken_where_its_folder_holds_lr_too():
    hr = [*written("{}_HR", SET5), *written("{}_LR", SET5)]
    assert pair_names(written("{}_x4", SET5), hr, 4).pairs == dict(
        zip(written("{}_HR", SET5), written("{}_x4", SET5), strict=True)
    )


@pytest.mark.parametrize(
    ("sr", "hr"),
    [
        (["result"], ["baby"]),
        (["butter"], ["baby"]),
        (["out_x4"], ["baby_x4"]),
        (["img_002"], ["img_001"]),
        (["10"], ["1"]),
        (["babysitter"], ["baby"]),
        (["SR"], ["HR"]),
        (["a", "b", "c", "d"], ["x_a", "e", "f", "g"]),
        ([], ["a"]),
    ],
)
def test_names_that_are_alike_by_chance_are_no_pairs(sr, hr):
    assert pair_names(sr, hr, 4).pairs == {}


def test_some_without_a_partner_do_not_hide_the_rule():
    found = pair_names(written("{}_x4", SET5[1:]), SET5[:4], 4)
    assert found.pairs == {name: f"{name}_x4" for name in SET5[1:4]}
    assert str(found.affixes) == "SR names end in '_x4'"


def test_images_are_known_by_their_other_names():
    aliases = {f"img_{number:03}": (name,) for number, name in enumerate(SET5, start=1)}
    assert pair_names(written("{}_x4", SET5), list(aliases), 4, aliases).pairs == {
        number: f"{name}_x4" for number, (name,) in aliases.items()
    }


def test_thousands_of_names_take_seconds():
    names = [f"{number:07}" for number in range(1000)]
    started = time.perf_counter()
    assert len(pair_names(written("{}_x4", names), names, 4).pairs) == 1000
    assert time.perf_counter() - started < 20
