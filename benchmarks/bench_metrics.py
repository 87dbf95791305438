"""Scoring as a run does it, several methods sharing each HR, beside what people would call instead, pair by pair."""

from __future__ import annotations

import warnings
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from benchmarks.side_by_side import side_by_side
from srbench.catalog.catalog import Catalog
from srbench.errors import AssetError
from srbench.protocols import PROTOCOLS
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import Sample
from srbench.scoring.scorer import Scorer
from srbench.store.backbones import load_features, only_local

if TYPE_CHECKING:
    from collections.abc import Callable

    import lpips
    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

METHODS = 4
SCALE = 4
MEGAPIXELS = METHODS * 480 * 320 / 1e6
WHAT = f"a 480x320 pair, {METHODS} methods sharing the HR"
SSIM = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}


@pytest.fixture(scope="module")
def hr() -> torch.Tensor:
    """A smooth random picture: metrics take as long on any, but LPIPS of pure noise would mean little."""
    coarse = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0)) * 255
    return torch.nn.functional.interpolate(coarse, (320, 480), mode="bicubic").clamp(0, 255).to(torch.uint8)[0]


@pytest.fixture(scope="module")
def outputs(hr: torch.Tensor) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    noise = 8 * torch.randn(METHODS, *hr.shape, generator=generator)
    return list((hr + noise).clamp(0, 255).to(torch.uint8))


def scored(hr: torch.Tensor, outputs: list[torch.Tensor], names: tuple[str, ...]) -> Callable[[], list[float]]:
    """Score every output by srbench, from 8-bit RGB; the reference's part is computed anew each time."""
    specs = [Catalog.load().metrics[name] for name in names]
    scorer, sample = Scorer(ReferenceStore(2**25)), Sample("image", hr, hr, grey=False, scale=SCALE)
    rounds = count()

    def score() -> list[float]:
        key = f"round {next(rounds)}"  # the store forgets the oldest
        found = [scorer.score(sr, sample, PROTOCOLS["y"], spec, key).value for sr in outputs for spec in specs]
        return [value for value in found if value is not None]

    return score


def luma(image: torch.Tensor) -> NDArray[np.float64]:
    """BT.601 luma of an 8-bit image without its border, as evaluation scripts compute it."""
    values: NDArray[np.float64] = image.permute(1, 2, 0).numpy() @ np.array([65.481, 128.553, 24.966]) / 255 + 16
    return values[SCALE:-SCALE, SCALE:-SCALE]


def scikit_image(sr: torch.Tensor, hr: torch.Tensor) -> list[float]:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    ours, theirs = luma(sr), luma(hr)
    return [peak_signal_noise_ratio(theirs, ours, data_range=255), structural_similarity(theirs, ours, **SSIM)]


def _luma_tensor(image: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(luma(image))[None, None]


def torchmetrics_pair(sr: torch.Tensor, hr: torch.Tensor) -> list[float]:
    from torchmetrics.functional import image as tm

    ours, theirs = _luma_tensor(sr), _luma_tensor(hr)
    similar = tm.structural_similarity_index_measure(ours, theirs, data_range=255.0)
    return [float(tm.peak_signal_noise_ratio(ours, theirs, data_range=255.0)), float(similar)]  # type: ignore[arg-type]


def piq_pair(sr: torch.Tensor, hr: torch.Tensor) -> list[float]:
    import piq

    ours, theirs = _luma_tensor(sr), _luma_tensor(hr)
    return [float(piq.psnr(ours, theirs, 255)), float(piq.ssim(ours, theirs, data_range=255, downsample=False))]


OTHERS = {"scikit-image": scikit_image, "torchmetrics": torchmetrics_pair, "piq": piq_pair}


@pytest.mark.benchmark(group=f"PSNR and SSIM of {WHAT}")
@pytest.mark.parametrize("other", OTHERS)
def test_psnr_and_ssim(benchmark: BenchmarkFixture, hr: torch.Tensor, outputs: list[torch.Tensor], other: str) -> None:
    """At least twice as fast as scikit-image, at its values."""
    ours = scored(hr, outputs, ("psnr", "ssim"))
    benchmark.extra_info["megapixels"] = MEGAPIXELS

    def theirs() -> list[float]:
        return [value for sr in outputs for value in OTHERS[other](sr, hr)]

    values = benchmark.pedantic(theirs, rounds=5, warmup_rounds=1)
    if other != "torchmetrics":  # it pads what the others leave out
        assert ours() == pytest.approx(values, abs=2e-6 if other == "scikit-image" else 1e-3)
    if benchmark.enabled:
        ratio = side_by_side(ours, theirs, rounds=15)
        benchmark.extra_info[f"times as fast as {other}"] = round(ratio, 2)
        assert other != "scikit-image" or ratio >= 2.0


@pytest.mark.benchmark(group=f"PSNR and SSIM of {WHAT}")
def test_psnr_and_ssim_by_srbench(benchmark: BenchmarkFixture, hr: torch.Tensor, outputs: list[torch.Tensor]) -> None:
    benchmark.extra_info["megapixels"] = MEGAPIXELS
    assert len(benchmark(scored(hr, outputs, ("psnr", "ssim")))) == 2 * METHODS


@pytest.fixture(scope="module")
def lpips_package() -> lpips.LPIPS:
    import lpips

    """The package's own network with the weights that srbench uses."""
    try:
        with only_local():
            weights = load_features("alexnet")
    except AssetError:
        pytest.skip("needs AlexNet's weights (srbench fetch alexnet, or SRBENCH_MIRROR)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval().requires_grad_(requires_grad=False)
    names = model.net.state_dict()
    model.net.load_state_dict({name: weights[f"features.{name.split('.', 1)[1]}"] for name in names})
    return model


@pytest.mark.benchmark(group=f"LPIPS of {WHAT}")
def test_lpips(
    benchmark: BenchmarkFixture, hr: torch.Tensor, outputs: list[torch.Tensor], lpips_package: lpips.LPIPS
) -> None:
    """At least 1.4 times as fast as the lpips package pair by pair (2 * 4 / 5 = 1.6 is the ceiling), at its values."""
    ours = scored(hr, outputs, ("lpips",))
    benchmark.extra_info["megapixels"] = MEGAPIXELS

    @torch.inference_mode()
    def theirs() -> list[float]:
        pairs = ((sr[None].float() / 127.5 - 1, hr[None].float() / 127.5 - 1) for sr in outputs)
        return [float(lpips_package(first, second)) for first, second in pairs]

    values = benchmark.pedantic(theirs, rounds=3, warmup_rounds=1)
    assert ours() == pytest.approx(values, abs=1e-6)
    if benchmark.enabled:
        ratio = side_by_side(ours, theirs, rounds=15)
        benchmark.extra_info["times as fast as lpips"] = round(ratio, 2)
        assert ratio >= 1.4


@pytest.mark.usefixtures("lpips_package")
@pytest.mark.benchmark(group=f"LPIPS of {WHAT}")
def test_lpips_by_srbench(benchmark: BenchmarkFixture, hr: torch.Tensor, outputs: list[torch.Tensor]) -> None:
    benchmark.extra_info["megapixels"] = MEGAPIXELS
    assert len(benchmark.pedantic(scored(hr, outputs, ("lpips",)), rounds=5, warmup_rounds=1)) == METHODS
