"""Names, reasons and passwords: nothing in them steers a terminal, a page, a table or a spreadsheet, or is told on."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import pandas as pd
import pytest
from click.testing import CliRunner

from srbench.cli import cli
from srbench.cli.options import split_choices
from srbench.errors import AssetError, one_line, printable, without_passwords
from srbench.results.board import load_board
from srbench.results.formats import frame_to_csv, spreadsheet_text, to_csv, to_json, to_latex, to_markdown
from srbench.results.sections import sections

CANARY = "c4n4ry-0d1e-swordfish"
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "GITHUB_TOKEN": CANARY,
    "HF_TOKEN": CANARY,
    "WANDB_API_KEY": CANARY,
    "SLURM_JWT": CANARY,
    "SRBENCH_MIRROR": f"http://user:{CANARY}@127.0.0.1:9/mirror",
}
ESCAPE, BELL, CSI = "\x1b[31m\x1b]0;owned\x07", "\x07", "\x9b2J"
NAMES = [
    "=cmd|' !A0",
    f"red{ESCAPE}",
    f"c1{CSI}",
    "<script>alert(1)",
    "a|b$%&#_{}~^",
    "[x](y) `z` *w*",
    "-1+1",
    "plain",
]
FOLDER = f"+set {ESCAPE}<marquee>&amp; $x_1$ 100%"
SET = "set-31m-0-owned-marquee-amp-x_1-100"


def steers(text):
    """Say whether a text holds control characters other than line breaks."""
    return [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]


class Scripts(HTMLParser):
    """Notes each element of a page by its tag."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture
def hr(tmp_path, save_image):
    for seed, name in enumerate(NAMES):
        save_image(tmp_path / FOLDER / f"{name}.png", seed=seed)
    return tmp_path / FOLDER


SAID = f"{ESCAPE} <marquee>|\\input{{x}} =1+1, http://me:{CANARY}@host/"
BROKEN = f"""
from srbench import ModelSpec, hookimpl

def build(scale):
    raise ValueError({SAID!r})

@hookimpl
def srbench_models():
    return [ModelSpec(name="broken", summary="<img src=x onerror=alert(1)>", scales={{4}}, build=build)]
"""


def test_a_run_with_hostile_names_and_secrets_around(srbench, tmp_path, hr):
    (tmp_path / "broken.py").write_text(BROKEN)
    scored = ("--methods", "nearest,broken", "--plugin", "broken.py", "--dataset", hr, "--metrics", "psnr,lpips")
    done = srbench("run", *scored, "--no-speed", "--report", "--out", "run", **SECRETS)
    assert done.returncode == 1, done.stderr
    assert "1 failed" in done.stderr, done.stderr
    assert not steers(done.stdout + done.stderr)
    assert "red\\x1b[31m\\x1b]0;owned\\x07" in (tmp_path / "run" / "run.json").read_text().replace("\\u00", "\\x")
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {path.name for path in files} > {"run.json", "results.jsonl", "worker.log", "report.html", "leaderboard.csv"}
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path
    assert CANARY not in done.stdout + done.stderr
    assert "***@127.0.0.1" in (tmp_path / "run" / "results.jsonl").read_text()  # why LPIPS is missing

    board = load_board([tmp_path / "run"])
    (title,) = (section.title for section in sections(board))
    assert title.startswith(SET)
    for text in (to_markdown(board), to_latex(board)):
        assert not steers(text)
    for line in to_latex(board).splitlines():
        if not line.startswith("%"):
            assert not set("#$") & set(line.replace("\\$", "").replace("\\#", ""))
    assert "<" not in to_markdown(board)
    rows = list(csv.DictReader(io.StringIO(to_csv(board))))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@", "\t", "\r"))]
    assert {row["dataset"] for row in json.loads(to_json(board))} == {SET}

    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("<script>alert") == 0
    tags = Scripts(page).tags
    assert "marquee" not in tags
    assert "script" in tags  # the page's own


def test_other_commands_with_hostile_names(command, tmp_path, hr):
    def invoke(*args):
        return CliRunner().invoke(cli, [str(arg) for arg in args])

    (hr / f"{ESCAPE}damaged.png").write_bytes(b"no image")
    done = invoke("degrade", hr, tmp_path / "LR", "--scale", "2")
    assert done.exit_code == 1
    assert "\\x1b[31m\\x1b]0;owned\\x07damaged.png: is no PNG" in done.stderr
    (hr / f"{ESCAPE}damaged.png").unlink()
    scored = invoke("score", hr, hr, "--scale", "2", "--metrics", "psnr")
    assert scored.exit_code == 0
    table = invoke("score", hr, hr, "--scale", "2", "--metrics", "psnr", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(table.stdout)))
    assert {row["image"] for row in rows} >= {"'=cmd|' !A0", "'-1+1", "plain"}
    for result in (done, scored):
        assert not steers(result.stdout + result.stderr)
    assert command("run", "--methods", f"nea{ESCAPE}rest", "--dataset", hr) == 2


def test_a_training_tells_no_secrets(srbench, tmp_path, save_image):
    for seed in range(2):
        save_image(tmp_path / "HR" / f"{seed}.png", 64, 64, seed=seed)
    done = srbench("train", "espcn", "--data", "HR", "--steps", "2", "--patch", "32", "--out", "t", **SECRETS)
    assert done.returncode == 0, done.stderr
    files = [path for path in (tmp_path / "t").rglob("*") if path.is_file()]
    assert "weights.json" in {path.name for path in files}
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@host/a, ftp://x@y", "https://***@host/a, ftp://***@y"),
        ("tcp://u:p@ss@host:1", "tcp://***@host:1"),
        ('{"a": "http://u:p@h", "b": "c@d"}', '{"a": "http://***@h", "b": "c@d"}'),
        ("https://host/a@b and me@host", "https://host/a@b and me@host"),
    ],
)
def test_passwords_in_urls_are_not_shown(text, shown):
    assert without_passwords(text) == shown
    assert str(AssetError(text)) == shown
    assert one_line(ValueError(text)) == shown


def test_what_is_printable_stays_and_the_rest_is_escaped():
    assert printable("größe 超解像 a\nb") == "größe 超解像 a\nb"
    assert printable("\x1b[0m\x9b\r\udc80") == "\\x1b[0m\\x9b\\r\\udc80"


def test_only_texts_become_texts_for_a_spreadsheet():
    values = ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "a=1", "", -1.5, None, float("-inf")]
    shown = [spreadsheet_text(value) for value in values]
    assert shown == ["'=1", "'+1", "'-1", "'@a", "'\t=1", "'\r=1", *values[6:]]
    assert frame_to_csv(pd.DataFrame({"a": ["=1"], "b": [-1.5]})) == "a,b\n'=1,-1.5\n"


def test_an_equals_sign_in_a_choice_of_weights_is_part_of_the_path():
    assert split_choices(("espcn=../=y",)) == {"espcn": "../=y"}
