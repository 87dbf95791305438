"""Degradations, which make LR from HR: the benchmark's bicubic, JPEG, blur and noise.

All work on 8-bit images. Random draws depend only on a seed and the image's pixels, so an image has the same LR in any
folder, under any name and in any order. Runs use seed 0.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from srbench.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    import torch

    from srbench.images.picture import Picture

    Make = Callable[[torch.Tensor, int, np.random.Generator], torch.Tensor]

QUALITY = 10, 70
"""Smallest and largest JPEG quality of `crappify`, both included."""
BLUR = 0.2
"""Smallest blur of `blur+noise`, in HR pixels; the largest is the scale (arXiv:1712.06116, section 4.1)."""
NOISE = 15.0
"""Largest noise of `blur+noise`, in steps of 8 bits; the smallest is 0."""


@dataclass(frozen=True)
class Degradation:
    """A way to make LR; call it with an image. Its version changes whenever its pixels change."""

    name: str
    summary: str
    make: Make
    version: str = "1"
    recorded: str = ""
    """Name in results; name and version if empty."""

    @property
    def identity(self) -> str:
        """Name and version as recorded with every number."""
        return self.recorded or f"{self.name}/{self.version}"

    def __call__(self, hr: torch.Tensor, scale: int, seed: int = 0) -> torch.Tensor:
        """Make LR.

        Args:
            hr: ``(3, H, W)``, uint8, H and W multiples of the scale.
            scale: downscaling factor.
            seed: random seed, combined with the image's pixels.

        Returns:
            ``(3, H/scale, W/scale)``, uint8, on the device of hr.

        Raises:
            ValueError: hr is not uint8, or H or W is not a multiple of the scale.
        """
        import hashlib

        import numpy as np

        if self is BICUBIC:  # no need to look at the pixels
            return self.make(hr, scale, np.random.default_rng(seed))
        pixels = hr.cpu().contiguous()
        content = hashlib.blake2b(pixels.numpy().tobytes(), digest_size=8).digest()
        generator = np.random.default_rng((seed, *pixels.shape, int.from_bytes(content)))
        return self.make(pixels, scale, generator).to(hr.device)


def get_degradation(name: str) -> Degradation:
    """Return a degradation by name.

    Raises:
        UsageError: there is no such degradation.
    """
    if name in DEGRADATIONS:
        return DEGRADATIONS[name]
    raise unknown("degradation", name, DEGRADATIONS)


def _bicubic(hr: torch.Tensor, scale: int, _random: np.random.Generator) -> torch.Tensor:
    from srbench.resize import degrade

    return degrade(hr, scale)


def _crappify(hr: torch.Tensor, scale: int, random: np.random.Generator) -> torch.Tensor:
    return _compressed(hr, scale, random, label=False)


def _crappify_text(hr: torch.Tensor, scale: int, random: np.random.Generator) -> torch.Tensor:
    return _compressed(hr, scale, random, label=True)


def _compressed(hr: torch.Tensor, scale: int, random: np.random.Generator, *, label: bool) -> torch.Tensor:
    """Shrink bilinearly, optionally draw the quality as text, and compress as JPEG (fastai, lesson 7)."""
    import numpy as np
    import torch
    from PIL import Image, ImageDraw, ImageFont

    height, width = _size(hr, scale)
    image = Image.fromarray(hr.permute(1, 2, 0).numpy()).resize((width, height), Image.Resampling.BILINEAR)
    quality = int(random.integers(QUALITY[0], QUALITY[1] + 1))
    if label:
        offset = int(random.integers(width // 2 + 1)), int(random.integers(height // 2 + 1))
        font = ImageFont.load_default_imagefont()  # the other default depends on how Pillow was built
        ImageDraw.Draw(image).text(offset, str(quality), fill=(255, 255, 255), font=font)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    with Image.open(file) as read:
        pixels = np.asarray(read.convert("RGB"))
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _blur_noise(hr: torch.Tensor, scale: int, random: np.random.Generator) -> torch.Tensor:
    """Blur, shrink by the benchmark bicubic and add noise; greyscale images get greyscale noise."""
    import torch
    from scipy.ndimage import gaussian_filter

    from srbench.resize import degrade

    _size(hr, scale)
    blur, noise = float(random.uniform(BLUR, scale)), float(random.uniform(0, NOISE))
    blurred = gaussian_filter(hr.double().numpy(), (0, blur, blur), mode="nearest")
    lr = degrade(_rounded(torch.from_numpy(blurred)), scale).double()
    grey = bool((hr[0] == hr[1]).all() and (hr[0] == hr[2]).all())
    normal = torch.from_numpy(random.standard_normal((1, *lr.shape[1:]) if grey else tuple(lr.shape)))
    return _rounded(lr + noise * normal)


def _size(hr: torch.Tensor, scale: int) -> tuple[int, int]:
    """Return height and width of LR.

    Raises:
        ValueError: hr cannot be shrunk so.
    """
    height, width = hr.shape[-2:]
    if str(hr.dtype) != "torch.uint8":
        raise ValueError("degradations take uint8 images")
    if height % scale or width % scale or not height or not width:
        raise ValueError(f"{width}x{height} is not a multiple of {scale}")
    return height // scale, width // scale


def _rounded(x: torch.Tensor) -> torch.Tensor:
    import torch

    return (x + 0.5).floor().clamp(0, 255).to(torch.uint8)


BICUBIC = Degradation(
    "bicubic", "the benchmark's bicubic, equal to the field's LR files", _bicubic, recorded="bicubic-uint8/1"
)
DEGRADATIONS = {
    degradation.name: degradation
    for degradation in (
        BICUBIC,
        Degradation(
            "crappify", "bilinear, then JPEG of a quality from 10 to 70, as in fastai's lesson 7 (2019)", _crappify
        ),
        Degradation("crappify-text", "crappify, with the quality written into the image before JPEG", _crappify_text),
        Degradation(
            "blur+noise",
            f"Gaussian blur of sigma {BLUR} to the scale (HR pixels), benchmark bicubic, Gaussian noise of sigma 0 to "
            f"{NOISE:g} (of 255)",
            _blur_noise,
        ),
    )
}


def degrade_file(path: Path, scale: int, degradation: Degradation = BICUBIC, seed: int = 0) -> Picture:
    """Return the LR of a file as in a run; HR is cropped to multiples of the scale first.

    Raises:
        ImageError: the file cannot be used.
    """
    import torch

    from srbench.images.picture import mod_crop
    from srbench.images.read import read_8bit
    from srbench.images.tensors import planes, to_picture

    picture = mod_crop(read_8bit(path), scale, str(path))
    return to_picture(degradation(torch.from_numpy(planes(picture)), scale, seed), grey=picture.grey)
