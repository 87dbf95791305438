"""The manual says what is so: figures, names, checks, columns, variables; and its gallery can be made."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
import sys
from pathlib import Path

import click
import pandas as pd
import pytest

import srbench
from srbench.cli import COMMANDS, cli

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def tables(text: str) -> list[list[str]]:
    """All rows of the tables in a text, as cells without emphasis."""
    lines = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    return [[cell.strip().replace("**", "") for cell in re.split(r"(?<!\\)\|", line)] for line in lines]


def board(dataset: str) -> dict[str, list[str]]:
    """One board of the results page, by method."""
    part = re.search(rf"### {dataset} x4\n(.*?)(?=\n##)", page("reference/results"), re.DOTALL)
    assert part
    return {row[0]: row[1:] for row in tables(part[1])[2:]}


def info(here, method: str, scale: int = 4) -> dict:
    done = here("info", method, "--scale", scale, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def cards(scale: int = 4) -> dict[str, dict]:
    """The cards of the shipped weights, by method."""
    files = (ROOT / "plugins").rglob(f"weights/*_x{scale}.json")
    return {path.stem.rpartition("_x")[0]: json.loads(path.read_text(encoding="utf-8")) for path in files}


def test_board_of_set5_agrees_with_the_cards_of_the_weights():
    compared, shipped = 0, cards()
    for method, (psnr, _, _, ssim, lpips, *_) in board("set5").items():
        if method in shipped:
            found = shipped[method]["validation"]
            assert found["dataset"] == "set5"
            assert found["protocol"] == "y/1"
            assert float(psnr) == pytest.approx(found["psnr"], abs=0.011), method  # weights are in half precision
            assert float(ssim) == pytest.approx(found["ssim"], abs=0.0011), method
            assert float(lpips) == pytest.approx(found["lpips"], abs=0.0011), method
            compared += 1
    assert compared == 12


def test_commands_that_made_the_weights_are_those_on_the_cards():
    text = page("reference/results")
    counted = 0
    for line in re.findall(r"^srbench (train .*)$", text, re.MULTILINE):
        _, method, *args = split(line)
        if "--out" in args:  # a first stage, whose weights are not shipped
            continue
        wanted = settings(method, args)
        card = cards(wanted["scale"])[method]
        _, _, name, *made = split(card["command"])
        assert name == method
        assert settings(method, made) == wanted, line
        counted += 1
    assert counted == 15


def split(line: str) -> list[str]:
    import shlex

    return shlex.split(line)


def settings(method: str, args: list[str]) -> dict:
    """What decides about the weights, of a training's command."""
    command = cli.get_command(click.Context(cli), "train")
    assert command is not None
    params = command.make_context("train", [method, *args]).params
    names = ("scale", "data", "steps", "batch", "patch", "lr", "loss", "schedule", "ema", "precision", "crop", "seed")
    return {name: params[name] for name in names}


@pytest.mark.usefixtures("mirror")
def test_figures_of_set5_come_out_again(here, tmp_path):
    options = ["--metrics", "psnr,ssim", "--no-speed", "--out", "out"]
    done = here(
        "run", "--methods", "nearest,bicubic,lanczos", "--dataset", "set5", "--protocol", "y,y-uint8,rgb", *options
    )
    assert done.returncode == 0, done.stderr
    frame = pd.read_csv(tmp_path / "out" / "leaderboard.csv").set_index(["method", "protocol"])
    results = board("set5")
    for method in ("nearest", "bicubic", "lanczos"):
        row = frame.loc[(method, "y")]
        assert [f"{row.psnr:.2f}", f"{row.ssim:.4f}"] == [results[method][0], results[method][3]]
    printed = [row for row in tables(page("reference/protocols")) if row[0] in ("bicubic", "nearest")]
    assert len(printed) == 6
    for method, protocol, set5, *_ in printed:
        row = frame.loc[(method, protocol.strip("`"))]
        assert set5 == f"{row.psnr:.3f} / {row.ssim:.4f}"


def test_choices_move_what_the_explanation_says(mirror, tmp_path, monkeypatch, capsys):
    import shutil

    (program,) = re.findall(r"```python\n(# choices\.py.*?)```", page("explanation/why-figures-disagree"), re.DOTALL)
    (tmp_path / "choices.py").write_text(program)
    (tmp_path / "HR").mkdir()
    for file in (mirror / "datasets" / "set5" / "image_SRF_4").glob("*_HR.png"):
        shutil.copy(file, tmp_path / "HR")
    monkeypatch.setattr(sys, "argv", ["choices.py", str(tmp_path / "HR")])
    runpy.run_path(str(tmp_path / "choices.py"), run_name="__main__")
    moved = re.findall(r"([\d.]+) dB  ([+-][\d.]+)\n", capsys.readouterr().out)
    printed = [row[1] for row in tables(page("explanation/why-figures-disagree"))[2:]]
    assert [moved[0][0], *(change for _, change in moved[1:])] == printed


def test_protocols_metrics_and_degradations_are_defined_in_their_version(here):
    rows = tables(page("reference/protocols"))
    listed = json.loads(here("list", "--json").stdout)
    for protocol in listed["protocols"]:
        assert any(row[0].split()[0] == f"`{protocol['name']}`" and row[1] == str(protocol["version"]) for row in rows)
    for degradation in listed["degradations"]:
        version = re.sub("@.*", "@VERSION", degradation["version"])  # that of the library that is installed
        assert any(row[0].split()[0] == f"`{degradation['name']}`" and row[1] == f"`{version}`" for row in rows)
    for metric in listed["metrics"]:
        assert any(f"`{metric['name']}`" in row[0] and metric["better"] in row for row in rows)


def test_tests_that_the_page_of_protocols_names_exist():
    names = re.findall(r"`(test_\w+)`", page("reference/protocols"))
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(names) >= 7
    for name in names:
        assert f"def {name}(" in tests, name


def test_every_check_is_described():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lists = dict(re.findall(r"^\| (plugin|method|loss|metric|dataset) \| (.*) \|$", contributing, re.MULTILINE))
    for kind, names in lists.items():
        part = re.search(rf"## {kind.capitalize()}\n(.*?)(?=\n## |\Z)", page("reference/checks"), re.DOTALL)
        assert part
        assert ", ".join(row[0] for row in tables(part[1])[2:]) == names, kind
    assert len(lists) == 5


def test_every_command_is_in_the_table_of_commands():
    assert re.findall(r'<a href="#srbench-(\w+)">', page("reference/commands")) == list(COMMANDS)


def test_every_public_name_is_in_the_api():
    text = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference" / "api").glob("*.md"))
    for name in {*srbench.__all__, "run", "load"} - {"hookimpl"}:
        assert re.search(rf":: srbench\.{name}\n", text), name
    for module in ("hookspecs", "training", "conformance", "protocols", "resize", "blocks", "features", "errors"):
        assert f".. automodule:: srbench.{module}\n" in text, module


def test_every_environment_variable_is_documented():
    text = page("reference/files")
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "srbench").rglob("*.py"))
    for name in set(re.findall(r"environ\.get\(\s*\"(SRBENCH_\w+)\"", sources)):
        assert f"`{name}`" in text, name


def test_every_column_and_file_of_a_run_is_documented(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    options = ["--metrics", "psnr,ssim", "--speed-seconds", "0.05", "--speed-size", "16", "--out", "out", "--report"]
    assert here("run", "--methods", "bicubic", "--dataset", "set", *options).returncode == 0
    text = page("reference/files")
    for column in pd.read_csv(tmp_path / "out" / "leaderboard.csv").columns:
        assert f"`{re.sub('^(ssim|lpips)', 'psnr', column)}`" in text, column
    for file in (tmp_path / "out").iterdir():
        assert file.name.startswith(".") or f"`{file.name}{'/' if file.is_dir() else ''}`" in text, file
    for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines():
        row = json.loads(line)
        described = next(cells for cells in tables(text) if cells[0] == f"`{row['kind']}`")
        named = {"method", "scale", "device", "precision", "plugin", "weights", "time", "schema", "kind"}
        assert set(re.findall(r"`(\w+)`", described[2])) == set(row) - named, row["kind"]


@pytest.fixture(scope="module")
def gallery():
    """The extension of Sphinx that makes the gallery; it needs no Sphinx until a build calls it."""
    spec = importlib.util.spec_from_file_location("method_gallery", DOCS / "_ext" / "method_gallery.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_of_the_gallery_say_what_info_says(here, gallery):
    class NoPictures:
        def save(self, method: str, digest: str) -> str:
            return f"{method}.png"

    espcn, edsr = ("\n".join(gallery.page(info(here, name), NoPictures())) for name in ("espcn", "edsr"))
    assert "espcn.png" in espcn
    assert "| parameters | 37,200 |" in espcn
    assert "## Card of the shipped weights" in espcn
    assert "No weights are shipped" in edsr
    assert ".png" not in edsr


def test_pictures_of_the_gallery_are_made_once_for_each_digest(gallery, tmp_path):
    from PIL import Image

    pictures = gallery.Pictures(tmp_path / "cache", tmp_path / "pages")

    def made(method: str, digest: str) -> bytes:
        with Image.open(tmp_path / "pages" / pictures.save(method, digest)) as image:
            assert image.size == gallery.CROP[2:]
            return image.tobytes()

    first = {name: made(name, "1") for name in ("hr", "bicubic", "espcn")}
    assert len(set(first.values())) == 3
    next((tmp_path / "cache").glob("espcn_1_*.png")).write_bytes((tmp_path / "pages" / "bicubic.png").read_bytes())
    assert made("espcn", "1") == first["bicubic"]
    assert made("espcn", "2") == first["espcn"]


def test_nothing_of_a_private_machine_is_in_the_documents():
    for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        assert "/work/" not in text, path
        assert "/root/" not in text, path
