"""Damaged image files: each is read or refused by name, whatever was done to it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("mutated_images.py")
FILES = 2_000
LONG_FILES = 50_000
PIECE = 2_000
TIMEOUT_S = 60
"""For one file; most take a millisecond."""

LONG = "SRBENCH_LONG" in os.environ


class Reader:
    """A process that reads files of a range of numbers; it may die, and is killed when it is silent."""

    def __init__(self, first: int, stop: int, folder: Path) -> None:
        self.lines: queue.Queue[str] = queue.Queue()
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}
        command = [sys.executable, SCRIPT, "read", str(first), str(stop), folder]
        with (folder / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with self.process.stdout as said:
            for line in said:
                self.lines.put(line)
        self.lines.put("")

    def next_line(self) -> dict[str, object] | str:
        """Return what it said, or how it ended."""
        try:
            line = self.lines.get(timeout=TIMEOUT_S)
        except queue.Empty:
            self.process.kill()
            self.process.wait()
            return f"no answer in {TIMEOUT_S} s"
        return json.loads(line) if line else f"it ended with code {self.process.wait()}"


def read_range(first: int, stop: int, folder: Path) -> tuple[int, list[str]]:
    """Read files; return how many were sound enough to be read, and what went wrong."""
    read, wrong, next_number = 0, [], first
    while next_number < stop:
        reader = Reader(next_number, stop, folder)
        begun = "before the first file"
        while next_number < stop:
            said = reader.next_line()
            if isinstance(said, str):
                wrong.append(f"{next_number} ({begun}): {said}")
                break
            begun = said.get("begun", begun)
            if "faults" in said:
                wrong += [f"{next_number} ({begun}): {fault}" for fault in said["faults"]]
                read += bool(said["read"])
                next_number += 1
        else:
            reader.next_line()
            continue
        if begun == "before the first file":
            break
        next_number += 1
    return read, wrong


@pytest.mark.parametrize("first", range(0, LONG_FILES if LONG else FILES, PIECE))
def test_mutated_files_are_read_or_refused_by_name(tmp_path, first):
    read, wrong = read_range(first, first + PIECE, tmp_path)
    assert not wrong, (
        f"{len(wrong)} faults; 'python tests/hostile/mutated_images.py make NUMBER FILE' makes a file again:\n"
        + "\n".join(wrong[:20])
        + f"\n{(tmp_path / 'stderr').read_text(errors='replace')[-2000:]}"
    )
    assert PIECE * 0.1 < read < PIECE * 0.9  # neither harmless nor all refused at the first byte


def test_a_number_makes_the_same_file_again(tmp_path):
    made = [
        subprocess.run([sys.executable, SCRIPT, "make", "1234", tmp_path / name], capture_output=True, check=True)
        for name in ("a", "b")
    ]
    assert made[0].stdout == made[1].stdout
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("raise ValueError", "read raised ValueError"),
        ("warnings.warn('careful')", "wrote to standard error"),
        ("os.abort()", "it ended with code -6"),
        ("import time; time.sleep(60)", "no answer in 4 s"),
    ],
)
def test_the_watch_sees_what_it_looks_for(tmp_path, monkeypatch, what, said):
    monkeypatch.setattr(f"{__name__}.TIMEOUT_S", 4 if "sleep" in what else TIMEOUT_S)
    (tmp_path / "sitecustomize.py").write_text(
        "import os, warnings\nfrom srbench.images import read as module\n"
        f"def read(path):\n    {what}\nmodule.read = read\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    _, wrong = read_range(0, 1, tmp_path)
    assert said in "\n".join(wrong)
