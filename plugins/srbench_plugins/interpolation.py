"""Interpolation: the baselines that every learned method has to beat."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from srbench import ModelSpec, Published, hookimpl

if TYPE_CHECKING:
    import torch

SCALES = frozenset({2, 3, 4, 8})
ESRGAN = "ESRGAN supplement, Table 2 (arXiv:1809.00219)"
SPSR = "SPSR README (github.com/Maclory/SPSR)"
SRGAN = "SRGAN, Table 2 (arXiv:1609.04802)"


GENERAL = """
Interpolation takes the LR pixels for samples of a smooth function and reads that function off at more places. Each
output pixel is a fixed weighted mean of the LR pixels around it; nothing is learned, and no detail that the LR does
not have can come back. Every learned method has to beat it, and many start from it and learn the difference only.
"""
ABOUT = {
    "nearest": """
Nearest neighbour takes the LR pixel whose area the output pixel lies in: each is repeated, scale times in both
directions. It is the only one here that invents no value, and its blocks show exactly what the LR holds. Steps keep
their full contrast, which is why LPIPS can prefer it to smoother methods that win on PSNR.
""",
    "bilinear": """
Bilinear interpolation draws straight lines between neighbouring pixels, along one axis and then along the other (a
triangle kernel over 2x2 LR pixels). The result is continuous but has kinks, and of the kernels here it blurs most: it
lowers high frequencies long before the limit that the LR's sampling sets. It cannot overshoot.
""",
    "bicubic": """
Bicubic interpolation lays piecewise cubic polynomials through 4x4 LR pixels (Keys 1981). With a = -0.5 the kernel
reproduces any quadratic function exactly; its negative lobes sharpen edges and let them overshoot a little. It is the
field's yardstick, and so is its shrinking: benchmark LR images are made by the same kernel, widened by the scale as
MATLAB's imresize does. OpenCV and PyTorch's plain bicubic take a = -0.75, which gives other numbers.
""",
    "lanczos": """
The ideal filter for a band-limited signal is the sinc function, which never ends. Lanczos cuts it off after three
lobes by multiplying it with the middle lobe of a wider sinc: 6x6 LR pixels per output pixel. It keeps more of the
high frequencies than bicubic and is usually the best of the four in PSNR, with more ringing along strong edges.
""",
}


def build(kernel: str, scale: int) -> torch.nn.Module:
    import torch

    from srbench.resize import Kernel, imresize

    class Interpolation(torch.nn.Module):
        """Enlarge with a fixed kernel; nothing to learn."""

        def forward(self, lr: torch.Tensor) -> torch.Tensor:
            height, width = lr.shape[-2:]
            if kernel == "nearest":
                return lr.repeat_interleave(scale, dim=-2).repeat_interleave(scale, dim=-1)
            chosen: Kernel = kernel  # type: ignore[assignment]
            return imresize(lr, (height * scale, width * scale), chosen)

    return Interpolation()


def published(method: str) -> tuple[Published, ...]:
    if method == "nearest":
        values = {"set5": 26.26, "set14": 24.64, "bsd100": 25.02}
        return tuple(Published(name, 4, "psnr", value, "srgan-paper", SRGAN) for name, value in values.items())
    if method != "bicubic":
        return ()
    pairs = {
        "set5": (28.42, 0.8104),
        "set14": (26.00, 0.7027),
        "bsd100": (25.96, 0.6675),
        "urban100": (23.14, 0.6577),
    }
    lpips = {"set5": 0.3407, "set14": 0.4393, "bsd100": 0.5249}
    return (
        *(
            Published(dataset, 4, metric, value, "y-uint8", ESRGAN)
            for dataset, values in pairs.items()
            for metric, value in zip(("psnr", "ssim"), values, strict=True)
        ),
        *(Published(name, 4, "lpips", value, "lpips-alex rgb uncropped", SPSR) for name, value in lpips.items()),
    )


@hookimpl
def srbench_models() -> list[ModelSpec]:
    summaries = {
        "nearest": ("nearest", "each LR pixel repeated", 0),
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
            about=GENERAL + ABOUT[name],
            halo=halo,
            published=published(name),
        )
        for name, (kernel, summary, halo) in summaries.items()
    ]
