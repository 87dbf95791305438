"""Rows -> entries: which rows count, means and intervals, and what is remarked."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy

from srbench.results.entries import Entry, comparable, entries_of

IMAGES = {f"i{n}": f"hash{n}" for n in range(4)}


def entry(values, expected=None):
    one = Entry({}, "ok", "", len(values) if expected is None else expected)
    one.values["psnr"] = {f"i{n}": float(value) for n, value in enumerate(values)}
    return one


def described(**changes):
    run = {
        "metrics": {name: {"identity": f"{name}/1"} for name in ("psnr", "lpips")},
        "datasets": {"set x4": {"hash": "h", "images": dict(IMAGES)}},
        "protocols": {"y/1": {"name": "y", "version": 1}},
    }
    return run | changes


def who(**changes):
    return {
        "method": "a",
        "scale": 4,
        "device": "cpu",
        "precision": "fp32",
        "dataset": "set",
        "plugin": "p",
        "weights": "w",
        **changes,
    }


def job(status="ok", reason="", **changes):
    return {"kind": "job", **who(**changes), "status": status, "reason": reason}


def score(image, value, metric="psnr", protocol="y/1", reason="", **changes):
    more = {"image": image, "image_sha256": IMAGES.get(image, ""), "metric": f"{metric}/1", "protocol": protocol}
    return {"kind": "score", **who(), **more, "value": value, "reason": reason, **changes}


def speed(mpix, **changes):
    return {"kind": "speed", **{k: v for k, v in who().items() if k != "dataset"}, "mpix_per_s": mpix, **changes}


def of(*rows, **changes):
    return list(entries_of(described(**changes), rows))


@pytest.mark.parametrize("count", [2, 10, 37])
def test_the_interval_is_students(count):
    values = np.random.default_rng(count).normal(30, 4, count)
    expected = scipy.stats.t.interval(0.95, count - 1, np.mean(values), scipy.stats.sem(values))
    assert entry(values).interval("psnr") == pytest.approx(expected, rel=1e-12)


def test_the_mean_is_over_all_images_that_have_a_value():
    assert entry([1, 2, 6]).mean("psnr") == 3
    assert entry([1, math.nan, 6]).mean("psnr") == 3.5
    assert entry([1, math.inf]).mean("psnr") == math.inf


@pytest.mark.parametrize("one", [entry([1, 2], expected=3), entry([]), entry([math.nan]), Entry({}, "ok", "", 0)])
def test_there_is_no_mean_and_no_interval_of_images_that_were_never_scored(one):
    assert math.isnan(one.mean("psnr"))
    assert all(map(math.isnan, one.interval("psnr")))


@pytest.mark.parametrize("values", [[5], [5, math.nan], [5, 6, math.inf]])
def test_there_is_no_interval_below_two_finite_values(values):
    low, high = entry(values).interval("psnr")
    assert math.isnan(low)
    assert math.isnan(high)


def test_two_values_have_an_interval():
    assert entry([5, 7]).interval("psnr") == pytest.approx((6 - 12.7062, 6 + 12.7062), abs=1e-4)
    assert entry([5, 7, math.nan]).interval("psnr") == entry([5, 7]).interval("psnr")


def test_an_entry_says_whose_numbers_it_holds():
    (one,) = of(job(), score("i0", 1.0, degradation="bicubic/1"))
    assert one.identity == who() | {"protocol": "y", "protocol_version": 1, "dataset_hash": "h"}
    assert (one.status, one.reason, one.expected, one.notes) == ("ok", "", 4, [])
    assert one.values == {"psnr": {"i0": 1.0}}
    assert one.degradation == "bicubic/1"


def test_of_an_image_the_last_row_counts():
    (one,) = of(job(), score("i0", 1.0), score("i0", 2.0))
    assert one.values["psnr"] == {"i0": 2.0}


def test_values_stand_in_the_order_of_the_images():
    (one,) = of(job(), score("i2", 2.0), score("i0", 0.0), score("i1", 1.0))
    assert list(one.values["psnr"]) == ["i0", "i1", "i2"]


@pytest.mark.parametrize(
    "row",
    [
        score("i0", 1.0, image_sha256="other"),
        score("strange", 1.0),
        score("i0", 1.0, metric="beauty"),
        score("i0", 1.0, plugin="other"),
        score("i0", 1.0, weights="other"),
        score("i0", 1.0, device="other"),
        score("i0", 1.0, precision="bf16"),
        score("i0", 1.0, protocol="rgb/1"),
        score("i0", 1.0, method="b"),
        score("i0", 1.0, scale=2),
        score("i0", 1.0, dataset="other"),
    ],
)
def test_what_was_scored_of_something_else_does_not_count(row):
    (one,) = of(row, job())
    assert dict(one.values) == {}


def test_metrics_without_a_protocol_count_under_each():
    protocols = {"y/1": {"name": "y", "version": 1}, "rgb/1": {"name": "rgb", "version": 1}}
    rows = [score("i0", 1.0), score("i0", 2.0, protocol="rgb/1"), score("i0", 0.5, metric="lpips", protocol="")]
    first, second = of(*rows, job(), protocols=protocols)
    assert first.values == {"psnr": {"i0": 1.0}, "lpips": {"i0": 0.5}}
    assert second.values == {"psnr": {"i0": 2.0}, "lpips": {"i0": 0.5}}


def test_the_last_job_says_which_code_and_weights_count():
    rows = [score("i0", 1.0, plugin="old"), job(plugin="old"), score("i0", 2.0), job()]
    (one,) = of(*rows)
    assert (one.identity["plugin"], one.values["psnr"]) == ("p", {"i0": 2.0})
    (one,) = of(*rows, job(plugin="old"))
    assert (one.identity["plugin"], one.values["psnr"]) == ("old", {"i0": 1.0})


def test_an_interrupted_job_failed_and_says_how_to_go_on():
    (one,) = of(job("started"))
    assert (one.status, one.reason) == ("failed", "interrupted; the same command on the same --out continues")
    (one,) = of(job("failed", "ValueError: no"))
    assert (one.status, one.reason) == ("failed", "ValueError: no")


def test_a_set_that_the_run_does_not_describe_has_no_images():
    (one,) = of(job(), score("i0", 1.0), datasets={})
    assert (one.expected, one.identity["dataset_hash"], dict(one.values)) == (0, "", {})


def test_images_without_a_value_are_counted_by_reason_until_they_have_one():
    undefined = [score(f"i{n}", None, reason=reason) for n, reason in enumerate(["flat", "small", "flat"])]
    (one,) = of(job(), *undefined)
    assert one.notes == [
        "psnr on set x4: 2 of 4 images left out: flat",
        "psnr on set x4: 1 of 4 images left out: small",
    ]
    assert all(map(math.isnan, one.values["psnr"].values()))
    (one,) = of(job(), *undefined, score("i0", 7.0))
    assert one.notes == [
        "psnr on set x4: 1 of 4 images left out: small",
        "psnr on set x4: 1 of 4 images left out: flat",
    ]
    assert one.values["psnr"]["i0"] == 7.0


def test_a_missing_metric_says_each_reason_once_until_there_is_a_value():
    missing = [score("", None, reason=reason, missing=True) for reason in ("no net", "no net", "no disk")]
    (one,) = of(job(), *(row | {"image": "i0", "image_sha256": "hash0"} for row in missing))
    assert one.notes == ["no psnr: no net", "no psnr: no disk"]
    assert dict(one.values) == {}
    (one,) = of(job(), *(row | {"image": "i0", "image_sha256": "hash0"} for row in missing), score("i1", 1.0))
    assert one.notes == []


def test_lr_that_is_not_the_benchmarks_is_noted():
    def with_degradation(identity):
        set_of = {
            "hash": "h",
            "images": IMAGES,
            "degradation": {"identity": identity, "summary": "bilinear, then JPEG"},
        }
        (one,) = of(job(), datasets={"set x4": set_of})
        return one.notes

    assert with_degradation("bicubic-uint8/1") == []
    assert with_degradation("crappify/1") == ["set: LR by crappify/1: bilinear, then JPEG"]


def test_what_is_remarked_on_weights_is_a_note_of_all_that_use_them():
    weights = {"w": {"remark": "trained on the loss x"}, "v": {}}
    first, second = of(job(), job(method="b", weights="v"), weights=weights)
    assert first.notes == ["a x4: trained on the loss x (weights w)"]
    assert second.notes == []


def test_speed_is_that_of_the_same_code_and_weights_on_the_same_device():
    (one,) = of(job(), speed(1.0), speed(5.0), *(speed(9.0, **{k: "other"}) for k in ("plugin", "weights", "device")))
    assert one.speed["mpix_per_s"] == 5.0
    assert of(job())[0].speed == {}


ALONE, LATER = {"mpix_per_s": 1}, {"mpix_per_s": 2}
SHARED = {"mpix_per_s": 3, "shared": "other work"}


@pytest.mark.parametrize(
    ("earlier", "later", "counts"),
    [
        (ALONE, LATER, LATER),
        (ALONE, SHARED, ALONE),
        (SHARED, ALONE, ALONE),
        (SHARED, {**SHARED, "mpix_per_s": 4}, {**SHARED, "mpix_per_s": 4}),
        (ALONE, {}, ALONE),
        ({}, LATER, LATER),
        ({}, SHARED, SHARED),
        ({}, {}, {}),
    ],
)
def test_the_later_speed_counts_unless_only_the_earlier_had_its_device_to_itself(earlier, later, counts):
    assert comparable(earlier, later) == counts
