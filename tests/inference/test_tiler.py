"""Tiles together are what the whole would have been, for every shipped network; memory decides when they are made."""

from __future__ import annotations

import re
from functools import reduce

import pytest
import torch

from srbench.api import load
from srbench.catalog.catalog import Catalog
from srbench.conformance.bench import MethodBench, picture
from srbench.errors import MethodError, UsageError
from srbench.images.tensors import to_8bit
from srbench.inference.enlarger import Enlarger
from srbench.inference.tile_size import Span, spans
from srbench.inference.tiler import Tiler
from srbench.resize import imresize
from srbench.specs import ModelSpec
from srbench.system.memory import held_bytes

CPU = torch.device("cpu")
HEAVY = 2_000_000
"""Parameters from which a network is tried on a narrow strip."""
NETWORKS = [
    "ae-mse",
    "cyclegan",
    "dbpn",
    "dcgan",
    "edsr",
    "edsr-large",
    "espcn",
    "rrdb",
    "rrdb-small",
    "nearest",
    "bilinear",
    "bicubic",
    "lanczos",
    "rdn",
    "srcnn",
    "srresnet-resize",
    "srresnet-nobn",
    "srresnet",
    "unet",
    "vae",
]
"""One method of each network: many share one."""


@pytest.fixture
def catalog():
    return Catalog.load()


def tiler(net, *, scale=2, halo=0, multiple=1, stochastic=False, **options):
    spec = ModelSpec(
        name="x", summary="x", scales={scale}, build=lambda _: net, halo=halo, multiple=multiple, stochastic=stochastic
    )
    return Tiler(Enlarger.of(spec, net, scale), CPU, **options)


class Repeat(torch.nn.Module):
    """Each pixel repeated; refuses more pixels than memory does for, and keeps the sizes that it was given."""

    def __init__(self, most=10**9, error=None):
        super().__init__()
        self.most, self.error, self.seen = most, error or torch.OutOfMemoryError("no"), []

    def forward(self, lr):
        self.seen.append(tuple(lr.shape))
        if lr[:, 0].numel() > self.most:
            raise self.error
        return lr.repeat_interleave(2, -1).repeat_interleave(2, -2)


def test_spans_keep_each_pixel_once_and_reach_beyond_nothing():
    cut = spans(0, 100, 100, 32, 8)
    assert cut[:2] == [Span(0, 0, 32, 40), Span(24, 32, 64, 72)]
    assert cut[-1] == Span(88, 96, 100, 100)
    assert [i for span in cut for i in range(span.start, span.stop)] == list(range(100))
    assert cut[1].inner(3) == slice(24, 120)


def test_every_shipped_network_can_be_cut_and_is_tried(catalog):
    specs = catalog.models.specs.values()
    assert [spec.name for spec in specs if spec.indivisible] == []
    assert list({spec.build: spec.name for spec in reversed(specs)}.values())[::-1] == NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_are_what_the_whole_is(catalog, name):
    """The image is larger than a tile with its margin, so that tiles are cut on either side, and ends between tiles."""
    spec = catalog.models[name]
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in spec.build(2).parameters())
    side = 32 if count < HEAVY else 192
    margin = spec.halo + -spec.halo % spec.multiple
    long = side + margin + 21
    for scale, size in [(2, (long, 2))] if count >= HEAVY else [(2, (long, 20)), (2, (20, long)), (4, (long, 9))]:
        net = MethodBench(spec, catalog, CPU).net(scale)
        lr = picture(*size)
        whole, cut = (Tiler(Enlarger.of(spec, net, scale), CPU, tile) for tile in ("off", side))
        expected = whole(lr)
        found = cut(lr)
        assert cut.used == side
        assert whole.used == 0
        assert float((found - expected).abs().max()) <= 1e-5 * max(1, float(expected.abs().max()))


def test_a_halo_too_small_would_show(catalog):
    """The comparison above can fail."""
    spec = catalog.models["bicubic"]
    net, lr = spec.build(2), picture(50, 40)
    expected = net(lr)
    narrow = tiler(net, halo=1, tile=16)(lr)
    assert float((narrow - expected).abs().max()) > 1e-3
    assert torch.equal(tiler(net, halo=2, tile=16)(lr), expected)


def test_tiles_begin_on_the_grid_of_the_network():
    class Shrink(torch.nn.Module):
        """The mean of each 6x6: looks no farther than its own cell."""

        def forward(self, lr):
            mean = torch.nn.functional.avg_pool2d(lr, 6)
            return mean.repeat_interleave(12, -1).repeat_interleave(12, -2)

    lr = picture(47, 41)
    expected = tiler(Shrink(), halo=5, multiple=6, tile="off")(lr)
    for side in (16, 18, 20):
        assert torch.equal(tiler(Shrink(), halo=5, multiple=6, tile=side)(lr), expected)


@pytest.mark.parametrize("names", [("bicubic", "lanczos"), ("ae-mse", "espcn"), ("espcn", "unet")])
def test_passes_one_behind_the_other_are_cut_together(catalog, names):
    parts = []
    for name, scale in zip(names, (3, 2), strict=True):
        spec = catalog.models[name]
        parts.append(Enlarger.of(spec, MethodBench(spec, catalog, CPU).net(scale), scale))
    both = reduce(Enlarger.then, parts)
    lr = picture(90, 25)
    expected = parts[1].run(parts[0].run(lr, 0).clamp(0, 1), 0)
    assert both.scale == 6
    assert torch.equal(Tiler(both, CPU, "off")(lr), expected)
    cut = Tiler(both, CPU, 16)
    assert both.halo + 2 * 16 < 90
    assert torch.allclose(cut(lr), expected, rtol=0, atol=1e-5)


def test_what_cannot_be_cut_is_refused_with_the_reason_and_whole_otherwise():
    for options, reason in (({"halo": None}, "its spec states no halo"), ({"stochastic": True}, "drawn at random")):
        with pytest.raises(UsageError, match=f"^x cannot be cut into tiles: .*{reason}"):
            tiler(Repeat(), tile=32, **options)
        net = Repeat()
        assert tiler(net, most=1, **options)(picture(40, 50)).shape == (1, 3, 80, 100)
        assert net.seen == [(1, 3, 40, 50)]
    with pytest.raises(UsageError, match="tiles of 3 LR pixels are smaller than 16"):
        tiler(Repeat(), tile=3)


class Wide(torch.nn.Module):
    """Holds 100 channels at once, twice: 800 bytes for each LR pixel."""

    def forward(self, lr):
        wide = lr[:, :1].expand(-1, 100, -1, -1).contiguous()
        wide = wide + 1
        return (wide[:, :3] - 1).repeat_interleave(2, -1).repeat_interleave(2, -2)


def test_auto_cuts_where_a_pass_would_hold_more_than_it_may():
    lr = torch.zeros(1, 1, 64, 64)
    assert 800 <= held_bytes(lambda: Wide()(lr), CPU) / 64**2 < 900
    net = Wide()
    roomy = tiler(net, most=2**30)
    assert (roomy.size.side(500, 500), roomy.tiles(500, 500)) == (500, 1)
    tight = tiler(net, halo=3, most=40_000_000)  # whole it would hold 250 MB, and on a CPU count for twice as much
    side = tight.size.side(500, 500)
    assert 2 * 800 * (side + 6) ** 2 <= 40_000_000 < 2 * 900 * (2 * side + 6) ** 2
    lr = picture(500, 480)
    assert torch.equal(tight(lr), tiler(net, tile="off")(lr))
    assert tight.used == side
    assert tight.tiles(500, 480) == 16
    assert tiler(net, halo=200, most=1).size.side(5000, 5000) > 350  # else nearly all would be overlap


def test_memory_that_is_refused_halves_the_tiles_and_is_remembered():
    for error in (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ):
        net = Repeat(1000, error)
        cut = tiler(net, halo=2)
        lr = picture(100, 90)
        assert torch.equal(cut(lr), Repeat()(lr))
        assert cut.used == 25
        assert net.seen[:3] == [(1, 3, 100, 90), (1, 3, 52, 52), (1, 3, 27, 27)]
        net.seen.clear()
        cut(lr)
        assert (1, 3, 100, 90) not in net.seen
        assert tiler(net, tile=64)(lr).shape == (1, 3, 200, 180)


def test_tiles_shrink_between_bands_without_losing_a_row():
    class Later(Repeat):
        def forward(self, lr):
            self.most = 10**9 if len(self.seen) < 3 else 500
            return super().forward(lr)

    cut = tiler(Later(), halo=1, tile=40)
    lr = picture(101, 77)
    assert torch.equal(cut(lr), Repeat()(lr))
    assert cut.used == 20


def test_a_batch_without_memory_is_taken_apart_first():
    net = Repeat(3000)
    cut = tiler(net)
    lr = torch.cat([picture(40, 50, seed) for seed in range(3)])
    assert torch.equal(cut(lr, to_8bit), to_8bit(Repeat()(lr)))
    assert net.seen == [(3, 3, 40, 50)] + 3 * [(1, 3, 40, 50)]
    assert cut.used == 0


def test_a_batch_is_filled_up_where_it_goes_together_and_not_where_memory_takes_it_apart():
    net = Repeat(5000)
    cut = tiler(net, fill=True)
    small = torch.cat([picture(20, 50, seed) for seed in range(3)])
    for images in (small, small[:2], small[:1], picture(20, 40)):
        assert torch.equal(cut(images, to_8bit), to_8bit(Repeat()(images)))
    assert net.seen == 3 * [(3, 3, 20, 50)] + [(1, 3, 20, 40)]
    net.seen.clear()
    net.most = 2500
    assert torch.equal(cut(small[:2], to_8bit), to_8bit(Repeat()(small[:2])))
    assert net.seen == [(3, 3, 20, 50)] + 2 * [(1, 3, 20, 50)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tile": "off"}, "out of memory; --tile auto cuts the image into tiles"),
        ({"halo": None}, "out of memory, and it cannot be cut into tiles: its spec states no halo"),
        ({}, "out of memory even in tiles of 12 LR pixels and 0 around them"),
    ],
)
def test_memory_that_never_does_is_said(options, said):
    with pytest.raises(MethodError, match=f"^{re.escape(said)}"):
        tiler(Repeat(1), **options)(picture(100, 50))


def test_other_errors_are_the_methods_own():
    net = Repeat(1, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        tiler(net)(picture(40, 40))
    assert len(net.seen) == 1


def test_python_takes_tiles_too():
    lr = picture(40, 30)
    for tile in (16, "auto"):
        assert torch.equal(load("bicubic", 2, tile=tile)(lr), load("bicubic", 2, tile="off")(lr))
    batch = torch.cat([lr, picture(40, 30, 1)])
    assert torch.equal(load("bicubic", 2, tile=16)(batch), load("bicubic", 2)(batch))


def test_imresize_by_bands_is_what_alpha_counts_on():
    plane = picture(40, 9)[0, 0].double()
    assert torch.equal(imresize(plane[8:32], (72, 27))[6:-6], imresize(plane, (120, 27))[30:90])
