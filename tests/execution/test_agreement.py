"""What another machine lacks, or has otherwise, is the reason."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from srbench.execution.events import Environment, encode
from srbench.execution.jobs import Cell, Job, Session
from srbench.execution.remote import OtherWorkerError, Terms, answer, decode_answer
from srbench.store.hashes import sha256


def test_what_another_machine_lacks_is_the_reason(tmp_path, save_image):
    """This machine plays the other one, on which files are missing or are others."""
    image = save_image(tmp_path / "set" / "a.png")
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"other")
    cells = {"a": [Cell("key", "psnr", "y")]}

    def job(expected, weights="", dataset=tmp_path / "set"):
        return Job("nearest", 2, str(dataset), cells, weights=str(weights), expected=expected)

    executor = Terms(Session("cpu", 1)).executor(tmp_path / "log")
    try:
        machine = executor.environment()
        device = machine.device

        def reason(job, device=device):
            try:
                return getattr(decode_answer(answer(executor, job, device), machine)[-1], "reason", "")
            except OtherWorkerError as error:
                return str(error)

        other, here = "0" * 16, "is not what the run was started with: it was changed since, or differs on this machine"
        assert "no such folder" in reason(job({}, dataset=tmp_path / "gone"))
        assert "w0: no such weights here" in reason(job({"weights": other}, weights=tmp_path / "w0"))
        assert f"the weights file {weights} {here}" in reason(job({"weights": other}, weights=weights))
        assert f"{here} (on " in reason(job({"plugin": other}))
        assert f"image 'a' ({image}) {here}" in reason(job({"image a": other}))
        assert f"{tmp_path} does not exist here: saving images" in reason(job({"folder": str(tmp_path)}))
        assert f"but {socket.gethostname()} has" in reason(job({}), device="cuda, another")
        events = answer(executor, job({"image a": sha256(image)}), device)
        assert [event["kind"] for event in events] == ["environment", "value", "image", "time", "done"]
        elsewhere = {
            "has numpy 1.0, not ": replace(machine, versions={**machine.versions, "numpy": "1.0"}),
            "srbench 0.2.0 has other code": replace(machine, source="0" * 16),
            "its device is 'cpu, another'": replace(machine, device="cpu, another"),
        }
        for text, other in elsewhere.items():
            with pytest.raises(OtherWorkerError, match=text):
                decode_answer([encode(other), *events[1:]], machine)
        for older in (events[1:], [], ["value"], [{"kind": "value", "key": "key"}]):
            with pytest.raises(OtherWorkerError, match="it has another version of srbench"):
                decode_answer(older, machine)
    finally:
        executor.shutdown()


def test_a_plugin_file_that_is_not_there_is_the_reason(tmp_path):
    executor = Terms(Session("cpu", 1, (str(tmp_path / "mine.py"),))).executor(tmp_path / "log")
    try:
        (event,) = decode_answer(answer(executor, Job("mine", 2, "set"), ""), Environment("cpu", "linux", None))
    finally:
        executor.shutdown()
    assert "mine.py: no such Python file (on " in event.reason
