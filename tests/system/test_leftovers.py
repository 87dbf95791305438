"""What killed processes leave is removed, and what running ones use is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from srbench.system import leftovers
from srbench.system.atomic import replacing, write_text
from srbench.system.leftovers import MACHINE, OLD_S, claim, release, remove_leftovers, scratch, temporary_path


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def running():
    """The number of a process that runs."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process.pid
        process.kill()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_of_dead_processes_are_removed_and_no_others(tmp_path, dead, running):
    kept = [f".a.{MACHINE}-{running}.png", ".a.png", "a.png", f"a.{MACHINE}-{dead}.png", ".lock", ".b.0123-4.png"]
    kept += [".a.00000000-1.png", f".x{MACHINE}-{dead}.png"]  # another machine's, and no name of srbench's
    for name in (*kept, f".a.{MACHINE}-{dead}.png", f".a.b.{MACHINE}-{dead}", f".a.{MACHINE}-{dead}.jsonl"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted(kept)


def test_files_of_other_machines_are_removed_when_they_are_old(tmp_path):
    for name, age in (("new", OLD_S - 60), ("old", OLD_S + 60)):
        path = tmp_path / f".{name}.00000000-1.png"
        path.touch()
        os.utime(path, times=(time.time() - age,) * 2)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [".new.00000000-1.png"]


def test_a_killed_write_is_cleaned_up_by_the_next_one(tmp_path):
    code = "import sys, os, time; from pathlib import Path; from srbench.system.atomic import replacing\n"
    code += "with replacing(Path(sys.argv[1])) as file: file.write_text('x'); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "t.txt")], stdout=subprocess.PIPE)
    process.stdout.readline()
    write_text(tmp_path / "other.txt", "")
    assert len(names(tmp_path)) == 2  # it still runs
    process.send_signal(signal.SIGKILL)
    process.communicate()
    write_text(tmp_path / "other.txt", "")
    assert names(tmp_path) == ["other.txt"]


def test_temporary_files_are_told_by_their_names(tmp_path):
    for name in ("a.png", "results", "x" * 200 + ".json", "a.b.c"):
        assert leftovers.OWNED.fullmatch(temporary_path(tmp_path / name).name), name
    with replacing(tmp_path / "a.png") as temporary:
        temporary.touch()
        remove_leftovers(tmp_path)
        assert temporary.exists()


def test_scratch_folders_of_dead_processes_are_removed(tmp_path, dead, running):
    (tmp_path / "precious").mkdir()
    for name in (f"do-{MACHINE}-{dead}-abc", f"do-{MACHINE}-{running}-abc", f"other-{MACHINE}-{dead}-abc"):
        (tmp_path / name / "inside").mkdir(parents=True)
    (tmp_path / f"do-{MACHINE}-{dead}-link").symlink_to(tmp_path / "precious")
    with scratch("do-", tmp_path) as folder:
        assert Path(folder).parent == tmp_path
        assert len(names(tmp_path)) == 5
        with scratch("do-", tmp_path):
            assert Path(folder).is_dir()
    assert f"do-{MACHINE}-{dead}-abc" not in names(tmp_path)
    assert len(names(tmp_path)) == 4


def test_claimed_folders_of_dead_processes_are_removed_and_logs_are_kept(tmp_path, dead):
    parent = tmp_path / "slurm"
    claim(parent / "killed")
    (parent / "killed" / leftovers.OWNER).write_text(f".{MACHINE}-{dead}")
    claim(parent / "failed")
    release(parent / "failed", keep=True)
    claim(parent / "mine")
    claim(parent / "mine-too")
    assert names(parent) == ["failed", "mine", "mine-too"]
    for name in ("mine", "mine-too"):
        release(parent / name, keep=False)
    assert names(parent) == ["failed"]
    release(parent / "failed", keep=False)
    assert not parent.exists()
