"""README, CONTRIBUTING, CHANGELOG and CITATION say what is so; the manual has its tests in docs/."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from srbench import hookspecs
from srbench.catalog.plugin import HOOKS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_is_short_and_shows_how_to_score_and_how_to_add():
    assert len(README.splitlines()) <= 130
    assert "## Score your own outputs" in README
    assert "## Add your network" in README


def test_table_of_the_readme_is_what_its_command_gives(here, tmp_path):
    (command,) = re.findall(r"&& \.venv/bin/srbench (run .*)\n", README)
    done = here(*command.split(), "--metrics", "psnr,ssim", "--no-speed", "--out", "out")
    assert done.returncode == 0, done.stderr
    board = pd.read_csv(tmp_path / "out" / "leaderboard.csv").set_index("method")
    printed = re.findall(
        r"^\| (\w+) +\| +([\d.]+)\*? \| +([\d.]+ to [\d.]+) \| +(\w+) \| +([\d.]+)\*? \|", README, re.MULTILINE
    )
    assert [row[0] for row in printed] == list(board.index)
    for method, psnr, interval, verdict, ssim in printed:
        row = board.loc[method]
        assert float(psnr) == pytest.approx(row.psnr, abs=0.0051)
        assert float(ssim) == pytest.approx(row.ssim, abs=0.000051)
        assert [float(end) for end in interval.split(" to ")] == pytest.approx(
            [row.psnr_low, row.psnr_high], abs=0.0051
        )
        assert verdict == row.vs_best


def test_readme_counts_the_methods_that_there_are(here):
    methods = [
        entry for entry in json.loads(here("list", "methods", "--json").stdout)["methods"] if "files" not in entry
    ]
    shipped = {path.name.rpartition("_x")[0] for path in (ROOT / "plugins").rglob("*_x*.safetensors")}
    assert f"| {len(methods)} methods |" in README
    assert f"; {len(shipped)} of them with weights" in README


def test_citation_is_of_the_last_release():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert "\n## [Unreleased]\n" in changelog
    version, date = re.findall(r"^## \[([\d.]+)\] - ([\d-]+)$", changelog, re.MULTILINE)[0]
    assert f"\nversion: {version}\n" in citation
    assert f'\ndate-released: "{date}"\n' in citation


def test_plugin_of_the_readme_has_15_lines_and_works(here, tmp_path, save_image):
    (code,) = re.findall(r"```python\n(# sharpened\.py.*?)```", README, flags=re.DOTALL)
    assert len(code.splitlines()) <= 15
    (tmp_path / "sharpened.py").write_text(code)
    save_image(tmp_path / "set" / "a.png")
    (command,) = re.findall(r"```\nsrbench (run .*--plugin sharpened\.py)\n```", README)
    options = ["--dataset", "set", "--metrics", "psnr", "--speed-seconds", 0.1, "--speed-size", 16, "--out", "out"]
    done = here(*command.split(), *options)
    assert done.returncode == 0, done.stderr
    board = pd.read_csv(tmp_path / "out" / "leaderboard.csv").set_index("method")
    assert (board.status == "ok").all()
    assert board.psnr["sharpened"] != board.psnr["bicubic"]


def test_recipe_of_contributing_passes_every_check(tmp_path):
    from srbench.conformance import check

    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(# consistent\.py.*?)```", contributing, flags=re.DOTALL)
    (tmp_path / "consistent.py").write_text(code)
    results = {result.check: result for result in check(plugins=[tmp_path / "consistent.py"])}
    assert not [result for result in results.values() if result.status == "failed"]
    assert results["learns"].status == results["halo"].status == "passed"


def test_every_hook_is_documented_with_its_signature():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace(r"\|", "|")  # as tables write it
    for name in HOOKS:
        signature = inspect.signature(getattr(hookspecs, name))
        assert f"`{name}{signature}`".replace("'", "") in contributing


def test_what_specs_hold_is_documented_with_its_signature():
    from srbench import specs
    from srbench.training import Recipe

    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace(r"\|", "|")  # as tables write it
    for owner, name in ((Recipe, "step"), (Recipe, "state"), (specs.Metric, "prepare"), (specs.Metric, "score")):
        signature = inspect.signature(getattr(owner, name))
        assert f"| `{name}{signature}` | `{owner.__name__}` |".replace("'", "") in contributing


def test_python_of_the_readme_works(tmp_path, save_image, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(import srbench\n.*?)```", README, flags=re.DOTALL)
    assert len(code.splitlines()) == 4
    save_image(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert re.search(r"lanczos +\d\d\.\d+ +0\.\d+", capsys.readouterr().out)
    with Image.open(tmp_path / "photo_x4.png") as large:
        assert large.size == (160, 144)


def test_the_manuals_way_to_a_plugin_is_the_one_that_is_tested():
    manual = (ROOT / "docs" / "tutorial" / "your-method.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(pip install \./mynet\n.*?)```", manual, flags=re.DOTALL)
    assert block.splitlines() == [
        "pip install ./mynet",
        "srbench check mynet",
        "srbench run --methods mynet,bicubic",
    ]


def test_manual_and_readme_show_the_same_plugin():
    pattern = r"```python\n(# sharpened\.py.*?)```"
    manual = (ROOT / "docs" / "tutorial" / "your-method.md").read_text(encoding="utf-8")
    assert re.findall(pattern, manual, flags=re.DOTALL) == re.findall(pattern, README, flags=re.DOTALL)


def test_ci_runs_the_readmes_second_command():
    commands = re.findall(r"```\n(python3 -m venv .*)\n```", README)
    assert len(commands) == 2
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith(commands[1])


def test_every_shipped_plugin_module_has_its_entry_point():
    import tomllib

    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["srbench"]
    folder = ROOT / "plugins" / "srbench_plugins"
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert {value.removeprefix("srbench_plugins.") for value in points.values()} == modules - {"__init__"}
