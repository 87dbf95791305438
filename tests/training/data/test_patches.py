"""Patches: LR belongs to HR, all eight symmetries occur, the draw depends on seed and step alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from srbench.errors import UsageError
from srbench.images.degradations import get_degradation
from srbench.resize import degrade, imresize
from srbench.training.data import patches as patches_module
from srbench.training.data.patches import Patches, Pool, _gather, stream

CPU = torch.device("cpu")


def images(*sizes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator) for size in sizes]


def pool(given, *settings, **more):
    """All images in one pool, as a training has them that fit."""
    patches = Patches(*settings, **more)
    result = Pool([image.shape[-2:] for image in given], patches, CPU)
    for i, image in enumerate(given):
        result.put(i, *patches.ready(image))
    return result


def symmetries(x):
    turned = [torch.rot90(x, k, (-2, -1)) for k in range(4)]
    return turned + [t.flip(-1) for t in turned]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_patch_is_cut_from_hr_and_its_benchmark_lr(scale):
    (image,) = images((4 * 12, 5 * 12))
    small = degrade(image, scale)
    sampler = pool([image], scale, 12, 64, 1)
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


def test_processes_share_the_patches_of_each_draw():
    patches = [Patches(2, 8, 2, draws=2, rank=rank, world=3) for rank in range(3)]
    assert [p.per_step for p in patches] == [12, 12, 12]
    assert [p.own().tolist() for p in patches] == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]
    alone = Patches(2, 8, 5)
    assert (alone.per_step, alone.own().tolist()) == (5, [0, 1, 2, 3, 4])
    assert (alone.seed, alone.draws, alone.rank, alone.world, alone.crop) == (0, 1, 0, 1, "fixed")


@pytest.mark.parametrize(
    ("given", "kept"), [((50, 61), (48, 60)), ((12, 30), (12, 30)), ((30, 12), (30, 12)), ((11, 61), (12, 12))]
)
def test_an_image_is_kept_as_a_multiple_of_the_scale_or_as_one_patch(given, kept):
    patches = Patches(3, 12, 1)
    assert patches.size(*given) == kept
    assert patches.bytes(*given) == 3 * (kept[0] * kept[1] + kept[0] // 3 * (kept[1] // 3))
    hr, lr = patches.ready(images(given)[0])
    assert hr.shape == (3, *kept)
    assert torch.equal(lr, degrade(hr.contiguous(), 3))
    loose = Patches(3, 12, 1, crop="random")
    assert loose.size(*given) == given
    assert loose.bytes(*given) == 3 * given[0] * given[1]
    assert [type(p.bytes(*given)) for p in (patches, loose)] == [int, int]
    image = images(given)[0]
    assert loose.ready(image) == (image, None)


def test_the_scale_itself_is_the_smallest_patch():
    assert Patches(3, 3, 1).patch == 3
    for patch in (0, -3, 4, 2):
        with pytest.raises(UsageError, match="not a multiple of the scale 3"):
            Patches(3, patch, 1)


@pytest.mark.parametrize("size", [(7, 12), (13, 7), (7, 7)])
def test_of_a_small_image_the_square_in_its_middle_is_enlarged_and_rounded(size):
    (image,) = images(size)
    top, left = (size[0] - 7) // 2, (size[1] - 7) // 2
    middle = image[:, top : top + 7, left : left + 7].double()
    expected = (imresize(middle, (16, 16)) + 0.5).floor().clamp(0, 255)
    hr, _ = Patches(4, 16, 1).ready(image)
    assert (hr.double() - expected).abs().max() <= 1
    assert (hr.double() != expected).double().mean() < 0.01  # a half in float32 may fall the other way


def test_the_upper_left_is_kept_of_an_image_that_is_no_multiple():
    (image,) = images((50, 61))
    hr, _ = Patches(4, 16, 1).ready(image)
    assert torch.equal(hr, image[:, :48, :60])


def test_every_place_and_every_image_is_drawn():
    sizes = [(8, 12), (8, 8), (14, 6)]
    given = [torch.zeros(3, *size, dtype=torch.uint8) for size in sizes]
    for i, image in enumerate(given):
        height, width = image.shape[1:]
        image[0] = i
        image[1], image[2] = torch.arange(height).view(-1, 1), torch.arange(width)
    _, hr = pool(given, 2, 4, 3000).draw(0)
    corners = (hr * 255).round().long().amin(dim=(2, 3))
    places = {tuple(corner) for corner in corners.tolist()}
    grid = [(i, y, x) for i, (h, w) in enumerate(sizes) for y in range(0, h - 3, 2) for x in range(0, w - 3, 2)]
    assert places == set(grid)
    shares = torch.bincount(corners[:, 0]) / len(corners)
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.05)


def test_degradations_other_than_bicubic_have_the_seed_of_the_training():
    (image,) = images((32, 48))
    crappify = get_degradation("crappify")
    _, lr = Patches(2, 8, 1, 5, degradation=crappify).ready(image)
    assert torch.equal(lr, crappify(image, 2, 5))
    lr, hr = pool([image], 2, 8, 6, 5, crop="random", degradation=crappify).draw(0)
    crops = (hr * 255).round().byte().contiguous()
    expected = torch.stack([crappify(crop.contiguous(), 2, 5) for crop in crops])
    assert torch.equal(lr, expected.float() / 255)


@pytest.mark.parametrize(
    ("size", "sides"), [((60, 50), range(8, 33)), ((60, 20), range(8, 21)), ((5, 60), [5]), ((32, 33), range(8, 33))]
)
def test_random_crops_have_every_side_from_half_to_twice_the_patch_and_lie_anywhere(monkeypatch, size, sides):
    (image,) = images(size)
    cut = []
    resized = patches_module._resized
    monkeypatch.setattr(patches_module, "_resized", lambda square, side: cut.append(square) or resized(square, side))
    _, hr = pool([image], 2, 16, 500, crop="random").draw(0)
    assert hr.shape == (500, 3, 16, 16)
    assert all(square.shape[1] == square.shape[2] for square in cut)
    assert {square.shape[1] for square in cut} == set(sides)
    ends = set()
    for square in cut:
        side = square.shape[1]
        windows = image.unfold(1, side, 1).unfold(2, side, 1).permute(1, 2, 0, 3, 4)
        ((y, x),) = (windows == square).flatten(2).all(dim=2).nonzero().tolist()
        ends |= {("top", y == 0), ("left", x == 0), ("bottom", y + side == size[0]), ("right", x + side == size[1])}
    assert {(name, True) for name in ("top", "left", "bottom", "right")} <= ends


def test_random_crops_turn_as_fixed_ones_do():
    (image,) = images((16, 16))
    _, hr = pool([image], 2, 16, 400, crop="random").draw(0)
    turned = [turn.float() / 255 for turn in symmetries(image)]
    whole = [patch for patch in hr if any(torch.equal(patch, turn) for turn in turned)]
    seen = {next(i for i, turn in enumerate(turned) if torch.equal(patch, turn)) for patch in whole}
    assert seen == set(range(8))


def test_each_symmetry_has_an_eighth_of_the_patches():
    (image,) = images((4, 4))
    _, hr = pool([image], 2, 4, 4000).draw(0)
    turned = torch.stack(symmetries(image)).float() / 255
    shares = (hr[:, None] == turned).flatten(2).all(dim=2).float().mean(dim=0)
    assert shares.tolist() == pytest.approx([1 / 8] * 8, abs=0.03)


def test_streams_of_random_numbers_are_numpys_seeds_of_63_bits():
    for key in ((0,), (1, 2), (2, 1), (1, 2, 3)):
        state = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
        assert stream(*key) == state // 2


def test_images_of_any_size_side_by_side():
    soft = [image // 2 + 64 for image in images((40, 90), (24, 25), (61, 33))]  # so that no pass has to clamp
    sampler = pool(soft, 2, 24, 32)
    lr, hr = sampler.draw(0)
    again = degrade((hr * 255).round().byte(), 2).float() / 255
    inner = slice(3, -3)  # the patch's own borders lack their surroundings; turned, its passes round in another order
    assert (again - lr)[..., inner, inner].abs().max() <= 2.01 / 255


def test_a_smaller_image_gives_its_largest_square_enlarged():
    image = torch.zeros(3, 10, 30, dtype=torch.uint8)
    image[:, :, 10:20] = 200
    _, hr = pool([image], 4, 16, 4).draw(0)
    assert hr.shape == (4, 3, 16, 16)
    assert torch.allclose(hr, torch.tensor(200 / 255))


def test_draw_depends_on_seed_and_step_alone():
    one, two = (pool(images((50, 50)), 2, 16, 4, seed) for seed in (0, 1))
    one.draw(3)
    first, second = one.draw(5), one.draw(5)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(one.draw(6)[1], first[1])
    assert not torch.equal(two.draw(5)[1], first[1])


def test_memory_is_channels_last():
    lr, hr = pool(images((50, 50)), 2, 16, 4).draw(0)
    assert lr.is_contiguous(memory_format=torch.channels_last)
    assert hr.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("crop", ["fixed", "random"])
def test_an_accelerator_cuts_the_same_patches(crop):
    cpu = pool(images((50, 50), (33, 61)), 2, 16, 40, crop=crop)
    cpu._cut, sliced = _gather, cpu.draw(3)
    gathered = cpu.draw(3)
    assert all(torch.equal(a, b) for a, b in zip(sliced, gathered, strict=True))


@pytest.mark.parametrize(("given", "patch"), [([], 16), ([(50, 50)], 15), ([(50, 50)], 0)])
def test_what_cannot_be_cut_is_refused(given, patch):
    with pytest.raises(UsageError, match=r"no image to train on|not a multiple of the scale"):
        pool(images(*given), 2, patch, 4).draw(0)


def test_processes_together_see_what_one_alone_sees_with_their_batches():
    given = images((40, 60), (33, 50), (70, 48))
    whole = pool(given, 2, 16, 6, 3, draws=2).draw(7)
    halves = [pool(given, 2, 16, 3, 3, draws=2, rank=rank, world=2).draw(7) for rank in range(2)]
    for i in range(2):
        expected = whole[i].view(2, 2, 3, *whole[i].shape[1:])  # draw, process, patch
        for rank in range(2):
            assert torch.equal(expected[:, rank].flatten(0, 1), halves[rank][i])


def test_random_crops_are_squares_of_many_sizes_brought_to_the_patch():
    ramp = torch.arange(200, dtype=torch.uint8).expand(3, 200, 200).contiguous()  # brightness tells the side of a crop
    lr, hr = pool([ramp], 4, 32, 64, crop="random").draw(0)
    assert hr.shape == (64, 3, 32, 32)
    assert torch.equal(lr, degrade((hr * 255).round().byte(), 4).float() / 255)
    spans = (hr.amax(dim=(1, 2, 3)) - hr.amin(dim=(1, 2, 3))) * 255 + 1
    assert spans.min() == pytest.approx(16, abs=3)
    assert spans.max() == pytest.approx(64, abs=3)
    assert len(set(spans.round().tolist())) > 20
    assert hr.is_contiguous(memory_format=torch.channels_last)


def test_random_crops_of_an_image_smaller_than_half_a_patch_are_the_image():
    flat = torch.full((3, 5, 9), 77, dtype=torch.uint8)
    _, hr = pool([flat], 2, 16, 4, crop="random").draw(0)
    assert torch.allclose(hr, torch.tensor(77 / 255))


def test_images_that_were_not_filled_in_are_never_drawn():
    patches = Patches(2, 8, 64)
    some = Pool([(16, 16)] * 3, patches, CPU)
    some.put(1, *patches.ready(torch.full((3, 16, 16), 9, dtype=torch.uint8)))
    assert (some.draw(0)[1] * 255 == 9).all()
