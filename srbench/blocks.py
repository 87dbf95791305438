"""Modules and functions that several networks share: residual blocks, enlargement, padding, PatchGAN."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from srbench.errors import UsageError

Enlargement = Literal["sub-pixel", "resize"]
"""Kind of enlargement inside a network: `SubPixel` or `ResizeConvolution`."""
Norm = Literal["batch", "instance"]
"""Normalisation in `PatchGAN`."""


def icnr_(weight: torch.Tensor, factor: int) -> torch.Tensor:
    """Initialise a convolution before a pixel shuffle so that its output is free of checkerboards (ICNR).

    The ``factor**2`` kernels of each output channel start equal (Aitken et al. 2017, arXiv:1707.02937).

    Args:
        weight: the convolution's weight, ``(channels * factor**2, inputs, k, k)``; changed in place.
        factor: factor of the pixel shuffle.

    Returns:
        The weight.
    """
    kernel = torch.empty_like(weight[:: factor**2])
    nn.init.kaiming_normal_(kernel, nonlinearity="relu")
    with torch.no_grad():
        return weight.copy_(kernel.repeat_interleave(factor**2, dim=0))


def factors(scale: int) -> tuple[int, ...]:
    """Return the factors of the stages of an enlargement: (2,) for 2, (3,) for 3, (2, 2) for 4, (2, 2, 2) for 8.

    Raises:
        ValueError: the scale is neither 3 nor a power of 2.
    """
    if scale == 3:
        return (3,)
    stages = int(math.log2(scale)) if scale > 0 else 0
    if scale < 2 or 2**stages != scale:
        raise ValueError(f"scale {scale} is neither 3 nor a power of 2")
    return (2,) * stages


class SubPixel(nn.Sequential):
    """Convolution and pixel shuffle with ICNR initialisation: (N, c, h, w) -> (N, out, h*factor, w*factor).

    Shi et al. 2016 (arXiv:1609.05158).

    Args:
        channels: channels of the input.
        factor: factor of the enlargement.
        out: channels of the output; None: as many as the input has.
        kernel: height and width of the convolution's kernel, odd.
    """

    def __init__(self, channels: int, factor: int, *, out: int | None = None, kernel: int = 3) -> None:
        conv = nn.Conv2d(channels, (out or channels) * factor**2, kernel, padding=kernel // 2)
        icnr_(conv.weight, factor)
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        super().__init__(conv, nn.PixelShuffle(factor))


class ResizeConvolution(nn.Module):
    """Nearest-neighbour enlargement, then a 3x3 convolution (Odena et al. 2016, doi:10.23915/distill.00003).

    Args:
        channels: channels of input and output.
        factor: factor of the enlargement.
    """

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(N, c, h*factor, w*factor)`` features for ``(N, c, h, w)``."""
        large: torch.Tensor = self.conv(functional.interpolate(x, scale_factor=float(self.factor), mode="nearest"))
        return large


def enlargement(channels: int, factor: int, kind: Enlargement) -> nn.Module:
    """Return one stage of enlargement: a module from ``(N, c, h, w)`` to ``(N, c, h*factor, w*factor)``."""
    return SubPixel(channels, factor) if kind == "sub-pixel" else ResizeConvolution(channels, factor)


class ResidualBlock(nn.Module):
    """Convolution, BN, PReLU, convolution, BN, added to the input (Ledig et al. 2017, after Gross and Wilber).

    Args:
        channels: channels of input and output.
        batch_norm: False leaves out batch normalisation.
    """

    def __init__(self, channels: int, *, batch_norm: bool = True) -> None:
        super().__init__()

        def convolution() -> list[nn.Module]:
            conv = nn.Conv2d(channels, channels, 3, padding=1, bias=not batch_norm)
            return [conv, nn.BatchNorm2d(channels)] if batch_norm else [conv]

        self.body = nn.Sequential(*convolution(), nn.PReLU(), *convolution())
        if batch_norm:
            nn.init.zeros_(self.body[-1].weight)  # type: ignore[arg-type]  # starts as identity (arXiv:1706.02677)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of the input's shape, ``(N, c, h, w)``."""
        result: torch.Tensor = x + self.body(x)
        return result


def pad_to_multiple(x: torch.Tensor, multiple: int) -> torch.Tensor:
    """Return ``(N, c, h, w)`` with the last row and column repeated until h and w are multiples of a number."""
    down, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return functional.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


def draw_weights_(module: nn.Module) -> None:
    """Initialise a network in place as DCGAN does: weights from N(0, 0.02), of batch norms from N(1, 0.02).

    Radford et al. 2016 (arXiv:1511.06434); convolutions and batch norms only, biases stay.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0, 0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1, 0.02)


class PatchGAN(nn.Module):
    """Critic that gives each patch of an image a logit (Isola et al. 2017, arXiv:1611.07004).

    Args:
        channels: channels of the input; 6 for pairs of images.
        width: channels of the first layer; later layers have up to eight times as many.
        strided: number of layers that halve the size; with 1, 2 and 3 patches are 16, 34 and 70 pixels wide.
        norm: ``batch``, or ``instance``, with which the logits of an image do not depend on the other images.
    """

    def __init__(self, channels: int = 3, *, width: int = 64, strided: int = 3, norm: Norm = "batch") -> None:
        super().__init__()

        def convolution(inner: int, outer: int, stride: int) -> nn.Conv2d:
            return nn.Conv2d(inner, outer, 4, stride=stride, padding=1)

        layers: list[nn.Module] = [convolution(channels, width, 2), nn.LeakyReLU(0.2, inplace=True)]
        widths = [width * min(2**i, 8) for i in range(strided + 1)]
        for i, (inner, outer) in enumerate(pairwise(widths), start=1):
            layers.append(convolution(inner, outer, 2 if i < strided else 1))
            layers.append(nn.BatchNorm2d(outer) if norm == "batch" else nn.InstanceNorm2d(outer))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.layers = nn.Sequential(*layers, convolution(widths[-1], 1, 1))
        draw_weights_(self)
        self.smallest = 3 * 2**strided
        """Smallest height and width of the input in pixels."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return ``(N, 1, h, w)`` logits, one for each patch, for ``(N, channels, H, W)``.

        Raises:
            UsageError: the image is too small for a single patch.
        """
        if min(image.shape[-2:]) < self.smallest:
            size = f"{image.shape[-1]}x{image.shape[-2]}"
            raise UsageError(
                f"PatchGAN needs at least {self.smallest}x{self.smallest} pixels, not {size}: raise --patch"
            )
        logits: torch.Tensor = self.layers(image)
        return logits


class SelfEnsemble(nn.Module):
    """The mean of a network's outputs over the eight flips and rotations of its input, each turned back.

    Its weights are those of the network. Source: Seven ways to improve example-based single image super resolution
    (arXiv:1511.02228), the ``+`` of EDSR+ and others.

    Args:
        net: maps ``(N, 3, h, w)`` to ``(N, 3, h*scale, w*scale)``, for any h and w.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.outside_torch = getattr(net, "outside_torch", False)

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        """Return the mean, ``(N, 3, h*scale, w*scale)``."""
        total: Any = 0
        for turns in range(4):
            for is_flipped in (False, True):
                turned = torch.rot90(lr.flip(-1) if is_flipped else lr, turns, (-2, -1))
                sr = torch.rot90(self.net(turned.contiguous()), -turns, (-2, -1))
                total = total + (sr.flip(-1) if is_flipped else sr)
        mean: torch.Tensor = total / 8
        return mean

    def state_dict(self, *args: Any, **options: Any) -> Any:
        """Return the weights of the network."""
        return self.net.state_dict(*args, **options)

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        """Load weights of the network."""
        return self.net.load_state_dict(*args, **options)
