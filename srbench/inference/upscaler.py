"""A method ready to enlarge images of any type: files, Pillow images, arrays, tensors."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from PIL import Image

from srbench.errors import UsageError
from srbench.images.picture import Picture, from_pillow, to_pillow
from srbench.images.read import read
from srbench.images.tensors import check_range
from srbench.inference.build import build_net
from srbench.inference.enlarger import Enlarger
from srbench.inference.files import upscale_picture
from srbench.inference.precision import Inference
from srbench.inference.tiler import Tiler
from srbench.inference.upscale import SEED
from srbench.store.weights import find_weights
from srbench.system.devices import find_device

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from srbench.specs import ModelSpec, Tile
    from srbench.store.weights import Weights

    Array = NDArray[Any]


class Upscaler:
    """A method at a scale, with its weights on a device, ready to enlarge images; `load` makes one.

    Args:
        spec: the method.
        scale: one of its scales.
        weights: ``shipped``, ``trained``, a path, or empty for shipped weights, else trained ones.
        device: ``auto``, ``cpu``, ``cuda``.
        option: the option that chose the weights, for messages.
        tile: ``auto`` to use tiles if an image does not fit in memory; a tile's height and width in LR pixels; ``off``.
        precision: ``fp32``, ``bf16`` or ``fp16``; the latter two use autocast.

    Raises:
        UsageError: the method does not support the scale, the precision or tiling, or the chosen weights do not exist.
        MethodError: the method needs weights and has none, or its network cannot be built.
        SRBenchError: there is no such device.
    """

    def __init__(
        self,
        spec: ModelSpec,
        scale: int,
        weights: str = "",
        device: str = "auto",
        option: str = "",
        tile: Tile = "auto",
        precision: str = "fp32",
    ) -> None:
        if type(scale) is not int:
            raise UsageError(f"scale is a whole number, not {scale!r}; {spec.name} does {spec.scales_text}")
        if reason := spec.lacks_scale(scale):
            raise UsageError(f"{spec.name} {reason}")
        if precision not in spec.precisions:
            raise UsageError(f"{spec.name} does not do {precision}; it does {', '.join(sorted(spec.precisions))}")
        self.spec, self.scale = spec, scale
        self.device = find_device(device)
        self.weights: Weights | None = find_weights(spec, scale, weights, option)
        net = build_net(spec, scale, self.device, self.weights.path if self.weights else None)
        self.net: torch.nn.Module = net if precision == "fp32" else Inference(net, self.device, precision)
        self.tiler = Tiler(Enlarger.of(spec, self.net, scale), self.device, tile)
        self._is_checked = False
        """Whether the range of an output was looked at."""

    def __repr__(self) -> str:
        weights = f", {self.weights.origin} weights {self.weights.digest}" if self.weights else ""
        return f"<{self.spec.name} x{self.scale} on {self.device}{weights}>"

    @overload
    def __call__(self, image: str | Path, *, seed: int = SEED) -> Image.Image: ...
    @overload
    def __call__(self, image: Image.Image, *, seed: int = SEED) -> Image.Image: ...
    @overload
    def __call__(self, image: torch.Tensor, *, seed: int = SEED) -> torch.Tensor: ...
    @overload
    def __call__(self, image: Array, *, seed: int = SEED) -> Array: ...

    def __call__(
        self, image: str | Path | Image.Image | torch.Tensor | Array, *, seed: int = SEED
    ) -> Image.Image | torch.Tensor | Array:
        """Enlarge an image, and return one of the same type.

        Args:
            image: a file or a Pillow image (grey, alpha and 16 bits of grey are kept); an array ``(H, W)``,
                ``(H, W, 3)`` or ``(H, W, 4)``, uint8, uint16 or floating point in [0, 1]; a tensor ``(3, H, W)`` or
                ``(N, 3, H, W)``, floating point in [0, 1], on any device.
            seed: random seed of stochastic methods.

        Returns:
            An image ``scale`` times as high and wide; a Pillow image for a file. Values are in [0, 1], or rounded to
            the input's integer dtype.

        Raises:
            UsageError: the image is of none of these types, shapes or ranges.
            ImageError: the file cannot be read.
            MethodError: the method fails, or its output has a wrong shape or is not finite.
        """
        sr = self._enlarged(image, seed)
        if not self._is_checked and (remark := self.tiler.enlarger.take_remark()):
            warnings.warn(f"{self.spec.name}: {remark}", stacklevel=2)
        self._is_checked = True
        return sr

    def _enlarged(
        self, image: str | Path | Image.Image | torch.Tensor | Array, seed: int
    ) -> Image.Image | torch.Tensor | Array:
        """Enlarge an image of any of the types."""
        if isinstance(image, torch.Tensor):
            return self._tensor(image, seed)
        if isinstance(image, str | Path):
            return to_pillow(self.picture(read(Path(image)), seed))
        if isinstance(image, Image.Image):
            return to_pillow(self.picture(from_pillow(image), seed))
        if isinstance(image, np.ndarray):
            return self._array(image, seed)
        raise UsageError(f"{type(image).__name__} is not an image: give a file, a Pillow image, an array or a tensor")

    def picture(self, picture: Picture, seed: int = SEED) -> Picture:
        """Enlarge a decoded file, keeping greyscale, alpha, 16 bits and the colour profile.

        Raises:
            MethodError: the method fails, or its output has a wrong shape or is not finite.
        """
        return upscale_picture(picture, self.tiler, seed)

    def _tensor(self, image: torch.Tensor, seed: int) -> torch.Tensor:
        if image.ndim not in (3, 4) or image.shape[-3] != 3 or not image.is_floating_point() or not image.numel():
            raise UsageError(
                f"a tensor image must be (3, H, W) or (N, 3, H, W), floating point in [0, 1], not {tuple(image.shape)} "
                f"of {image.dtype}"
            )
        check_range(float(image.min()), float(image.max()))
        lr = (image if image.ndim == 4 else image[None]).to(self.device, torch.float32)
        sr = self.tiler(lr, seed=seed).clamp(0, 1).clone().to(image.device, image.dtype)
        return sr if image.ndim == 4 else sr[0]

    def _array(self, image: Array, seed: int) -> Array:
        grey, channels = image.ndim == 2, image.shape[2] if image.ndim == 3 else 1
        floating = np.issubdtype(image.dtype, np.floating)
        if (
            not image.size
            or not (grey or (image.ndim == 3 and channels in (3, 4)))
            or not (floating or image.dtype in (np.uint8, np.uint16))
        ):
            raise UsageError(
                "an array image must be (H, W), (H, W, 3) or (H, W, 4), uint8, uint16 or floating point in [0, 1], "
                f"not {image.shape} of {image.dtype}"
            )
        if floating:
            check_range(float(image.min()), float(image.max()))
        whole = (image.clip(0, 1) * 65535 + 0.5).astype(np.uint16) if floating else image
        colours = whole[..., None].repeat(3, axis=2) if grey else whole[..., :3]
        large = self.picture(Picture(colours, grey, whole[..., 3] if channels == 4 else None), seed)
        sr: Array = large.pixels[..., 0] if grey else large.pixels
        if large.alpha is not None:
            sr = np.concatenate([sr, large.alpha[..., None]], axis=2)
        return (sr / 65535).astype(image.dtype) if floating else sr
