"""Training patches: images kept as uint8 where the step runs, and cropped there, all at once.

The draw of a step depends on the seed and the step's number alone, so a resumed training sees the same patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from srbench.degradations import BICUBIC, Degradation
from srbench.errors import UsageError
from srbench.resize import imresize

if TYPE_CHECKING:
    from collections.abc import Sequence

Crop = Literal["fixed", "random"]
RANGE = 0.5, 2.0
"""Smallest and largest side of a ``random`` crop, in patches."""


@dataclass(frozen=True)
class Patches:
    """What a step draws: LR and HR patches, turned by one of the 8 symmetries of the square.

    Args:
        scale: of HR to LR.
        patch: HR patch size in pixels, a multiple of the scale.
        batch: patches per step, draw and process.
        seed: first part of every draw.
        draws: batches per step, one behind the other.
        rank: which of the processes that train together this is; together they see what one alone would see with
            so many times the batch.
        world: how many they are.
        crop: ``fixed`` cuts the HR patch as it is and the LR patch from the benchmark LR of the whole image; an image
            smaller than the patch gives its largest square, enlarged. ``random`` cuts a square of half to twice the
            patch size, resizes it to the patch (bicubic), and makes LR of that: more sizes of things, softer and
            sharper ones, as in the generators of Keras examples.
        degradation: makes LR; what is random in it is drawn anew for each image (``fixed``) or each crop (``random``).

    Raises:
        UsageError: the patch is no multiple of the scale.
    """

    scale: int
    patch: int
    batch: int
    seed: int = 0
    draws: int = 1
    rank: int = 0
    world: int = 1
    crop: Crop = "fixed"
    degradation: Degradation = BICUBIC

    def __post_init__(self) -> None:
        if self.patch % self.scale or self.patch < self.scale:
            raise UsageError(f"patch size {self.patch} is no multiple of the scale {self.scale}")

    @property
    def per_step(self) -> int:
        """Patches of a step, over all draws and processes."""
        return self.draws * self.world * self.batch

    def own(self) -> torch.Tensor:
        """Return which patches of a step are this process's."""
        every = torch.arange(self.per_step).view(self.draws, self.world, self.batch)
        return every[:, self.rank].flatten()

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size at which an image is kept."""
        if self.crop == "random":
            return height, width
        if min(height, width) < self.patch:
            return self.patch, self.patch
        return height - height % self.scale, width - width % self.scale

    def bytes(self, height: int, width: int) -> int:
        """Return the memory that an image takes, with its LR."""
        height, width = self.size(height, width)
        lr = 0 if self.crop == "random" else height * width // self.scale**2
        return 3 * (height * width + lr)

    def ready(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Make of an image, ``(3, H, W)`` uint8, what is kept: HR of `size`, and its LR unless crops are random."""
        if self.crop == "random":
            return image, None
        height, width = image.shape[-2:]
        if min(height, width) < self.patch:
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            hr = _resized(image[:, top : top + side, left : left + side], self.patch)
        else:
            hr = image[:, : height - height % self.scale, : width - width % self.scale]
        return hr, self.degradation(hr, self.scale, self.seed)


class Pool:
    """Images in memory, side by side, to draw patches from.

    Args:
        sizes: height and width of each image.
        patches: what is drawn.
        device: where pixels are kept and patches are cut.
    """

    def __init__(self, sizes: Sequence[tuple[int, int]], patches: Patches, device: torch.device) -> None:
        self.patches, self.device = patches, device
        kept = torch.tensor([patches.size(*size) for size in sizes]).view(-1, 2)
        self._scale = patches.scale if patches.crop == "fixed" else 1
        self._size = kept // self._scale  # in the pixels of the grid that corners lie on: those of LR
        self._hr, self._hr_start = _room(kept, device)
        self._lr, self._lr_start = _room(self._size if patches.crop == "fixed" else kept[:0], device)
        self._filled = torch.zeros(len(kept), dtype=torch.bool)
        self._usable = torch.empty(0, dtype=torch.long)
        self._square = [torch.arange(side, device=device) for side in (patches.patch // patches.scale, patches.patch)]

    def put(self, i: int, hr: torch.Tensor, lr: torch.Tensor | None) -> None:
        """Fill the place of image i with what `Patches.ready` made; images without are never drawn."""
        self._hr[self._hr_start[i] : self._hr_start[i] + hr[0].numel()] = hr.permute(1, 2, 0).reshape(-1, 3)
        if lr is not None:
            self._lr[self._lr_start[i] : self._lr_start[i] + lr[0].numel()] = lr.permute(1, 2, 0).reshape(-1, 3)
        self._filled[i] = True
        self._usable = torch.empty(0, dtype=torch.long)

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return this process's patches of a step.

        Returns:
            LR ``(draws * batch, 3, patch/scale, patch/scale)`` and HR ``(draws * batch, 3, patch, patch)``, float32 in
            [0, 1], in channels-last memory.

        Raises:
            UsageError: there is no image.
        """
        if not len(self._usable):
            self._usable = self._filled.nonzero().flatten()
        if not len(self._usable):
            raise UsageError("there is no image to train on")
        wanted = self.patches
        generator = np.random.default_rng((wanted.seed, step))  # torch's CPU generator looks at 32 bits of a seed only
        image = self._usable[torch.from_numpy(generator.integers(len(self._usable), size=wanted.per_step))]
        size, own = self._size[image], wanted.own()
        if wanted.crop == "random":
            limit = size.amin(dim=1).numpy()
            largest = np.minimum(limit, int(wanted.patch * RANGE[1]))
            smallest = np.minimum(largest, int(wanted.patch * RANGE[0]))
            side = torch.from_numpy(generator.integers(smallest, largest + 1))
        else:
            side = torch.full((len(image),), wanted.patch // wanted.scale)
        corner = torch.from_numpy(generator.integers((size - side[:, None] + 1).numpy()))
        turn = torch.from_numpy(generator.integers(8, size=len(image)))
        image, corner, side, turn = image[own], corner[own], side[own], turn[own].to(self.device)
        if wanted.crop == "random":
            return self._resize(image, corner, side, turn)
        corner, width = corner.to(self.device), self._size[image, 1].to(self.device)
        small, large = self._square
        lr = _cut(self._lr, self._lr_start[image], corner, width, small, turn)
        hr = _cut(self._hr, self._hr_start[image], corner * self._scale, width * self._scale, large, turn)
        return lr, hr

    def _resize(
        self, image: torch.Tensor, corner: torch.Tensor, side: torch.Tensor, turn: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cut squares of different sizes, bring them to the size of a patch, and make LR of each."""
        squares = []
        for i, (y, x), length in zip(image.tolist(), corner.tolist(), side.tolist(), strict=True):
            height, width = self._size[i].tolist()
            first = int(self._hr_start[i])
            pixels = self._hr[first : first + height * width].view(height, width, 3)[y : y + length, x : x + length]
            squares.append(_resized(pixels.permute(2, 0, 1), self.patches.patch))
        count, patch = len(squares), self.patches.patch
        flat = torch.stack(squares).permute(0, 2, 3, 1).reshape(-1, 3)
        start = torch.arange(count, device=self.device) * patch**2
        nowhere = torch.zeros(count, 2, dtype=torch.long, device=self.device)
        hr = _cut(flat, start, nowhere, torch.full_like(start, patch), self._square[1], turn)
        small = self.patches
        crops = (hr * 255).round().to(torch.uint8)
        if small.degradation is BICUBIC:
            lr = small.degradation(crops, small.scale)
        else:
            lr = torch.stack([small.degradation(crop, small.scale, small.seed) for crop in crops])
        lr = lr.float() / 255
        return lr.contiguous(memory_format=torch.channels_last), hr


def stream(*key: int) -> int:
    """Return the seed of a stream of random numbers of its own for each key, such as (seed, step, process)."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


def _cut(
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
    index = start.to(pixels.device).view(-1, 1, 1) + y * width.view(-1, 1, 1) + x
    cut = pixels.index_select(0, index.flatten()).view(*index.shape, 3)
    return (cut.float() / 255).permute(0, 3, 1, 2)


def _room(sizes: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return memory for all images' pixels, ``(pixels, 3)`` uint8, and where each image starts in it."""
    counts = sizes.prod(dim=1)
    return torch.empty(int(counts.sum()), 3, dtype=torch.uint8, device=device), counts.cumsum(0) - counts


def _resized(image: torch.Tensor, side: int) -> torch.Tensor:
    return (imresize(image.float(), (side, side)) + 0.5).clamp(0, 255).to(torch.uint8)
