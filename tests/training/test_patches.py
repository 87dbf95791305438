"""Patches: LR belongs to HR, all eight symmetries occur, the draw depends on seed and step alone."""

from __future__ import annotations

import pytest
import torch

from srbench.errors import UsageError
from srbench.resize import degrade
from srbench.training.patches import PatchSampler

CPU = torch.device("cpu")


def images(*sizes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator) for size in sizes]


def symmetries(x):
    turned = [torch.rot90(x, k, (-2, -1)) for k in range(4)]
    return turned + [t.flip(-1) for t in turned]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_patch_is_cut_from_hr_and_its_benchmark_lr(scale):
    (image,) = images((4 * 12, 5 * 12))
    small = degrade(image, scale)
    sampler = PatchSampler([image], scale, 12, 64, 1, CPU)
    places, turns = set(), set()
    for step in range(3):
        lr, hr = sampler.draw(step)
        assert hr.shape == (64, 3, 12, 12)
        assert lr.shape == (64, 3, 12 // scale, 12 // scale)
        for small_patch, patch in zip((lr * 255).round().byte(), (hr * 255).round().byte(), strict=True):
            place, turn = find(image, patch, scale)
            y, x = place[0] // scale, place[1] // scale
            expected = small[:, y : y + 12 // scale, x : x + 12 // scale]
            assert torch.equal(symmetries(expected)[turn], small_patch)
            places.add(place)
            turns.add(turn)
    assert len(places) > 30
    assert turns == set(range(8))


def find(image, patch, scale):
    """Look for the patch everywhere on the grid and under every symmetry."""
    size = patch.shape[-1]
    windows = image.unfold(1, size, scale).unfold(2, size, scale).permute(1, 2, 0, 3, 4)
    for turn, back in enumerate([0, 3, 2, 1, 4, 5, 6, 7]):
        hits = (windows == symmetries(patch)[back]).flatten(2).all(dim=2).nonzero()
        if len(hits):
            y, x = (hits[0] * scale).tolist()
            assert torch.equal(symmetries(image[:, y : y + size, x : x + size])[turn], patch)
            return (y, x), turn
    raise AssertionError("the patch is nowhere in the image")


def test_images_of_any_size_side_by_side():
    soft = [image // 2 + 64 for image in images((40, 90), (24, 25), (61, 33))]  # so that no pass has to clamp
    sampler = PatchSampler(soft, 2, 24, 32, 0, CPU)
    lr, hr = sampler.draw(0)
    again = degrade((hr * 255).round().byte(), 2).float() / 255
    inner = slice(3, -3)  # the patch's own borders lack their surroundings; turned, its passes round in another order
    assert (again - lr)[..., inner, inner].abs().max() <= 2.01 / 255


def test_a_smaller_image_gives_its_largest_square_enlarged():
    image = torch.zeros(3, 10, 30, dtype=torch.uint8)
    image[:, :, 10:20] = 200
    _, hr = PatchSampler([image], 4, 16, 4, 0, CPU).draw(0)
    assert hr.shape == (4, 3, 16, 16)
    assert torch.allclose(hr, torch.tensor(200 / 255))


def test_draw_depends_on_seed_and_step_alone():
    one, two = (PatchSampler(images((50, 50)), 2, 16, 4, seed, CPU) for seed in (0, 1))
    one.draw(3)
    first, second = one.draw(5), one.draw(5)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(one.draw(6)[1], first[1])
    assert not torch.equal(two.draw(5)[1], first[1])


def test_memory_is_channels_last():
    lr, hr = PatchSampler(images((50, 50)), 2, 16, 4, 0, CPU).draw(0)
    assert lr.is_contiguous(memory_format=torch.channels_last)
    assert hr.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("given", "patch"), [([], 16), ([(50, 50)], 15), ([(50, 50)], 0)])
def test_what_cannot_be_cut_is_refused(given, patch):
    with pytest.raises(UsageError, match=r"no image to train on|no multiple of the scale"):
        PatchSampler(images(*given), 2, patch, 4, 0, CPU)
