"""``srbench speed``: curves over sizes and batches, and where they end."""

from __future__ import annotations

import pandas as pd
import pytest

PLUGIN = """
from srbench import ModelSpec, hookimpl

def net(limit):
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 12, 3, padding=1)

        def forward(self, lr):
            if lr.shape[-1] > limit:
                raise MemoryError
            return torch.nn.functional.pixel_shuffle(self.conv(lr), 2)

    return Net()

@hookimpl
def srbench_models():
    return [
        ModelSpec(name="small", summary="x", scales={2}, build=lambda scale: net(16)),
        ModelSpec(name="large", summary="x", scales={2}, build=lambda scale: net(10**6), precisions=["fp32"]),
    ]
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    return path


def test_a_curve_ends_where_memory_does(here, plugin, tmp_path):
    asked = ["speed", "--methods", "small,large,bicubic", "--plugin", plugin, "--scale", 2, "--size", "32,16,8"]
    result = here(*asked, "--batch", "1,3", "--seconds", 0.02, "--threads", 1)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("curve ends: small x2, 1 of 32x32: out of memory") == 1
    table = pd.read_csv(tmp_path / "speed" / "speed.csv")
    points = {(row.method, row.batch, row.size_) for row in table.rename(columns={"size": "size_"}).itertuples()}
    assert points == {
        *(("small", batch, size) for batch in (1, 3) for size in (8, 16)),
        *((method, batch, size) for method in ("large", "bicubic") for batch in (1, 3) for size in (8, 16, 32)),
    }
    large = table[table["method"] == "large"].set_index(["batch", "size"])
    assert (large["macs"] == [3 * 12 * 9 * b * s * s for b, s in large.index]).all()
    assert large["roofline"].between(0, 2, inclusive="neither").all()
    assert large["gflops"].to_numpy() == pytest.approx((2e-6 * large["macs"] / large["latency_ms"]).to_numpy())
    assert (tmp_path / "speed" / "speed.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--methods", "bicubic", "--size", "64,big"], "'64,big' is not a list of whole numbers from 8 to 8192"),
        (["--methods", "bicubic", "--batch", "0"], "'0' is not a list of whole numbers from 1 to 1024"),
        (["--methods", "bicubi"], "did you mean 'bicubic'?"),
        (["--methods", "large"], "large does not do x4; it does x2"),
        (["--methods", "large", "--scale", "2", "--precision", "bf16"], "large does not do bf16"),
        (["--methods", "bicubic", "--weights", "espcn=x"], "--weights names espcn, which is not among --methods"),
    ],
)
def test_wrong_usage_is_one_line(here, plugin, options, said):
    result = here("speed", "--plugin", plugin, *options)
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2


def test_a_method_without_weights_fails_and_says_how_to_get_them(here, tmp_path):
    result = here("speed", "--methods", "espcn,nearest", "--scale", 3, "--size", 8, "--seconds", 0.02, "--threads", 1)
    assert result.returncode == 1
    assert "failed: espcn x3, 1 of 8x8: no weights for x3: 'srbench train espcn" in result.stderr
    assert list(pd.read_csv(tmp_path / "speed" / "speed.csv")["method"]) == ["nearest"]


def test_without_any_result_nothing_is_shown_or_saved(here, plugin, tmp_path):
    quick = ["--scale", 2, "--seconds", 0.02, "--threads", 1]
    result = here("speed", "--methods", "small", "--plugin", plugin, "--size", 32, *quick)
    assert (result.returncode, result.stdout) == (1, "")
    assert "curve ends: small x2, 1 of 32x32: out of memory" in result.stderr
    assert not (tmp_path / "speed" / "speed.csv").exists()
    result = here("speed", "--methods", "small,bicubic", "--plugin", plugin, "--size", 32, *quick)
    assert result.returncode == 1  # one of the two has no result
    assert list(pd.read_csv(tmp_path / "speed" / "speed.csv")["method"]) == ["bicubic"]
