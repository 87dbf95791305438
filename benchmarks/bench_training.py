"""A training step with the real sampler, beside the same step on one fixed batch: the step never waits for data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from srbench.catalog import Catalog
from srbench.training import Training
from srbench.training.devices import make_fabric
from srbench.training.patches import Patches, Pool
from srbench.training.session import Overrides

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

GROUP = "training step of espcn x4, 16 patches of 96x96"


def _step() -> Callable[[torch.Tensor, torch.Tensor], object]:
    spec = Catalog.load().models["espcn"]
    training = Training(make_fabric("cpu", "fp32"), Catalog.load(), Overrides(), 4)
    net = spec.build(4).to(memory_format=torch.channels_last)
    assert spec.recipe is not None
    recipe = spec.recipe(net, training)
    training.begin(0)
    step: Callable[[torch.Tensor, torch.Tensor], object] = recipe.step
    return step


@pytest.fixture(scope="module")
def sampler() -> Pool:
    generator = torch.Generator().manual_seed(0)
    patches = Patches(4, 96, 16)
    pool = Pool([(256, 320)] * 20, patches, torch.device("cpu"))
    for i in range(20):
        image = torch.randint(0, 256, (3, 256, 320), dtype=torch.uint8, generator=generator)
        pool.put(i, *patches.ready(image))
    return pool


@pytest.mark.benchmark(group=GROUP)
def test_fixed_batch(benchmark: BenchmarkFixture, sampler: Pool) -> None:
    step, batch = _step(), sampler.draw(0)
    assert benchmark(lambda: step(*batch))


@pytest.mark.benchmark(group=GROUP)
def test_real_sampler(benchmark: BenchmarkFixture, sampler: Pool) -> None:
    step, steps = _step(), iter(range(10**9))
    assert benchmark(lambda: step(*sampler.draw(next(steps))))


@pytest.mark.benchmark(group="sampler: 16 patches of 96x96")
def test_sampler(benchmark: BenchmarkFixture, sampler: Pool) -> None:
    steps = iter(range(10**9))
    assert benchmark(lambda: sampler.draw(next(steps)))[1].shape == (16, 3, 96, 96)
