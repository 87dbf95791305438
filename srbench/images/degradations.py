"""Degradations, which make LR from HR: the benchmark's bicubic, JPEG, blur and noise, resizers, estimated kernels.

All work on 8-bit images. Where a library decides pixels, its version stands in the identity (``pillow-box/1@12.0.0``).
Random draws depend only on a seed and the image's pixels, so an image has the same LR in any folder, under any name and
in any order. Runs use seed 0.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.errors import UsageError, unknown
from srbench.images.resizers import RESIZERS
from srbench.images.resizers.plain import FAMILIES, member_named

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch

    from srbench.images.picture import Picture
    from srbench.images.resizers.resizer import Library, Resizer

    Make = Callable[[torch.Tensor, int, np.random.Generator], torch.Tensor]

QUALITY = 10, 70
"""Smallest and largest JPEG quality of `crappify`, both included."""
BLUR = 0.2
"""Smallest blur of `blur+noise`, in HR pixels; the largest is the scale (arXiv:1712.06116, section 4.1)."""
KERNEL = "kernel:"
"""Beginning of the names of degradations that are files."""
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
    library: Library | None = None
    """The library whose version decides pixels."""
    short: str = ""
    """What names of datasets and folders call it; its name if empty."""

    @property
    def identity(self) -> str:
        """Name and version as recorded with every number; with the version of the library, if that decides pixels."""
        library = f"@{self.library.version}" if self.library else ""
        return self.recorded or f"{self.name}/{self.version}{library}"

    @property
    def label(self) -> str:
        """What names of datasets and folders call it."""
        return self.short or self.name

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
    """Return a degradation by name: of `DEGRADATIONS`, a member of a family (``bd7-0-0``), or ``kernel:FILE``.

    Raises:
        UsageError: there is no such degradation, its library is not installed, or the file holds no kernel.
    """
    if name.startswith(KERNEL):
        return _by_kernel(Path(name.removeprefix(KERNEL)))
    degradation = DEGRADATIONS.get(name)
    if degradation is None:
        member = member_named(name)
        if member is None:
            raise unknown("degradation", name, DEGRADATIONS)
        return _by_resizer(member)
    if degradation.library and degradation.library.missing:
        raise UsageError(f"degradation {name}: {degradation.library.missing}")
    return degradation


def _by_resizer(resizer: Resizer) -> Degradation:
    """Return the degradation that a resizer is."""

    def make(hr: torch.Tensor, scale: int, _random: np.random.Generator) -> torch.Tensor:
        import numpy as np
        import torch

        size = _size(hr, scale)
        lr = resizer.shrink(np.ascontiguousarray(hr.permute(1, 2, 0).numpy()), size, scale)
        return torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1)))

    return Degradation(resizer.name, resizer.summary, make, library=resizer.library)


def _by_kernel(path: Path) -> Degradation:
    """Return the degradation of a file that ``srbench identify`` saved.

    Raises:
        UsageError: the file holds no kernel.
    """
    from srbench.images.kernel_file import read_kernel

    kernel, digest = read_kernel(path)

    def make(hr: torch.Tensor, scale: int, random: np.random.Generator) -> torch.Tensor:
        import numpy as np
        import torch

        _size(hr, scale)
        if scale != kernel.scale:
            raise UsageError(f"{path}: is a kernel of x{kernel.scale}, not of x{scale}")
        lr = kernel.shrink(np.ascontiguousarray(hr.permute(1, 2, 0).numpy()), random)
        return torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1)))

    return Degradation(
        f"{KERNEL}{path.absolute()}",
        f"the kernel of {path.name}: {kernel.summary}",
        make,
        recorded=f"kernel/1-{digest[:12]}",
        short=f"kernel-{path.stem}",
    )


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
        *map(_by_resizer, RESIZERS.values()),
    )
}
"""Degradations of fixed names."""
PATTERNS = {
    **{f"{family.name}-ROW-COLUMN": (f"{family.name}-ROW-COLUMN/1", family.summary) for family in FAMILIES},
    f"{KERNEL}FILE": ("kernel/1-SHA256", "a kernel that 'srbench identify --save-kernel' estimated"),
}
"""Names with variable parts; their identities and what they are."""


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
