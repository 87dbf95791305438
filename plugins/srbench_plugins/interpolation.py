"""Interpolation with fixed kernels: the baselines that every learned method has to beat."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from srbench import ModelSpec, Published, hookimpl
from srbench_plugins import ESRGAN_TABLE, SPSR_PROTOCOL, SPSR_README, SRGAN_TABLE, published

if TYPE_CHECKING:
    import torch

ABOUT = Path(__file__).with_name("interpolation.md")
SCALES = frozenset({2, 3, 4, 8})


def build(kernel: str, scale: int) -> torch.nn.Module:
    import torch

    from srbench.resize import Kernel, imresize

    class Interpolation(torch.nn.Module):
        """Enlargement with a fixed kernel; it has no parameters."""

        def forward(self, lr: torch.Tensor) -> torch.Tensor:  # (N, 3, h, w) -> (N, 3, h*scale, w*scale)
            height, width = lr.shape[-2:]
            if kernel == "nearest":
                return lr.repeat_interleave(scale, dim=-2).repeat_interleave(scale, dim=-1)
            size = height * scale, width * scale
            return imresize(lr, size, cast("Kernel", kernel))

    return Interpolation()


def published_of(method: str) -> list[Published]:
    if method == "nearest":
        return published("psnr", "srgan-paper", SRGAN_TABLE, {"set5": 26.26, "set14": 24.64, "bsd100": 25.02})
    if method != "bicubic":
        return []
    psnr_and_ssim = {
        "set5": (28.42, 0.8104),
        "set14": (26.00, 0.7027),
        "bsd100": (25.96, 0.6675),
        "urban100": (23.14, 0.6577),
    }
    return [
        *(
            Published(dataset, 4, metric, value, "y-uint8", ESRGAN_TABLE)
            for dataset, values in psnr_and_ssim.items()
            for metric, value in zip(("psnr", "ssim"), values, strict=True)
        ),
        *published("lpips", SPSR_PROTOCOL, SPSR_README, {"set5": 0.3407, "set14": 0.4393, "bsd100": 0.5249}),
    ]


@hookimpl
def srbench_models() -> list[ModelSpec]:
    kernels = {
        "nearest": ("nearest", "nearest neighbour: each LR pixel repeated", 0),
        "bilinear": ("bilinear", "linear interpolation, equal to MATLAB's", 1),
        "bicubic": ("bicubic", "cubic convolution with a = -0.5, equal to MATLAB's", 2),
        "lanczos": ("lanczos3", "windowed sinc over 6x6 LR pixels, equal to MATLAB's lanczos3", 3),
    }
    return [
        ModelSpec(
            name=name,
            summary=summary,
            scales=SCALES,
            build=partial(build, kernel),
            family="interpolation",
            about=ABOUT,
            halo=halo,
            published=published_of(name),
        )
        for name, (kernel, summary, halo) in kernels.items()
    ]
