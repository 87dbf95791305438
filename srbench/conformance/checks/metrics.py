"""Checks of a metric."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from srbench.conformance.bench import picture, require
from srbench.conformance.outcome import FaultError, SkipError
from srbench.conformance.trace import require_no_trace
from srbench.errors import AssetError, UndefinedScoreError, say
from srbench.images.tensors import to_8bit, to_float
from srbench.protocols import PROTOCOLS
from srbench.store.backbones import fetch_backbone, only_local

if TYPE_CHECKING:
    from srbench.conformance.bench import MetricBench
    from srbench.protocols import Protocol

SIDE = 96
SCALE = 4
Y = PROTOCOLS["y"]
NOISE = (1, 4, 16, 64)
"""Standard deviations of noise, in 8-bit levels."""
BLUR = (0.6, 1.2, 2.4)
"""Standard deviations of Gaussian blur, in pixels."""


def builds(bench: MetricBench) -> None:
    """The metric can be built and has both steps, unless it needs a network that is not on this machine."""
    try:
        with only_local():
            metric = bench.metric
            for name in ("prepare", "score"):
                require(
                    callable(getattr(metric, name, None)), f"build() returned {type(metric).__name__} without {name}()"
                )
            if bench.spec.backbone:
                fetch_backbone(bench.spec.backbone)
    except AssetError as error:
        raise SkipError(str(error)) from error


def _hr(seed: int = 1, height: int = SIDE, width: int = SIDE) -> torch.Tensor:
    """Return HR ``(3, H, W)``, uint8."""
    return to_8bit(picture(height, width, seed)[0])


def _noisy(hr: torch.Tensor, sigma: float) -> torch.Tensor:
    noise = torch.randn(hr.shape, generator=torch.Generator().manual_seed(5))
    return to_8bit(hr.float() / 255 + noise * sigma / 255)


def _blurred(hr: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = math.ceil(3 * sigma)
    taps = torch.exp(-(torch.arange(-reach, reach + 1).float() ** 2) / (2 * sigma**2))
    taps = taps / taps.sum()
    image = functional.pad(hr[:, None].float() / 255, (reach, reach, reach, reach), mode="replicate")
    image = functional.conv2d(functional.conv2d(image, taps[None, None, None]), taps[None, None, :, None])
    return to_8bit(image[:, 0])


def _view(bench: MetricBench, image: torch.Tensor, protocol: Protocol) -> torch.Tensor:
    """Return an image, or a batch, as srbench gives it to this metric."""
    image = image.to(bench.device)
    image = image[None] if bench.spec.batched and image.ndim == 3 else image
    if not bench.spec.uses_protocol:
        return to_float(image).view(image.shape)
    view: torch.Tensor = protocol.view(image.double(), grey=False, scale=SCALE)
    return view


def _score(bench: MetricBench, sr: torch.Tensor, hr: torch.Tensor, protocol: Protocol) -> Any:
    with torch.inference_mode():
        prepared = bench.metric.prepare(_view(bench, hr, protocol), protocol)
        return bench.metric.score(_view(bench, sr, protocol), prepared)


def _protocols(bench: MetricBench) -> list[Protocol]:
    return list(PROTOCOLS.values()) if bench.spec.uses_protocol else [Y]


def number(bench: MetricBench) -> None:
    """A score is one number under every protocol."""
    hr = _hr()
    for protocol in _protocols(bench):
        try:
            value = _score(bench, _noisy(hr, 8), hr, protocol)
        except UndefinedScoreError as error:
            raise FaultError(
                f"protocol {protocol.name}: a noisy image of {SIDE}x{SIDE} has no score: {error}"
            ) from error
        require(not isinstance(value, str), f"protocol {protocol.name}: score returned str, no number")
        try:
            number = float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise FaultError(f"protocol {protocol.name}: score returned {type(value).__name__}, no number") from error
        require(math.isfinite(number), f"protocol {protocol.name}: a noisy image scores {number}")


def _is_better(bench: MetricBench, value: float, other: float) -> bool:
    return value > other if bench.spec.better == "higher" else value < other


def identity_is_best(bench: MetricBench) -> None:
    """HR against itself scores better than any distortion of it, and not NaN."""
    for protocol in _protocols(bench):
        hr = _hr()
        best = float(_score(bench, hr, hr, protocol))
        require(not math.isnan(best), f"protocol {protocol.name}: HR against itself scores NaN")
        shifted = torch.roll(hr, 3, dims=-1)
        rivals = {"noisy": _noisy(hr, 16), "blurred": _blurred(hr, 2.4), "shifted": shifted, "mirrored": hr.flip(-1)}
        for what, rival in rivals.items():
            value = float(_score(bench, rival, hr, protocol))
            require(
                _is_better(bench, best, value),
                f"protocol {protocol.name}: HR against itself scores {best:.5g}, a {what} image {value:.5g}, "
                f"and {bench.spec.better} is better",
            )


def direction(bench: MetricBench) -> None:
    """The more noise or blur, the worse the mean score over a few images."""
    pictures = [_hr(seed) for seed in (1, 2, 3)]
    for what, distort, strengths in (("noise", _noisy, NOISE), ("blur", _blurred, BLUR)):
        means = [
            sum(float(_score(bench, distort(hr, strength), hr, Y)) for hr in pictures) / len(pictures)
            for strength in strengths
        ]
        for i in range(1, len(means)):
            require(
                _is_better(bench, means[i - 1], means[i]),
                f"{what} of {strengths[i - 1]} scores {means[i - 1]:.5g}, of {strengths[i]} {means[i]:.5g}, "
                f"and {bench.spec.better} is better",
            )


def input_stays(bench: MetricBench) -> None:
    """Neither step changes an image, and ``score`` does not change the result of ``prepare``."""
    hr, sr, other = (_view(bench, image, Y) for image in (_hr(), _noisy(_hr(), 8), _noisy(_hr(), 32)))
    before = hr.clone(), sr.clone()
    with torch.inference_mode():
        prepared = bench.metric.prepare(hr, Y)
        first = float(bench.metric.score(sr, prepared))
        require(torch.equal(before[0], hr), "prepare or score changed HR")
        require(torch.equal(before[1], sr), "score changed SR")
        bench.metric.score(other, prepared)
        again = float(bench.metric.score(sr, prepared))
    require(
        first == again, f"after another image was scored, what was prepared gives {again:.9g} instead of {first:.9g}"
    )


def deterministic(bench: MetricBench) -> None:
    """The same images have the same score."""
    hr = _hr()
    sr = _noisy(hr, 8)
    values = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        values.append(float(_score(bench, sr, hr, Y)))
    require(values[0] == values[1], f"the same images scored {values[0]:.9g}, then {values[1]:.9g}")
    with torch.inference_mode():
        prepared = bench.metric.prepare(_view(bench, hr, Y), Y)
        bench.metric.prepare(_view(bench, _hr(2), Y), Y)
        value = float(bench.metric.score(_view(bench, sr, Y), prepared))
    require(
        value == values[0],
        f"after another HR was prepared, the same images scored {value:.9g} instead of {values[0]:.9g}",
        "return what depends on HR from prepare; do not keep it in the metric",
    )


def batch(bench: MetricBench) -> None:
    """A metric that takes batches gives each image the score that it has alone, if it has one."""
    if not bench.spec.batched:
        raise SkipError("it is given one image at a time")
    flat = torch.full((3, SIDE, SIDE), 100, dtype=torch.uint8)
    several = [_hr(seed) for seed in (1, 2, 3)]
    for protocol in _protocols(bench):
        for images, perfect in ((several, -1), (several, 1), (several[:1], -1), ([*several[:2], flat], -1)):
            pairs = [(hr if i == perfect else _noisy(hr, 4 + 8 * i), hr) for i, hr in enumerate(images)]
            alone = [_score_or_nan(bench, *pair, protocol) for pair in pairs]
            sr, hr = (torch.stack(side) for side in zip(*pairs, strict=True))
            where = f"protocol {protocol.name}: a batch of {len(pairs)}"
            try:
                together = torch.as_tensor(_score(bench, sr, hr, protocol))
            except UndefinedScoreError as error:  # a run then scores each image alone
                require(any(map(math.isnan, alone)), f"{where} has no score, and each image alone has one: {error}")
                continue
            require(together.shape == (len(pairs),), f"{where} scores a result of shape {tuple(together.shape)}")
            for value, other in zip(together.tolist(), alone, strict=True):
                neither = math.isnan(value) and math.isnan(other)
                agree = neither or math.isclose(value, other, rel_tol=1e-4, abs_tol=1e-6)
                require(agree, f"{where} scores {value:.9g} where the image alone scores {other:.9g}")


def _score_or_nan(bench: MetricBench, sr: torch.Tensor, hr: torch.Tensor, protocol: Protocol) -> float:
    try:
        return float(_score(bench, sr, hr, protocol))
    except UndefinedScoreError:
        return math.nan


def small(bench: MetricBench) -> None:
    """Small and flat images have a score, or a reason why they have none; no other error is raised."""
    for side, what in ((2 * SCALE + 1, "of one pixel after the border cut"), (2 * SCALE + 6, "of 6 pixels")):
        _try(bench, _hr(height=side, width=side), what)
    _try(bench, torch.full((3, SIDE, SIDE), 100, dtype=torch.uint8), "without structure")


def _try(bench: MetricBench, hr: torch.Tensor, what: str) -> None:
    for protocol in _protocols(bench):
        try:
            float(_score(bench, _noisy(hr, 8), hr, protocol))
        except UndefinedScoreError as error:
            require(bool(str(error)), f"an image {what} has no score, and no reason is given")
        except Exception as error:
            raise FaultError(f"protocol {protocol.name}: an image {what} ends in {say(error)}") from error


def global_state(bench: MetricBench) -> None:
    """Building and scoring change no global state."""
    hr = _view(bench, _hr(), Y)

    def use() -> None:
        metric = bench.spec.build()
        with torch.inference_mode():
            metric.score(hr, metric.prepare(hr, Y))

    with only_local():
        require_no_trace(bench, use)
