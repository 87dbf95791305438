"""Training patches: images decoded once, kept as uint8 where the step runs, and cropped there, all at once.

The draw of a step depends on the seed and the step's number alone, so a resumed training sees the same patches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from srbench.errors import UsageError
from srbench.resize import degrade, imresize

if TYPE_CHECKING:
    from collections.abc import Sequence


class PatchSampler:
    """Random HR patches with their LR patches, flipped and rotated by one of the 8 symmetries of the square.

    Args:
        images: HR images, each ``(3, H, W)`` uint8.
        scale: LR is made of each whole image by the benchmark bicubic.
        patch: HR patch size in pixels, a multiple of the scale. A smaller image gives its largest square, resized.
        batch: patches per step.
        seed: first part of every draw.
        device: where pixels are kept and patches are cut.

    Raises:
        UsageError: there is no image, or the patch is no multiple of the scale.
    """

    def __init__(
        self, images: Sequence[torch.Tensor], scale: int, patch: int, batch: int, seed: int, device: torch.device
    ) -> None:
        if not images:
            raise UsageError("there is no image to train on")
        if patch % scale or patch < scale:
            raise UsageError(f"patch size {patch} is no multiple of the scale {scale}")
        self.scale, self.patch, self.batch, self.seed, self.device = scale, patch, batch, seed, device
        ready = [_at_least(image, patch, scale) for image in images]
        small = [degrade(image, scale) for image in ready]
        self._hr, self._hr_start = _flatten(ready, device)
        self._lr, self._lr_start = _flatten(small, device)
        self._size = torch.tensor([image.shape[-2:] for image in small])  # LR height and width
        self._square = torch.arange(patch // scale, device=device), torch.arange(patch, device=device)

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the patches of a step.

        Returns:
            LR ``(batch, 3, patch/scale, patch/scale)`` and HR ``(batch, 3, patch, patch)``, float32 in [0, 1], in
            channels-last memory.
        """
        generator = np.random.default_rng((self.seed, step))  # torch's CPU generator looks at 32 bits of a seed only
        image = torch.from_numpy(generator.integers(len(self._size), size=self.batch))
        free = self._size[image] - self.patch // self.scale + 1
        corner = torch.from_numpy(generator.integers(free.numpy()))
        turn = torch.from_numpy(generator.integers(8, size=self.batch)).to(self.device)
        corner, width = corner.to(self.device), self._size[image, 1].to(self.device)
        lr = self._cut(self._lr, self._lr_start[image], corner, width, self._square[0], turn)
        hr = self._cut(self._hr, self._hr_start[image], corner * self.scale, width * self.scale, self._square[1], turn)
        return lr, hr

    def _cut(
        self,
        pixels: torch.Tensor,
        start: torch.Tensor,
        corner: torch.Tensor,
        width: torch.Tensor,
        square: torch.Tensor,
        turn: torch.Tensor,
    ) -> torch.Tensor:
        """Gather all patches at once; flips and transposition are a matter of which pixel is asked for."""
        flip_y, flip_x, transpose = ((turn >> bit & 1).view(-1, 1, 1).bool() for bit in range(3))
        rows, columns = square.view(1, -1, 1), square.view(1, 1, -1)
        y, x = torch.where(transpose, columns, rows), torch.where(transpose, rows, columns)
        y = torch.where(flip_y, len(square) - 1 - y, y) + corner[:, 0].view(-1, 1, 1)
        x = torch.where(flip_x, len(square) - 1 - x, x) + corner[:, 1].view(-1, 1, 1)
        index = start.to(self.device).view(-1, 1, 1) + y * width.view(-1, 1, 1) + x
        cut = pixels.index_select(0, index.flatten()).view(*index.shape, 3)
        return (cut.float() / 255).permute(0, 3, 1, 2)


def _flatten(images: Sequence[torch.Tensor], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Lay all images' pixels in one ``(pixels, 3)`` tensor; return it and where each image starts."""
    counts = torch.tensor([image.shape[-2] * image.shape[-1] for image in images])
    flat = torch.cat([image.permute(1, 2, 0).reshape(-1, 3) for image in images])
    return flat.to(device), counts.cumsum(0) - counts


def _at_least(image: torch.Tensor, patch: int, scale: int) -> torch.Tensor:
    """Crop to multiples of the scale; enlarge the largest square of an image that is smaller than a patch."""
    height, width = image.shape[-2:]
    if min(height, width) < patch:
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = image[:, top : top + side, left : left + side].float()
        return (imresize(square, (patch, patch)) + 0.5).clamp(0, 255).to(torch.uint8)
    return image[:, : height - height % scale, : width - width % scale]


def stream(*key: int) -> int:
    """Return the seed of a stream of random numbers of its own for each key, such as (seed, step, process)."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
