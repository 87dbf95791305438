"""Parameters, MACs and memory against hand counts; times against a clock that only the work moves on."""

from __future__ import annotations

import inspect

import pytest
import torch

from srbench.errors import MethodError
from srbench.inference.precision import Inference
from srbench.inference.speed import SpeedSettings, _time, count, measure, peak_flops, synchronise
from srbench.inference.upscale import upscale

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
    assert (speed.macs, type(speed.macs)) == (2 * 16 * 16 * 12 * 3 * 9, int)
    weights, lr, features = speed.params * 4, 2 * 3 * 16 * 16 * 4, 2 * 12 * 16 * 16 * 4
    assert speed.peak_mem_mib * 2**20 == pytest.approx(weights + lr + 2 * features, rel=0.01)


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


class Clock:
    """A clock that stands still but for what is done: the n-th piece of work takes the n-th of a cycle of seconds."""

    def __init__(self, *costs):
        self.now, self.costs, self.worked = 1000.0, costs, 0

    def perf_counter(self):
        return self.now

    def work(self):
        self.now += self.costs[self.worked % len(self.costs)]
        self.worked += 1


@pytest.fixture
def clock(monkeypatch):
    """Let `measure` read a clock that only the network's work moves on."""

    def start(*costs):
        clock = Clock(*costs)
        monkeypatch.setattr("srbench.inference.speed.time", clock)
        return clock

    return start


class Timed(Shuffle):
    """Takes the clock's time for each call."""

    def __init__(self, scale, clock):
        super().__init__(scale)
        self.clock = clock

    def forward(self, lr):
        assert torch.is_inference_mode_enabled()
        self.clock.work()
        return super().forward(lr)


TICK = 2**-10
"""Of a second: sums of it are exact."""


def test_figures_are_those_of_the_clock(clock):
    """Ten calls take 1 to 9 and 55 ticks: 100 in all, ten times over, wherever in the cycle timing begins."""
    ticks = clock(*(TICK * n for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 55)))
    speed = measure(Timed(2, ticks), 2, 1, CPU, SpeedSettings(size=16, batch=3, seconds=1000 * TICK))
    assert speed.iterations == 100
    # numpy's linear percentiles of 10 x 1, 10 x 2 ... 10 x 55: positions 9.9, 49.5 and 89.1 of 0 to 99
    assert speed.latency_p10_ms == pytest.approx(1000 * TICK * 1.9, rel=1e-12)
    assert speed.latency_ms == pytest.approx(1000 * TICK * 5.5, rel=1e-12)
    assert speed.latency_p90_ms == pytest.approx(1000 * TICK * (9 + 0.1 * 46), rel=1e-12)
    assert speed.images_per_s == pytest.approx(3 / (5.5 * TICK), rel=1e-12)  # as the median has it
    assert speed.mpix_per_s == pytest.approx(3 / (5.5 * TICK) * 32 * 32 / 1e6, rel=1e-12)


@pytest.mark.parametrize(
    ("cost", "seconds", "warm", "timed"),
    [
        (8.0, 1.0, 1, 5),  # one call is longer than all the time there is
        (1.0, 40.0, 10, 40),
        (1.0, 42.0, 11, 42),  # a quarter of the time, begun calls ended
        (TICK, 900 * TICK, 100, 900),
        (TICK, 10.0, 100, 1000),
    ],
)
def test_warms_up_for_a_quarter_of_the_time_and_measures_for_all_of_it(clock, cost, seconds, warm, timed):
    ticks = clock(cost)
    assert _time(ticks.work, seconds).tolist() == [cost] * timed
    assert ticks.worked == warm + timed


def test_peak_flops_are_those_of_the_fastest_product(clock, monkeypatch):
    ticks = clock(5.0, 3.0, 4.0)
    taken = []

    def product(left, right):
        assert torch.is_inference_mode_enabled()
        taken.append((left.shape, right.shape, left.dtype))
        ticks.work()

    monkeypatch.setattr(torch, "mm", product)
    assert peak_flops(CPU, "bf16", 30.0) == 2 * 2048**3 / 3
    assert set(taken) == {((2048, 2048), (2048, 2048), torch.bfloat16)}
    assert peak_flops(CPU, "fp32", 30.0) == 2 * 2048**3 / 3
    assert taken[-1][2] == torch.float32


@pytest.mark.parametrize("kind", ["cpu", "cuda", "mps"])
def test_the_clock_is_read_when_the_device_is_done(monkeypatch, kind):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append(device.type))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    synchronise(torch.device(kind))
    assert waited == ([] if kind == "cpu" else [kind])


def test_every_timed_call_waits_for_the_device(clock, monkeypatch):
    ticks = clock(1.0)
    order = []
    monkeypatch.setattr("srbench.inference.speed.synchronise", lambda device: order.append("wait"))

    class Noted(Timed):
        def forward(self, lr):
            order.append("work")
            return super().forward(lr)

    measure(Noted(2, ticks), 2, 1, CPU, SpeedSettings(size=16, batch=1, seconds=8.0))
    assert order[-20:] == ["work", "wait"] * 10


def test_without_settings_one_image_of_256_pixels_is_measured_for_two_seconds():
    assert SpeedSettings() == SpeedSettings(size=256, batch=1, seconds=2.0)


def test_a_network_outside_of_torch_has_no_macs_and_no_memory():
    net = Shuffle(2)
    net.outside_torch = True
    speed = measure(net, 2, 1, CPU, QUICK)
    assert (speed.macs, speed.peak_mem_mib) == (None, None)
    assert speed.params == 12 * 3 * 9 + 12
    assert set(speed.as_dict()) == {
        *("latency_ms", "latency_p10_ms", "latency_p90_ms", "images_per_s", "mpix_per_s"),
        *("iterations", "params", "macs", "peak_mem_mib"),
    }


def test_buffers_are_memory_and_weights_that_are_shared_count_once():
    class Tied(Shuffle):
        def __init__(self):
            super().__init__(2)
            self.register_buffer("table", torch.zeros(100_000))
            self.same = self.conv

    plain, tied = measure(Shuffle(2), 2, 1, CPU, QUICK), measure(Tied(), 2, 1, CPU, QUICK)
    assert tied.params == plain.params
    assert (tied.peak_mem_mib - plain.peak_mem_mib) * 2**20 == pytest.approx(400_000, rel=1e-9)


def test_each_pass_gets_another_tile_of_the_photographs():
    inputs = []

    class Seen(Shuffle):
        def forward(self, lr):
            inputs.append(lr.clone())
            return super().forward(lr)

    photographs = torch.arange(3 * 40 * 40).remainder(251).to(torch.uint8).reshape(3, 40, 40)
    settings = SpeedSettings(size=16, batch=2, seconds=0.02)
    measure(Seen(2), 2, 1, CPU, settings, photographs=photographs)
    assert inputs[0].shape == (2, 3, 16, 16)
    cut = {photographs[:, y : y + 16, x : x + 16].numpy().tobytes() for y in range(25) for x in range(25)}
    assert all((tile * 255).round().to(torch.uint8).numpy().tobytes() in cut for lr in inputs for tile in lr)
    timed = [lr.numpy().tobytes() for lr in inputs[3:]]  # the first ones are counted
    assert len(set(timed)) > len(timed) / 2


class Cheat(Shuffle):
    """Computes at first, for as many calls as it takes to be believed."""

    def __init__(self, scale, answer):
        super().__init__(scale)
        self.answer, self.calls = answer, 0

    def forward(self, lr):
        self.calls += 1
        sr = super().forward(lr)
        return sr if self.calls < 5 else self.answer(self, lr, sr)


def kept(net, lr, sr):
    net.last = getattr(net, "last", sr)
    return net.last


def looks(net, lr, sr):
    callers = [frame.function for frame in inspect.stack(0)]
    return sr * 0.5 if "_time" in callers else sr


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (kept, "it returns the same output for different inputs"),
        (looks, r"another when it is timed \(mean diff.* 0\.\d"),
    ],
)
def test_a_network_that_does_something_else_when_it_is_timed_is_refused(answer, reason):
    with pytest.raises(MethodError, match=reason):
        measure(Cheat(2, answer), 2, 1, CPU, QUICK)


def test_a_class_of_tensors_computes_nothing_later():
    class Lazy(torch.Tensor):
        """Computes when it is read."""

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            raise AssertionError(func)

    class Later(Shuffle):
        def forward(self, lr):
            return super().forward(lr).as_subclass(Lazy)

    measure(Later(2), 2, 1, CPU, QUICK)
    lr = torch.rand(1, 3, 8, 8)
    assert type(upscale(Later(2), lr, 2)) is torch.Tensor


def test_counts_without_timing_are_those_of_a_measurement():
    """By hand: 2 images of 16x16 pixels, 12 channels of 3x3x3 weights; on shapes alone, and where values are needed."""

    class NeedsValues(Shuffle):
        def forward(self, lr):
            return super().forward(lr if float(lr.sum()) < 1e9 else lr / 2)

    for net in (Shuffle(2), NeedsValues(2), Inference(Shuffle(2), CPU)):
        counted = count(net.eval(), 1, SpeedSettings(size=16, batch=2, timed=False))
        assert counted == {"params": 12 * 28, "macs": 2 * 16 * 16 * 12 * 27}
