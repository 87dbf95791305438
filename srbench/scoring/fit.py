"""Fit SR of any tool to the size of HR that is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from srbench.errors import ImageError

if TYPE_CHECKING:
    from srbench.images.picture import Picture

GREY_SR = "SR is grey, but HR has colours: rgb and LPIPS count the missing colours as errors"

Size = tuple[int, int]
"""Width and height."""


class Fitted(NamedTuple):
    """SR as it is scored; HR is cropped to its size, from the top left."""

    sr: Picture
    remark: str = ""
    """What was cropped, if SR was."""


def fit(sr: Picture, hr_size: Size, scale: int, sr_name: str, hr_name: str, *, crop_common: bool = False) -> Fitted:
    """Return SR cropped to what is scored, from the top left.

    HR is cropped to multiples of the scale, as benchmarks do. SR of HR's own size is cropped alike.

    Args:
        sr: the SR picture.
        hr_size: size of the HR file.
        scale: the scale factor.
        sr_name: name of the SR file, for messages.
        hr_name: name of the HR file, for messages.
        crop_common: where sizes differ by less than the scale, crop both to the smaller width and height.

    Raises:
        ImageError: SR has another size, or HR is smaller than the scale.
    """
    multiple = hr_size[0] - hr_size[0] % scale, hr_size[1] - hr_size[1] % scale
    if 0 in multiple:
        raise ImageError(f"{hr_name}: {hr_size[0]}x{hr_size[1]} is smaller than the scale {scale}")
    if sr.size == multiple:
        return Fitted(sr)
    if sr.size == hr_size:
        return Fitted(sr.crop(*multiple), f"SR has HR's own size: both were cropped to multiples of {scale}")
    is_near = all(abs(length - other) < scale for length, other in zip(sr.size, hr_size, strict=True))
    if is_near and crop_common:
        width, height = (min(lengths) for lengths in zip(sr.size, hr_size, strict=True))
        return Fitted(sr.crop(width, height), "SR and HR differ in size: what they have in common was scored")
    sizes = f"is {sr.size[0]}x{sr.size[1]}, but {hr_name}"
    sizes += "" if multiple == hr_size else f" cropped to multiples of {scale}"
    hint = "; --crop common scores what both have in common" if is_near else ""
    if not is_near and (sr.size[0] * scale, sr.size[1] * scale) == multiple:
        hint = f"; it has the size of LR at x{scale}"
    raise ImageError(f"{sr_name}: {sizes} is {multiple[0]}x{multiple[1]}{hint}")
