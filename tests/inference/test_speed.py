"""Parameters, MACs and memory against hand counts; times against each other, never against a clock."""

from __future__ import annotations

import pytest
import torch

from srbench.errors import MethodError
from srbench.inference.speed import SpeedSettings, measure

CPU = torch.device("cpu")
QUICK = SpeedSettings(size=16, batch=2, seconds=0.05)


class Shuffle(torch.nn.Module):
    """One 3x3 convolution and a pixel shuffle."""

    def __init__(self, scale):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 3 * scale**2, 3, padding=1)
        self.shuffle = torch.nn.PixelShuffle(scale)

    def forward(self, lr):
        return self.shuffle(self.conv(lr))


def test_counts_parameters_macs_and_memory():
    speed = measure(Shuffle(2), 2, 1, CPU, QUICK)
    assert speed.params == 12 * 3 * 9 + 12
    assert speed.macs == 2 * 16 * 16 * 12 * 3 * 9
    weights, lr, features = speed.params * 4, 2 * 3 * 16 * 16 * 4, 2 * 12 * 16 * 16 * 4
    assert speed.peak_mem_mib * 2**20 == pytest.approx(weights + lr + 2 * features, rel=0.01)


def test_throughput_and_latency_fit_together():
    speed = measure(Shuffle(2), 2, 1, CPU, QUICK)
    assert speed.iterations >= 5
    assert 0 < speed.latency_p10_ms <= speed.latency_ms <= speed.latency_p90_ms
    assert speed.mpix_per_s == pytest.approx(speed.images_per_s * 32 * 32 / 1e6)
    mean_ms = 1000 * QUICK.batch / speed.images_per_s
    assert mean_ms > speed.latency_p10_ms * 0.5


def test_more_work_takes_longer():
    small = measure(Shuffle(2), 2, 1, CPU, QUICK)
    large = measure(Shuffle(2), 2, 1, CPU, SpeedSettings(size=256, batch=2, seconds=0.3))
    assert large.latency_p10_ms > small.latency_p10_ms


def test_size_is_rounded_up_to_the_multiple():
    class Picky(Shuffle):
        def forward(self, lr):
            assert lr.shape[-1] == 20
            return super().forward(lr)

    speed = measure(Picky(2), 2, 10, CPU, QUICK)
    assert speed.mpix_per_s == pytest.approx(speed.images_per_s * 40 * 40 / 1e6)


def test_holds_the_output_to_the_contract():
    with pytest.raises(MethodError, match="shape"):
        measure(torch.nn.Identity(), 2, 1, CPU, QUICK)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_memory_is_the_allocators():
    device = torch.device("cuda")
    speed = measure(Shuffle(2).to(device), 2, 1, device, SpeedSettings(size=256, seconds=0.2))
    assert speed.peak_mem_mib * 2**20 > 256 * 256 * 12 * 4
