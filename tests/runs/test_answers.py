"""A job owes each value and each image once."""

from __future__ import annotations

from srbench.errors import Code
from srbench.execution.events import ImageDone, Remarked, ValueScored
from srbench.execution.jobs import Cell, Job
from srbench.runs.answers import Owed

JOB = Job("nearest", 2, "set", {"a": [Cell("k1", "psnr", "y"), Cell("k2", "ssim", "y")], "b": []})


def test_each_answer_is_taken_once():
    owed = Owed(JOB)
    assert owed.takes(ValueScored("k1", 1.0))
    assert not owed.takes(ValueScored("k1", 2.0))
    assert not owed.takes(ValueScored("of another job", 2.0))
    assert owed.takes(ImageDone("a", saved=False))
    assert not owed.takes(ImageDone("c", saved=False))
    assert owed.takes(Remarked("range", "odd"))
    assert owed.fault.code is Code.LOST
    assert owed.fault.reason == "2 answers of its worker did not come"
    assert owed.takes(ValueScored("k2", None))
    assert owed.takes(ImageDone("b", saved=False))
    assert owed.fault is None
