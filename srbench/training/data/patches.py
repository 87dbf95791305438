"""Training patches: images stored as uint8 on the training's device and cropped there, a whole batch at once.

A step's patches depend only on the seed and the step's number, so a resumed training sees the same patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch

from srbench.errors import UsageError
from srbench.images.degradations import BICUBIC, Degradation
from srbench.resize import imresize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Crop = Literal["fixed", "random"]
RANGE = 0.5, 2.0
"""Smallest and largest side of a ``random`` crop, as multiples of the patch size."""


@dataclass(frozen=True)
class Patches:
    """How the patches of a step are drawn: LR and HR pairs under one of the 8 symmetries of the square.

    Args:
        scale: HR size divided by LR size.
        patch: HR patch size in pixels, a multiple of the scale.
        batch: patches per step, draw and process.
        seed: seed of all draws.
        draws: batches per step, one after the other.
        rank: index of this process. All processes together draw what one process would draw with a batch as large
            as all of theirs.
        world: number of processes.
        crop: ``fixed`` cuts the HR patch unchanged and the LR patch from the benchmark LR of the whole image; of an
            image smaller than the patch, the largest square is enlarged. LR that the dataset has is cut as it is.
            ``random`` cuts a square of half to twice
            the patch size, resizes it to the patch (bicubic) and makes LR from it. Objects then vary in size and
            sharpness.
        degradation: makes LR; its random values are drawn for each image (``fixed``) or each crop (``random``).

    Raises:
        UsageError: the patch is not a multiple of the scale.
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
            raise UsageError(f"patch size {self.patch} is not a multiple of the scale {self.scale}")

    @property
    def per_step(self) -> int:
        """Number of patches per step, over all draws and processes."""
        return self.draws * self.world * self.batch

    def own(self) -> NDArray[np.int64]:
        """Return the indices of this process's patches among those of a step."""
        every = np.arange(self.per_step).reshape(self.draws, self.world, self.batch)
        return every[:, self.rank].ravel()

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width at which an image is stored."""
        if self.crop == "random":
            return height, width
        if min(height, width) < self.patch:
            return self.patch, self.patch
        return height - height % self.scale, width - width % self.scale

    def bytes(self, height: int, width: int) -> int:
        """Return the memory of an image and its LR, in bytes."""
        height, width = self.size(height, width)
        lr = 0 if self.crop == "random" else height * width // self.scale**2
        return 3 * (height * width + lr)

    def ready(self, image: torch.Tensor, given: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return HR of `size` from an image, ``(3, H, W)`` uint8, and its LR, or None if crops are random.

        ``given`` is LR that the dataset has, ``(3, H // scale, W // scale)`` uint8. Crops are then fixed, and the image
        is not smaller than the patch.
        """
        if self.crop == "random":
            return image, None
        height, width = image.shape[-2:]
        if min(height, width) < self.patch:
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            hr = _resized(image[:, top : top + side, left : left + side], self.patch)
        else:
            hr = image[:, : height - height % self.scale, : width - width % self.scale]
            if given is not None:
                return hr, given
        return hr, self.degradation(hr, self.scale, self.seed)


class Pool:
    """Images in one block of memory, to draw patches from.

    Args:
        sizes: height and width of each image.
        patches: how patches are drawn.
        device: stores the pixels and cuts the patches.
    """

    def __init__(self, sizes: Sequence[tuple[int, int]], patches: Patches, device: torch.device) -> None:
        self.patches, self.device = patches, device
        stored = np.array([patches.size(*size) for size in sizes], np.int64).reshape(-1, 2)
        self._scale = patches.scale if patches.crop == "fixed" else 1
        self._size = stored // self._scale  # in the pixels of the corners' grid: LR for fixed crops
        self._hr, self._hr_start = _room(stored, device)
        self._lr, self._lr_start = _room(self._size if patches.crop == "fixed" else stored[:0], device)
        self._filled = np.zeros(len(stored), bool)
        self._usable = np.empty(0, np.int64)
        self._own = patches.own()
        self._cut = _slices if device.type == "cpu" else _gather

    def put(self, i: int, hr: torch.Tensor, lr: torch.Tensor | None) -> None:
        """Store image i as returned by `Patches.ready`; images that were not stored are never drawn."""
        self._hr[self._hr_start[i] : self._hr_start[i] + hr[0].numel()] = hr.permute(1, 2, 0).reshape(-1, 3)
        if lr is not None:
            self._lr[self._lr_start[i] : self._lr_start[i] + lr[0].numel()] = lr.permute(1, 2, 0).reshape(-1, 3)
        self._filled[i] = True
        self._usable = np.empty(0, np.int64)

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw this process's patches of a step.

        Returns:
            LR ``(draws * batch, 3, patch/scale, patch/scale)`` and HR ``(draws * batch, 3, patch, patch)``, float32 in
            [0, 1], in channels-last memory.

        Raises:
            UsageError: there is no image.
        """
        if not len(self._usable):
            self._usable = self._filled.nonzero()[0]
        if not len(self._usable):
            raise UsageError("no image to train on is left")
        patches, own = self.patches, self._own
        generator = np.random.default_rng((patches.seed, step))  # torch's CPU generator uses only 32 bits of a seed
        image = self._usable[generator.integers(len(self._usable), size=patches.per_step)]
        size = self._size[image]
        if patches.crop == "random":
            limit = size.min(axis=1)
            largest = np.minimum(limit, int(patches.patch * RANGE[1]))
            smallest = np.minimum(largest, int(patches.patch * RANGE[0]))
            side = generator.integers(smallest, largest + 1)
        else:
            side = np.full(len(image), patches.patch // patches.scale)
        corner = generator.integers(size - side[:, None] + 1)
        turn = generator.integers(8, size=len(image))
        image, corner, side, turn = image[own], corner[own], side[own], turn[own]
        if patches.crop == "random":
            return self._resize(image, corner, side, turn)
        width = self._size[image, 1]
        large = Squares(self._hr_start[image], corner * self._scale, width * self._scale, turn)
        small = Squares(self._lr_start[image], corner, width, turn)
        return self._cut(self._lr, patches.patch // patches.scale, small), self._cut(self._hr, patches.patch, large)

    def _resize(
        self, image: NDArray[np.int64], corner: NDArray[np.int64], side: NDArray[np.int64], turn: NDArray[np.int64]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cut squares of different sizes, resize them to the patch size, and make LR from each."""
        patches = self.patches
        squares = []
        for i, (y, x), length in zip(image.tolist(), corner.tolist(), side.tolist(), strict=True):
            height, width = self._size[i].tolist()
            first = int(self._hr_start[i])
            pixels = self._hr[first : first + height * width].view(height, width, 3)[y : y + length, x : x + length]
            squares.append(_resized(pixels.permute(2, 0, 1), patches.patch))
        flat = torch.stack(squares).permute(0, 2, 3, 1).reshape(-1, 3)
        start, origin = np.arange(len(squares)) * patches.patch**2, np.zeros((len(squares), 2), np.int64)
        hr = self._cut(flat, patches.patch, Squares(start, origin, np.full_like(start, patches.patch), turn))
        crops = (hr * 255).round().to(torch.uint8)
        if patches.degradation is BICUBIC:
            lr = patches.degradation(crops, patches.scale)
        else:
            lr = torch.stack([patches.degradation(crop, patches.scale, patches.seed) for crop in crops])
        lr = lr.float() / 255
        return lr.contiguous(memory_format=torch.channels_last), hr


class Squares(NamedTuple):
    """Positions of patches in the pixels of a pool, an array entry each.

    Args:
        start: index of the first pixel of the patch's image.
        corner: row and column of the patch's first pixel.
        width: width of the patch's image, in pixels.
        turn: symmetry, from 0 to 7: bits for flipping vertically, flipping horizontally and transposing.
    """

    start: NDArray[np.int64]
    corner: NDArray[np.int64]
    width: NDArray[np.int64]
    turn: NDArray[np.int64]


def stream(*key: int) -> int:
    """Return the seed of an independent stream of random numbers for a key, such as (seed, step, process)."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


def _gather(pixels: torch.Tensor, side: int, squares: Squares) -> torch.Tensor:
    """Cut all patches at once; flips and transposition are part of the pixel index."""
    start, corner, width, turn = (torch.from_numpy(values).to(pixels.device) for values in squares)
    square = torch.arange(side, device=pixels.device)
    flip_y, flip_x, transpose = ((turn >> bit & 1).view(-1, 1, 1).bool() for bit in range(3))
    rows, columns = square.view(1, -1, 1), square.view(1, 1, -1)
    y, x = torch.where(transpose, columns, rows), torch.where(transpose, rows, columns)
    y = torch.where(flip_y, side - 1 - y, y) + corner[:, 0].view(-1, 1, 1)
    x = torch.where(flip_x, side - 1 - x, x) + corner[:, 1].view(-1, 1, 1)
    index = start.view(-1, 1, 1) + y * width.view(-1, 1, 1) + x
    cut = pixels.index_select(0, index.flatten()).view(*index.shape, 3)
    return (cut.float() / 255).permute(0, 3, 1, 2)


def _slices(pixels: torch.Tensor, side: int, squares: Squares) -> torch.Tensor:
    """Cut patch by patch: two to three times as fast on a CPU, which has no kernel launches to save."""
    patches = torch.empty(len(squares.start), side, side, 3)
    for patch, first, (y, x), width, turn in zip(patches, *(values.tolist() for values in squares), strict=True):
        cut = pixels.as_strided((side, side, 3), (3 * width, 3, 1), 3 * (first + y * width + x))
        if flips := [bit for bit in range(2) if turn >> bit & 1]:
            cut = cut.flip(flips)
        patch.copy_(cut.transpose(0, 1) if turn & 4 else cut)
    return patches.div_(255).permute(0, 3, 1, 2)


def _room(sizes: NDArray[np.int64], device: torch.device) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Return memory for all images' pixels, ``(pixels, 3)`` uint8, and the index of each image's first pixel."""
    counts = sizes.prod(axis=1)
    return torch.empty(int(counts.sum()), 3, dtype=torch.uint8, device=device), counts.cumsum() - counts


def _resized(image: torch.Tensor, side: int) -> torch.Tensor:
    return (imresize(image.float(), (side, side)) + 0.5).clamp(0, 255).to(torch.uint8)
