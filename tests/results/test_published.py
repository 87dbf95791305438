"""A board beside what papers print: what is reproduced is within, what is not says by how much."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from io import StringIO

import pandas as pd
import pytest
from click.testing import CliRunner

from srbench.catalog.catalog import Catalog
from srbench.cli.leaderboard import leaderboard_command
from srbench.cli.run import run_command
from srbench.results.published import Comparison
from srbench.specs import MetricSpec, Published


def invoke(command, *args):
    done = CliRunner().invoke(command, [*map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def spec(name, better):
    """A metric with the tolerances that srbench's own have, and two digits."""
    tolerance = {"psnr": 0.05, "ssim": 0.002}.get(name)
    return MetricSpec(name=name, summary=name, build=object, better=better, decimals=2, tolerance=tolerance)


@pytest.mark.parametrize(
    ("metric", "better", "printed", "ours", "verdict"),
    [
        ("psnr", "higher", 28.42, 28.46, "within"),
        ("psnr", "higher", 28.42, 30.00, "above by 1.58 (better)"),
        ("psnr", "higher", 32.05, 31.00, "below by 1.05 (worse)"),
        ("ssim", "higher", 0.8104, 0.8085, "within"),
        ("lpips", "lower", 0.0882, 0.1882, "above by 0.10 (worse)"),
        ("lpips", "lower", 0.3407, 0.1407, "below by 0.20 (better)"),
        ("psnr", "higher", 28.42, math.nan, "not scored"),
    ],
)
def test_verdicts(metric, better, printed, ours, verdict):
    figure = Published("set5", 4, metric, printed, "y", "a paper")
    assert Comparison(figure, {}, ours, spec(metric, better), "").verdict == verdict


def test_bicubic_reproduces_what_papers_print(mirror, tmp_path):
    invoke(run_command, "--methods", "bicubic,nearest", "--dataset", "set5", "--no-speed", "--out", tmp_path / "run")
    text = invoke(leaderboard_command, tmp_path / "run", "--against-published", "--format", "csv")
    frame = pd.read_csv(StringIO(text))
    assert set(frame["method"]) == {"bicubic", "nearest"}
    assert set(frame.loc[frame["method"] == "bicubic", "metric"]) == {"psnr", "ssim", "lpips"}
    assert (frame["verdict"] == "within").all()
    assert (frame["difference"] == frame["ours"] - frame["published"]).all()
    assert set(frame["our_protocol"]) == {"y"}
    shown = invoke(leaderboard_command, tmp_path / "run", "--against-published", "--format", "markdown")
    assert "| bicubic | set5 x4 | psnr | 28.42 | y-uint8 | 28.43 | y | within | - |" in shown
    assert "ESRGAN supplement, Table 2" in shown
    assert "28.42" in invoke(leaderboard_command, tmp_path / "run", "--against-published")


def test_own_protocols_go_together_and_cards_say_how_long_was_trained(tmp_path, save_image):
    spec = Catalog.load().models["bicubic"]
    plugin = tmp_path / "same.py"
    plugin.write_text(
        "from srbench import ModelSpec, Published, hookimpl\n"
        "@hookimpl\n"
        "def srbench_models():\n"
        "    def build(scale):\n"
        "        from srbench_plugins import interpolation\n"
        "        return interpolation.build('bicubic', scale)\n"
        "    figures = [Published('photos', 4, 'psnr', 99.0, p, 'nobody') for p in ('y', 'y-uint8', 'rgb', 'theirs')]\n"
        "    return [ModelSpec(name='same', summary='s', scales={4}, build=build, published=figures)]\n"
    )
    assert spec.published
    for i in range(2):
        save_image(tmp_path / "photos" / f"{i}.png", 48, 48, seed=i)
    run = ["--methods", "same", "--plugin", plugin, "--dataset", tmp_path / "photos", "--metrics", "psnr", "--no-speed"]
    invoke(run_command, *run, "--protocol", "y,rgb", "--inline", "--out", tmp_path / "run")
    file = tmp_path / "run" / "run.json"
    found = ["--against-published", "--plugin", plugin, "--format", "json"]
    rows = json.loads(invoke(leaderboard_command, tmp_path / "run", *found))
    pairs = {row["protocol"]: row["our_protocol"] for row in rows}
    assert pairs == {"y": "y", "y-uint8": "y", "rgb": "rgb", "theirs": "y"}
    assert all(row["trained"] == "" for row in rows)
    described = json.loads(file.read_text())
    assert described["weights"] == {}
    assert json.loads(invoke(leaderboard_command, tmp_path / "run", "--against-published", "--format", "json")) == []


def test_a_card_says_how_long_ours_was_trained():
    from srbench.results.published import _trained

    card = {"steps_done": 20000, "data": [{"name": "t91", "images": 91}, {"name": "general100", "images": 100}]}
    assert _trained(card) == "20,000 steps on 191 images"
    assert _trained({"data": 3}) == ""
    figure = Published("set5", 4, "psnr", 1.0, "y", "a paper")
    comparison = Comparison(
        figure,
        {"method": "m", "protocol": "y", "device": "d", "precision": "fp32"},
        1.0,
        spec("psnr", "higher"),
        "",
    )
    assert replace(comparison, trained=_trained(card)).record()["trained"] == "20,000 steps on 191 images"
