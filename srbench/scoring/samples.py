"""An image pair on a device, ready to be upscaled and scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from srbench.data.pairs import load_pair
from srbench.images.degradations import BICUBIC
from srbench.images.tensors import planes

if TYPE_CHECKING:
    from srbench.images.degradations import Degradation
    from srbench.specs import ImagePair


@dataclass(frozen=True)
class Sample:
    """An image on the device, ready to be upscaled and scored."""

    name: str
    """Its name in the dataset."""
    hr: torch.Tensor
    """``(3, H, W)`` uint8, H and W multiples of the scale."""
    lr: torch.Tensor
    """``(3, h, w)`` uint8, H = h * scale."""
    grey: bool
    """Whether the HR file is stored without colour; its three channels are then equal."""
    scale: int


def load_sample(pair: ImagePair, scale: int, device: torch.device, degradation: Degradation = BICUBIC) -> Sample:
    """Decode an image pair, make LR where the set has none, and put both on the device.

    A degradation other than bicubic is what was asked for: it also takes the place of LR that the set has.

    Raises:
        AssetError: a file could not be had.
        ImageError: a file cannot be used.
    """
    hr_picture, lr_picture = load_pair(pair, scale)
    hr = torch.from_numpy(planes(hr_picture))
    if lr_picture is None or degradation is not BICUBIC:
        lr = degradation(hr, scale)
    else:
        lr = torch.from_numpy(planes(lr_picture))
    return Sample(pair.name, hr.to(device), lr.to(device), hr_picture.grey, scale)
