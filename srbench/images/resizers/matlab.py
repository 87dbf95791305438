"""MATLAB's ``imresize`` in its variants, by `srbench.resize`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from srbench.images.resizers.resizer import Resizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from srbench.images.resizers.resizer import Pixels
    from srbench.resize import Border, Kernel


def _shrink(
    pixels: Pixels,
    size: tuple[int, int],
    _scale: int,
    *,
    kernel: Kernel,
    antialias: bool,
    border: Border,
    between: bool,
) -> Pixels:
    """Shrink the height, then the width; ``between`` rounds to 8 bits after the first pass too."""
    import numpy as np
    import torch

    from srbench.resize import imresize

    x = torch.from_numpy(pixels).permute(2, 0, 1).double()
    for target in ((size[0], x.shape[2]), size):
        x = imresize(x, target, kernel, antialias=antialias, border=border)
        if between:
            x = (x + 0.5).floor().clamp(0, 255)
    x = (x + 0.5).floor().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(x.permute(1, 2, 0).numpy())


def _variants() -> Iterator[Resizer]:
    kernels: tuple[Kernel, ...] = ("bicubic", "bilinear", "lanczos3")
    for kernel in kernels:
        for antialias in (True, False) if kernel == "bicubic" else (True,):
            for between in (True, False):
                for border in ("mirror", "replicate"):
                    if border == "replicate" and (kernel != "bicubic" or (antialias and between)):
                        continue  # the latter is the benchmark's `bicubic`
                    name = "-".join(
                        ("matlab", kernel)
                        + (() if antialias else ("noaa",))
                        + (() if between else ("float",))
                        + (() if border == "mirror" else (border,))
                    )
                    traits = (
                        "no antialiasing" if not antialias else "",
                        "8 bits between the passes" if between else "no rounding between the passes",
                        f"{'mirrored' if border == 'mirror' else 'replicated'} border",
                    )
                    shrink = partial(_shrink, kernel=kernel, antialias=antialias, border=border, between=between)
                    summary = f"MATLAB's imresize, {kernel}: {', '.join(trait for trait in traits if trait)}"
                    yield Resizer(name, summary, shrink)


RESIZERS = tuple(_variants())
