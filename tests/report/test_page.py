"""The page as a file: what is in it, what it may do, how large it is; what users named shows as text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import pytest

from srbench.errors import SRBenchError, UsageError
from srbench.images.picture import Picture
from srbench.images.write import write
from srbench.report.gather import gather
from srbench.report.page import MAX_BYTES, write_report
from srbench.results.formats import to_csv, to_latex, to_markdown

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = '<script>alert(1)</script>"&\u2028.png'


class Reader(HTMLParser):
    """Collects tags with their attributes, the text, and what stands in scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.raw: list[tuple[dict[str, str], str]] = []
        self._open = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open in ("script", "style"):
            self.raw.append((self.tags[-1][1] | {"tag": self._open}, data))
        else:
            self.text.append(data)

    def json(self, name):
        return json.loads(next(data for attributes, data in self.raw if attributes.get("id") == name))


@pytest.fixture
def page(made_run, ui):
    def make(run=None, **options):
        folder = (run or made_run()).finish()
        written = write_report([folder], folder / "report.html", ui, **options)
        return written, Reader(written.path)

    return make


def test_asks_nothing_of_any_network(page):
    written, read = page()
    for tag, attributes in read.tags:
        assert tag not in ("iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    assert not re.findall(r"url\((?!#)", written.path.read_text())
    assert "@import" not in written.path.read_text()


def test_policy_allows_exactly_its_own_scripts_and_styles(page):
    _, read = page()
    (policy,) = (a["content"] for t, a in read.tags if t == "meta" and "http-equiv" in a)
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts["default-src"] == "'none'"
    assert "unsafe" not in policy
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        code = [data for a, data in read.raw if a["tag"] == tag and a.get("type") != "application/json"]
        hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in code}
        assert set(parts[kind].split()) == hashes
    assert not [a for _, a in read.tags if "style" in a or any(name.startswith("on") for name in a)]


def test_same_run_same_page(page, made_run, ui):
    run = made_run()
    written, _ = page(run)
    first = written.path.read_bytes()
    write_report([run.folder], written.path, ui)
    assert written.path.read_bytes() == first


def test_what_users_named_is_text(page, made_run):
    run = made_run(
        images=("a", HOSTILE.replace("/", "\N{DIVISION SLASH}")),
        summary=f"<img src=x onerror=alert(1)>{HOSTILE}",
        dataset="<b>set</b>",
    )
    run.job("broken", "failed", f"ValueError: {HOSTILE}")
    run.hashes[HOSTILE] = "0"
    run.score("nearest", HOSTILE, "y/1", "psnr", 3.0)
    _, read = page(run)
    kinds = [a.get("type", "") for t, a in read.tags if t == "script"]
    assert kinds == ["", *["application/json"] * (len(kinds) - 2), ""]
    assert not [a for t, a in read.tags if t == "img" and not a["src"].startswith("data:")]
    assert not [t for t, _ in read.tags if t == "b" and "<b>set" in t]
    text = "".join(read.text)
    assert f"<img src=x onerror=alert(1)>{HOSTILE}" in text
    assert f"ValueError: {HOSTILE}" in text
    assert "<b>set</b> x4" in text
    names = [image["name"] for image in read.json("data")["galleries"][0]["images"]]
    assert HOSTILE in names


def test_scores_and_links_of_every_image_are_there(page, made_run):
    run = made_run(protocols=("y", "rgb"))
    written, read = page(run)
    data = read.json("data")
    (gallery,) = data["galleries"]
    assert list(gallery["metrics"]) == ["psnr", "ssim", "lpips"]
    found = gather([run.folder])
    values = {(e.identity["method"], e.identity["protocol"]): e.values for e in found.board.entries}
    for image in gallery["images"]:
        for key, link in image["whole"].items():
            target = written.path.parent / unquote(link)
            assert target.is_file()
            assert target.parent.name == key
        for protocol, methods in image["scores"].items():
            for method, scores in methods.items():
                expected = {name: by[image["name"]] for name, by in values[method, protocol].items()}
                assert scores == pytest.approx(expected, abs=1e-6)
        assert set(read.json(image["block"])) == {"LR", "HR", *run.methods}


def test_what_is_copied_adds_up_to_the_exports(page, made_run):
    run = made_run(protocols=("y", "rgb"))
    run.job("broken", "failed", "two\nlines, a comma")
    _, read = page(run)
    copies, board = read.json("copies"), gather([run.folder]).board
    assert copies["csv"]["head"] + "".join(copies["csv"]["rows"]) == to_csv(board)
    for style, whole in (("markdown", to_markdown(board)), ("latex", to_latex(board))):
        rows = iter(copies[style]["rows"])
        lines = []
        for part, frame in zip(copies[style]["sections"], board.sections(), strict=True):
            lines += [*part["head"], *(next(rows) for _ in range(len(frame))), *part["tail"]]
        assert "\n".join([*lines, *copies[style]["notes"]]).rstrip() == whole.rstrip()


def test_failed_rows_stand_last_with_their_reasons(page, made_run):
    run = made_run(protocols=("y",))
    run.job("broken", "failed", "no such luck")
    run.job("only-x2", "unsupported", "does not do x4")
    _, read = page(run)
    rows = [a.get("class", "") for t, a in read.tags if t == "tr" and "data-row" in a]
    assert rows == [""] * 8 + ["out", "out"]
    assert "no such luck" in "".join(read.text)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
def test_file_stays_within_what_was_asked(page, made_run, ui, share):
    run = made_run(size=(256, 192))
    written, _ = page(run)
    assert written.bytes <= MAX_BYTES
    limit = int(written.bytes * share)
    again = write_report([run.folder], run.folder / "small.html", ui, max_bytes=limit)
    assert again.bytes == (run.folder / "small.html").stat().st_size <= limit
    assert again.images >= 1


def test_without_room_for_pictures_they_are_linked(made_run, ui):
    folder = made_run().finish()
    written = write_report([folder], folder / "report.html", ui, max_bytes=1000)
    assert written.images == 0
    assert written.remarks == ["5 of 5 images do not fit into 1000 bytes and are linked only"]
    images = Reader(written.path).json("data")["galleries"][0]["images"]
    assert all(image["block"] == "" and image["whole"]["HR"] for image in images)


def test_a_run_without_pictures_still_has_a_page(page, made_run):
    written, read = page(made_run(pictures=False))
    assert "no picture was saved of 5 of 5 images (run --save-images)" in written.remarks[0]
    assert not read.json("data")["galleries"][0]["saved"]


def test_pictures_of_other_code_are_never_shown_under_these_scores(made_run):
    run = made_run()
    path = run.folder / "results.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    row = next(row for row in rows if row["kind"] == "picture" and row["method"] == "m3" and row["image"] == "b")
    run.rows.append({**row, "plugin": "other code"})
    (gallery,) = gather([run.finish()]).galleries
    assert "m3" not in gallery.files["b"]
    assert "m3" in gallery.files["a"]


def test_two_runs_on_one_page(made_run, ui):
    one, two = made_run("one", methods=("nearest", "m1")), made_run("two", methods=("nearest", "m2"), device="cuda, x")
    written = write_report([one.finish(), two.finish()], one.folder / "both.html", ui)
    read = Reader(written.path)
    names = [gallery["name"] for gallery in read.json("data")["galleries"]]
    assert names == ["set5 x4, cpu, one, fp32", "set5 x4, cuda, x, fp32"]
    links = [image["whole"]["HR"] for image in read.json("data")["galleries"][1]["images"]]
    assert links[0] == "../two/images/set5_x4/HR/a.png"
    assert [a["data-filter"] for t, a in read.tags if t == "select" and "data-filter" in a][-1] == "device"


def training(folder, digest_of="weights"):
    folder.mkdir()
    weights = folder / "weights.safetensors"
    weights.write_bytes(b"w")
    sha = hashlib.sha256(digest_of.encode()).hexdigest()
    (folder / "weights.json").write_text(json.dumps({"method": "m1", "sha256": sha}))
    log = [{"step": s, "loss": 1 / s, "lr": 0.1, "seconds": s} for s in (1, 2, 3)]
    log.append({"step": 3, "validation": {"psnr": 30.5}})
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log) + '{"step": 4, "lo')
    for step in (1, 2, 3):
        pixels = np.full((200, 200, 3), 10 * step, np.uint8)
        write(folder / "samples" / f"{step:07d}" / "baby.png", Picture(pixels, grey=False))
    return {"path": str(weights), "origin": "trained", "card": {"method": "m1", "data": [{"name": "t91"}]}}


def trained_run(made_run, tmp_path, **options):
    entry = training(tmp_path / "trained", **options)
    return made_run(methods=("m1", "m2"), weights={"m1": (hashlib.sha256(b"weights").hexdigest()[:16], entry)})


def test_trainings_show_curves_samples_and_card(made_run, tmp_path, page):
    run = trained_run(made_run, tmp_path)
    written, read = page(run)
    (found,) = gather([run.folder]).trainings
    assert (found.name, found.remark, len(found.log)) == ("m1 x4", "", 4)
    assert [step for step, _ in found.samples["baby"]] == [1, 2, 3]
    labels = [a["aria-label"] for t, a in read.tags if t == "svg" and " of m1 x4: " in a.get("aria-label", "")]
    assert [label.split(" of ")[0] for label in labels] == ["loss", "lr", "validation psnr"]
    assert "loss of m1 x4: 1 at step 1, 0.3333 at step 3" in labels
    pictures = [a for t, a in read.tags if t == "img"]
    assert [a["alt"] for a in pictures] == ["baby at step 1", "baby at step 2", "baby at step 3"]
    assert all(a["width"] == a["height"] == "144" for a in pictures)
    assert "data.0.name" in "".join(read.text)
    assert written.bytes


def test_curves_of_other_weights_are_not_shown(made_run, tmp_path):
    run = trained_run(made_run, tmp_path, digest_of="trained again")
    (found,) = gather([run.finish()]).trainings
    assert not found.log
    assert not found.samples
    assert "holds other weights now" in found.remark


def test_what_cannot_be_reported_is_one_line(made_run, tmp_path, ui):
    with pytest.raises(SRBenchError, match=r"run\.json does not exist"):
        write_report([tmp_path], tmp_path / "report.html", ui)
    folder = made_run().finish()
    with pytest.raises(UsageError, match="cannot sort by 'beauty'"):
        write_report([folder], folder / "report.html", ui, sort="beauty")
    with pytest.raises(SRBenchError, match="cannot be written"):
        write_report([folder], folder / "run.json" / "report.html", ui)


def test_saved_pictures_that_are_gone_or_junk_are_named(made_run, ui):
    run = made_run(methods=("bicubic", "m1", "m2"))
    folder = run.finish()
    for image in run.images:
        (folder / "images" / "set5_x4" / "m1" / f"{image}.png").unlink()
    (folder / "images" / "set5_x4" / "m2" / "a.png").unlink()
    written = write_report([folder], folder / "report.html", ui)
    again = "; the same run with --save-images saves them again"
    assert sorted(written.faults) == [
        f"set5 x4: m1: 5 of 5 pictures are missing (a, b, c and 2 more){again}",
        f"set5 x4: m2: 1 of 5 pictures are missing (a){again}",
    ]
    assert (written.remarks, written.images) == ([], 5)
    shutil.rmtree(folder / "images" / "set5_x4" / "HR")
    written = write_report([folder], folder / "report.html", ui)
    assert f"set5 x4: HR: 5 of 5 pictures are missing (a, b, c and 2 more){again}" in written.faults
    assert (written.remarks, written.images) == ([], 0)


@pytest.mark.parametrize("kind", ["HR", "LR", "m1"])
def test_a_picture_that_is_junk_costs_only_itself(made_run, ui, kind):
    folder = made_run(methods=("bicubic", "m1", "m2")).finish()
    junk = folder / "images" / "set5_x4" / kind / "b.png"
    junk.write_bytes(b"no picture")
    written = write_report([folder], folder / "report.html", ui)
    (fault,) = written.faults
    assert str(junk) in fault
    assert written.images == (5 if kind == "m1" else 4)
    assert (folder / "report.html").stat().st_size == written.bytes
