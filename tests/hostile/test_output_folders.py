"""Folders of strangers as ``--out``: links and pipes are not written through, foreign files are not changed."""

from __future__ import annotations

import os

import pytest

from srbench.errors import SRBenchError
from srbench.results.rows import ResultsFile
from srbench.results.run_folder import FILES as OF_RUN
from srbench.system.locks import HOLDER, LOCK
from srbench.training.engine import FILES as OF_TRAINING

SECRET = b"what a link leads to"
RUN = ("run", "--methods", "nearest", "--dataset", "set", "--metrics", "psnr", "--no-speed", "--inline", "--out", "out")
TRAIN = ("train", "espcn", "--data", "set", "--steps", "1", "--device", "cpu", "--out", "out")
SPEED = ("speed", "nearest", "--sizes", "16", "--seconds", "0.01", "--out", "out")
DEGRADE = ("degrade", "set", "out", "--scale", "4")
UPSCALE = ("upscale", "nearest", "set", "out", "--scale", "4")
COMPARE = ("compare", "set/a.png", "--methods", "nearest", "--metrics", "psnr", "--out", "out/figure.pdf")
EXPORT = ("export", "espcn", "--onnx", "out/net.onnx")
SCORE = ("score", "set", "set", "--scale", "4", "--metrics", "psnr", "--out", "out")


@pytest.fixture
def work(tmp_path, monkeypatch, save_image):
    """The folder that commands run in, with images and an empty ``out``; beside it is what is not theirs."""
    (tmp_path / "beside").mkdir()
    (tmp_path / "work" / "out").mkdir(parents=True)
    (tmp_path / "beside" / "secret").write_bytes(SECRET)
    save_image(tmp_path / "work" / "set" / "a.png", 48, 48)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def refused(command, work, tree, args):
    """Run a command, which must be refused without a change."""
    before = tree(work.parent)
    assert command(*args, what=args) in (1, 2)
    after = tree(work.parent)
    for name in (f"work/out/{LOCK}", "work/out"):
        if name not in before:
            after.pop(name, None)
    assert after == before


LINKS = [
    *((RUN, name) for name in (*OF_RUN, LOCK, HOLDER)),
    (SCORE, "results.jsonl"),
    *((TRAIN, name) for name in OF_TRAINING if name not in ("samples", "tensorboard")),
    *((SPEED, name) for name in ("speed.csv", "speed.png", "worker.log")),
    (COMPARE, "figure.pdf"),
]


@pytest.mark.parametrize(("args", "name"), LINKS, ids=lambda value: value if isinstance(value, str) else value[0])
def test_links_to_files_are_not_written_through(command, work, tree, capsys, args, name):
    (work / "out" / name).symlink_to(work.parent / "beside" / "secret")
    refused(command, work, tree, args)


@pytest.mark.parametrize("args", [DEGRADE, UPSCALE], ids=lambda args: args[0])
def test_links_among_images_are_not_written_through(command, work, tree, args):
    (work / "out" / "a.png").symlink_to(work.parent / "beside" / "secret")
    refused(command, work, tree, (*args, "--overwrite"))


def test_links_to_nothing_are_not_written_through(command, work, tree):
    (work / "out" / "results.jsonl").symlink_to(work.parent / "beside" / "new")
    refused(command, work, tree, RUN)


@pytest.mark.parametrize("name", ["images", "images/set_x4", "images/set_x4/nearest"])
def test_links_to_folders_are_not_written_through(command, work, tree, name):
    path = work / "out" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(work.parent / "beside")
    refused(command, work, tree, (*RUN, "--save-images"))


@pytest.mark.parametrize("name", [*OF_RUN, LOCK, HOLDER])
def test_pipes_are_not_opened(command, work, name):
    os.mkfifo(work / "out" / name)
    assert command(*RUN) in (1, 2)


@pytest.mark.parametrize("folder", ["report", "leaderboard"])
def test_a_page_and_a_table_are_not_written_through_links(command, work, tree, folder):
    assert command(*RUN) == 0
    (work / "out" / "file.html").symlink_to(work.parent / "beside" / "secret")
    (work / "out" / "file.csv").symlink_to(work.parent / "beside" / "secret")
    target = {"report": "out/file.html", "leaderboard": "out/file.csv"}[folder]
    refused(command, work, tree, (folder, "out", "--out", target))


def test_a_device_is_not_replaced(command, work):
    assert command(*RUN) == 0
    assert command("leaderboard", "out", "--out", "/dev/null", "--format", "csv") == 1
    assert not os.path.isfile("/dev/null")  # noqa: PTH113


ROW = '{"schema":1,"kind":"job"'
FOREIGN = {
    "other rows": '{"prompt": "a", "answer": "b"}\n{"prompt": "c"}\n',
    "a line that does not end": '{"prompt": "a", "answer": "b"}',
    "a schema to come": '{"schema":2,"kind":"job"}\n',
    "a begun row of a schema to come": '{"schema":2,"ki',
    "text": "my notes\n",
    "text that does not end": "my notes",
    "an end that is no row": '{"schema":1,"kind":"note"}\nmy notes',
    "a line that is no row": '{"schema":1,"kind":"note"}\nmy notes\n{"schema":1,"kind":"note"}\n{"sch',
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_results_of_others_are_not_changed(command, work, tree, text):
    (work / "out" / "results.jsonl").write_text(text)
    refused(command, work, tree, RUN)


@pytest.mark.parametrize("text", ["[]", '{"schema": 2}', '{"name": "a project", "scripts": {}}', "not json"])
def test_descriptions_of_others_are_not_changed(command, work, tree, text):
    (work / "out" / "run.json").write_text(text)
    refused(command, work, tree, RUN)


@pytest.mark.parametrize("torn", [ROW, ROW[:3], ROW.replace(":", ": "), ROW[:14] + "\0" * 50, "\0" * 9, ""])
@pytest.mark.parametrize("whole", ["", '{"schema":1,"kind":"note"}\n'])
def test_what_a_crash_leaves_is_no_other_file(tmp_path, whole, torn):
    (tmp_path / "results.jsonl").write_text(whole + torn)
    ResultsFile(tmp_path / "results.jsonl").close()
    assert (tmp_path / "results.jsonl").read_text() == whole


def test_rows_are_not_cut_off_by_a_file_that_is_refused(tmp_path):
    file = tmp_path / "results.jsonl"
    file.write_text("x" * 2**23)
    with pytest.raises(SRBenchError, match="is no row"):
        ResultsFile(file)
    assert file.stat().st_size == 2**23


@pytest.mark.parametrize("change", ["link", "other bytes", "nothing"])
def test_compare_takes_saved_pictures_only_as_they_were_saved(command, work, capsys, change, save_image):
    assert command(*RUN, "--save-images") == 0
    file = work / "out" / "images" / "set_x4" / "nearest" / "a.png"
    if change == "link":
        file.rename(work.parent / "beside" / "a.png")
        file.symlink_to(work.parent / "beside" / "a.png")
    elif change == "other bytes":
        save_image(file, 48, 48, seed=9)
    code = command("compare", "set/a.png", "--methods", f"files:{file.parent},nearest", "--metrics", "psnr")
    assert code == (0 if change == "nothing" else 1)
