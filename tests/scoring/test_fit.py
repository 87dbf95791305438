"""Which part of SR and HR is scored: sizes as evaluation scripts crop them, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from srbench.errors import ImageError
from srbench.images.picture import Picture
from srbench.scoring.fit import fit


def picture(width, height):
    return Picture(
        np.arange(width * height * 3, dtype=np.uint32).reshape(height, width, 3).astype(np.uint8), grey=False
    )


@pytest.mark.parametrize(
    ("sr", "scored", "remarked"),
    [((40, 40), (40, 40), False), ((43, 41), (40, 40), True)],
)
def test_sr_of_hrs_own_size_is_cropped_to_the_multiple_as_hr_is(sr, scored, remarked):
    given = picture(*sr)
    fitted = fit(given, (43, 41), 4, "sr.png", "hr.png")
    assert fitted.sr.size == scored
    np.testing.assert_array_equal(fitted.sr.pixels, given.pixels[: scored[1], : scored[0]])
    assert bool(fitted.remark) is remarked


@pytest.mark.parametrize(("sr", "scored"), [((42, 41), (42, 41)), ((44, 40), (43, 40)), ((46, 44), (43, 41))])
def test_sizes_that_differ_by_less_than_the_scale_are_cropped_to_the_common_part_if_asked_for(sr, scored):
    assert fit(picture(*sr), (43, 41), 4, "sr.png", "hr.png", crop_common=True).sr.size == scored
    with pytest.raises(ImageError, match="--crop common scores what both have in common"):
        fit(picture(*sr), (43, 41), 4, "sr.png", "hr.png")


@pytest.mark.parametrize(
    ("sr", "reason"),
    [
        ((47, 41), r"sr\.png: is 47x41, but hr\.png cropped to multiples of 4 is 40x40$"),
        ((10, 10), r"sr\.png: is 10x10, but hr\.png cropped to multiples of 4 is 40x40; it has the size of LR at x4$"),
    ],
)
def test_other_sizes_are_refused(sr, reason):
    with pytest.raises(ImageError, match=reason):
        fit(picture(*sr), (43, 41), 4, "sr.png", "hr.png", crop_common=True)


def test_scale_1_takes_all():
    fitted = fit(picture(43, 41), (43, 41), 1, "sr.png", "hr.png")
    assert (fitted.sr.size, fitted.remark) == ((43, 41), "")
