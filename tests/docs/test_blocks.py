"""Every block of the README and the manual: programs and commands are run, or at least understood.

A command that cannot run in a test (it downloads, needs a cluster, takes hours) stands below a comment
``<!-- not run: reason -->``. Options and names of such commands exist all the same.
"""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from srbench.cli import cli

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"(?:^<!-- not run: (.+?) -->\n)?^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
INSTALLS = "python3 -m venv "
QUICK = {
    "run": {"--dataset": "photos", "--metrics": "psnr,ssim", "--speed-seconds": "0.05", "--speed-size": "16"},
    "compare": {"--metrics": "psnr"},
    "speed": {"--size": "16", "--batch": "1", "--seconds": "0.05"},
}
"""Options that make a command take a second."""
SMALL = {"samples": "photos", "samples/cat": "photo.jpg"}
"""What the test takes instead of whole photographs."""
OF_THE_USER = {"mynet", "ours", "mine"}


@dataclass(frozen=True)
class Block:
    reason: str
    """Why it is not run; empty if it is."""
    language: str
    text: str

    @property
    def file(self) -> str:
        """The name of the program that it is, by its first line."""
        found = FILE.match(self.text)
        return found[1] if found else ""

    @property
    def commands(self) -> list[list[str]]:
        """Its commands, without the environment that is set before them."""
        if self.language not in ("", "sh"):
            return []
        lines = [shlex.split(line) for line in self.text.splitlines() if not line.startswith(INSTALLS)]
        return [line[1:] if "=" in line[0] else line for line in lines if line]


def blocks(path: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(path.read_text(encoding="utf-8"))]


def written() -> dict[str, Path]:
    """The documents that are written by hand."""
    made = {"methods", "_build"}
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    found = [path for path in files if not made & set(path.parts) and path.name != "datasets.md"]
    return {str(path.relative_to(ROOT)): path for path in sorted(found)}


DOCUMENTS = written()
WITH_BLOCKS = [name for name, path in DOCUMENTS.items() if "```" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    path = DOCUMENTS[name]
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]*)\)", text):
        file, _, _ = target.partition("#")
        if not file or ":" in file or (re.fullmatch(r"[\w-]+", file) and f"({file})=" in everything()):
            continue
        made = file.endswith(("methods/index.md", "datasets.md"))  # by the build of the manual
        assert made or (path.parent / file).exists(), target


def everything() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS.values())


@pytest.mark.parametrize("name", WITH_BLOCKS)
def test_options_and_names_of_commands_exist(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = names_that_exist()
    shelves = {"methods": names["methods"], "dataset": names["datasets"], "metrics": names["metrics"]}
    mine = OF_THE_USER | set(re.findall(r'name="([a-z0-9-]+)"', DOCUMENTS[name].read_text(encoding="utf-8")))
    for run in ("runs/a", "runs/b", "runs/first", "RUN"):
        (tmp_path / run).mkdir(parents=True)
    (tmp_path / "runs/a/run.json").touch()
    for block in blocks(DOCUMENTS[name]):
        for program, *args in block.commands:
            if program != "srbench":
                assert program in ("pip", "pytest", "python", "tox", ".venv/bin/pytest"), program
                continue
            command = cli.get_command(click.Context(cli), args[0])
            assert command is not None, args
            context = command.make_context(args[0], args[1:])
            for option, shelf in shelves.items():
                for value in context.params.get(option) or context.params.get(f"{option}s") or ():
                    if isinstance(value, str) and re.fullmatch(r"[a-z0-9.+-]+", value) and value not in mine:
                        assert value in shelf or folder_of_the_test(value), (args, value)
            method = context.params.get("method")
            assert not method or method in mine or method in names["methods"], args


@cache
def names_that_exist() -> dict[str, set[str]]:
    """The names of each kind, aliases too, as ``srbench list`` gives them."""
    listed = json.loads(CliRunner().invoke(cli, ["list", "--json"], catch_exceptions=False).stdout)
    return {
        kind: {name for entry in entries for name in (entry["name"], *entry.get("aliases", "").split(", "))}
        for kind, entries in listed.items()
    }


def folder_of_the_test(name: str) -> bool:
    return name in ("photos", "realsr")


@pytest.fixture
def folder(tmp_path, save_image, monkeypatch):
    """A working folder with the files that the documents speak of."""
    for i, folder in enumerate(("photos", "HR", "my_outputs", "realsr/HR")):
        for number in (1, 2):
            save_image(tmp_path / folder / f"{number:04}.png", 40, 36, seed=number + 10 * (i == 2))
    (tmp_path / "out").mkdir()
    (tmp_path / "realsr/LR/x4").mkdir(parents=True)
    for number in (1, 2):
        shutil.copy(tmp_path / f"my_outputs/{number:04}.png", tmp_path / f"out/{number:04}_RCAN_x4.png")
        with Image.open(tmp_path / f"realsr/HR/{number:04}.png") as hr:
            hr.resize((10, 9)).save(tmp_path / f"realsr/LR/x4/{number:04}.png")
    save_image(tmp_path / "photo.jpg")
    save_image(tmp_path / "scan.png", 60, 50)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def that_run(name: str) -> bool:
    found = blocks(DOCUMENTS[name])
    return any((b.commands and not b.reason) or (b.language == "python" and not b.file) for b in found)


@pytest.mark.parametrize("name", [name for name in WITH_BLOCKS if that_run(name)])
def test_blocks_run(name, folder, here, monkeypatch):
    names: dict[str, object] = {}
    for block in blocks(DOCUMENTS[name]):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile(quick(block.text), name, "exec"), names)
        if block.reason:
            continue
        for program, *args in block.commands:
            if program == "python":
                with monkeypatch.context() as patch:
                    patch.setattr(sys, "argv", args)
                    runpy.run_path(args[0], run_name="__main__")
            elif program == "srbench":
                done = here(*in_a_second(*args))
                assert done.returncode == 0, (args, done.stdout, done.stderr)


def in_a_second(command: str, *args: str) -> list[str]:
    """Return a command on small images, with little to compute."""
    wanted = {option: value for option, value in QUICK.get(command, {}).items() if kept(option, args)}
    given = [SMALL.get(arg, arg) for arg in args]
    return [command, *given, *(part for option in wanted.items() for part in option)]


def kept(option: str, args: tuple[str, ...]) -> bool:
    """Whether the test's value counts: datasets and metrics that a document names are its own."""
    return option not in args or option not in ("--dataset", "--metrics")


def quick(code: str) -> str:
    return code.replace('dataset="samples"', 'dataset="photos", inline=True')


def test_blocks_are_found():
    text = "\n".join(
        ["<!-- not run: why -->", "```sh", "A=1 srbench list", "```", "", "```python", "# a.py", "x", "```"]
    )
    found = [Block(*block) for block in BLOCK.findall(text + "\n")]
    assert found[0].reason == "why"
    assert found[0].commands == [["srbench", "list"]]
    assert found[1].file == "a.py"
    assert not found[1].commands


def test_every_fence_is_a_block():
    for name in WITH_BLOCKS:
        text = DOCUMENTS[name].read_text(encoding="utf-8")
        assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(blocks(DOCUMENTS[name])), name


def test_the_folder_is_usable(folder):
    with Image.open(folder / "realsr/LR/x4/0001.png") as lr:
        assert np.asarray(lr).shape == (9, 10, 3)
