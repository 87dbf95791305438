"""A child process answers line by line, says why it refused or how it died, and leaves nothing behind."""

from __future__ import annotations

import json
import time

import psutil
import pytest

from srbench.errors import SRBenchError
from srbench.system.child import Child, Exit, _numbered

SERVER = """
import os, sys, time
from srbench.errors import SRBenchError
from srbench.system.child import serve

def start(hello):
    if hello.get("refuse"):
        raise SRBenchError("no such device")
    if hello.get("exit"):
        sys.exit(hello["exit"])
    print("a plugin's greeting")

    def handle(line, emit):
        line = line.rstrip("\\n")
        print("what a plugin prints")
        if line == "die":
            os._exit(3)
        if line == "sleep":
            time.sleep(60)
        if line == "fork" and os.fork() == 0:
            time.sleep(0.1)  # the copy answers, too, and then waits for lines
            emit({"echo": "copy"})
            time.sleep(60)
        emit({"echo": line})
        if line == "twice":
            emit({"echo": "late"})

    return {"pid": os.getpid(), **hello}, handle

serve(start)
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    (tmp_path / "child_that_serves.py").write_text(SERVER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # prints reach the log without it too
    children = []

    def begin(**hello):
        children.append(Child("child_that_serves", hello, tmp_path / "log"))
        return children[-1]

    yield begin
    for child in children:
        child.kill()


def test_lines_are_answered_in_order_and_prints_go_to_the_log(start, tmp_path):
    child = start(name="ä")
    assert child.greeting["name"] == "ä"
    for line in ("one", "two"):
        child.send(line)
        assert child.receive(60) == {"echo": line}
    printed, end = ["a plugin's greeting", *["what a plugin prints"] * 2], time.monotonic() + 30
    while (tmp_path / "log").read_text().splitlines() != printed:  # it may arrive after the answers
        assert time.monotonic() < end
        time.sleep(0.01)
    assert child.alive()
    assert child.ended() is None
    assert child.memory() > 2**20


def test_answers_to_an_earlier_line_are_dropped_and_counted(start):
    child = start()
    child.send("twice")
    assert child.receive(60) == {"echo": "twice"}
    time.sleep(0.3)  # the second one is there
    assert child.take_strays() == 0
    child.send("one")
    assert child.receive(60) == {"echo": "one"}
    assert child.take_strays() == 1
    assert child.take_strays() == 0


def test_lines_of_another_form_are_dropped_and_counted():
    for line in (b"", b"progress: 3", b"{}", b"[1]", b'["1", {}]', b"[1, 2]", b"[" * 99_999):
        assert _numbered(line) is None
    assert _numbered(b'[1, {"a": 2}]') == (1, {"a": 2})


def test_a_copy_of_the_child_cannot_answer(start):
    child = start()
    child.send("fork")
    assert child.receive(60) == {"echo": "fork"}
    assert child.receive(0.5) is None
    child.send("one")
    assert child.receive(60) == {"echo": "one"}
    assert child.take_strays() == 0


def test_a_refusal_is_the_reason(start):
    with pytest.raises(SRBenchError, match=r"^no such device$"):
        start(refuse=True)


def test_a_child_that_does_not_start_names_the_log(start, tmp_path):
    with pytest.raises(SRBenchError) as caught:
        start(exit=5)
    assert str(caught.value) == f"the worker did not start; see {tmp_path / 'log'}"


def test_its_end_is_the_last_answer(start):
    child = start()
    child.send("die")
    assert child.receive(60) == Exit(3)
    assert child.ended() == 3
    assert not child.alive()
    child.send("to nobody")


def test_no_answer_in_time_is_none_and_killing_ends_it_at_once(start):
    child = start()
    child.send("sleep")
    assert child.receive(0.05) is None
    began = time.monotonic()
    child.kill()
    assert time.monotonic() - began < 30
    assert not psutil.pid_exists(child.greeting["pid"])
    assert child.receive(10) == Exit(-9)
    assert child.memory() == 0


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-9, "the worker was killed (SIGKILL): most likely out of memory"),
        (-11, "the worker crashed (SIGSEGV)"),
        (0, "the worker process exited (exit code 0)"),
        (3, "the worker process exited (exit code 3)"),
    ],
)
def test_a_death_is_told_by_its_exit_code(code, said):
    assert Exit(code).reason == said


def test_greetings_are_json(start):
    assert json.loads(json.dumps(start(number=1.5).greeting))["number"] == 1.5
