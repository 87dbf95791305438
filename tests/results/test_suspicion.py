"""PSNR that is infinite everywhere, or far above every other, is remarked on; honest values are not."""

from __future__ import annotations

import pytest

from srbench.results.suspicion import suspicious


def rows(**values):
    same = {"kind": "score", "dataset": "set5", "scale": 4, "protocol": "y/1", "metric": "psnr/1", "device": "cpu"}
    return [
        {**same, "precision": "fp32", "method": method, "image": str(i), "value": value}
        for method, of_images in values.items()
        for i, value in enumerate(of_images)
    ]


def test_infinite_values_are_remarked_on_where_all_are():
    assert suspicious(rows(bicubic=[28.0, 29.0], copy=["inf", "inf"])) == {
        ("copy", "set5", 4): "PSNR is infinite on 2 images, all that there are: SR is HR"
    }
    assert suspicious(rows(copy=["inf"])) == {
        ("copy", "set5", 4): "PSNR is infinite on 1 image, all that there are: SR is HR"
    }
    assert suspicious(rows(bicubic=[28.0, 29.0], flat=["inf", 29.0])) == {}


@pytest.mark.parametrize(("value", "remarked"), [(34.4, False), (34.6, True)])
def test_what_is_far_above_every_other_is_remarked_on(value, remarked):
    found = suspicious(rows(bicubic=[28.0, 29.0], nearest=[26.0, None], good=[value, value]))
    text = "PSNR is 6.1 dB above that of every other method: does it know HR?"
    assert found == ({("good", "set5", 4): text} if remarked else {})
    assert suspicious(rows(good=[value, value])) == {}
    assert suspicious(rows(nearest=[20.0], good=[value])) == {}
    assert suspicious(rows(bicubic=[20.0], good=[value])) != {}
    assert suspicious(rows(bicubic=[value], broken=[9.0], worse=[5.0])) == {}


def test_scores_of_other_protocols_and_metrics_are_not_compared():
    other = [{**row, "protocol": "rgb/1"} for row in rows(nearest=[20.0])]
    ssim = [{**row, "metric": "ssim/1"} for row in rows(good=[0.9], bicubic=[0.1])]
    assert suspicious([*rows(good=[30.0]), *other, *ssim]) == {}
