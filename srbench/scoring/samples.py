"""Samples: decoded image pairs on a device."""

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
    """Decode an image pair, make LR if the dataset has none, and move both to the device.

    A degradation other than bicubic also replaces LR files of the dataset.

    Raises:
        AssetError: a file is not available.
        ImageError: a file cannot be used.
    """
    hr_picture, lr_picture = load_pair(pair, scale)
    hr = torch.from_numpy(planes(hr_picture))
    if lr_picture is None or degradation is not BICUBIC:
        lr = degradation(hr, scale)
    else:
        lr = torch.from_numpy(planes(lr_picture))
    return Sample(pair.name, hr.to(device), lr.to(device), hr_picture.grey, scale)
