"""Events travel as JSON and come back as what they were; what is none of this version's is refused."""

from __future__ import annotations

import json
import math

import pytest

from srbench.errors import Code, Failure, SRBenchError
from srbench.execution.events import (
    Environment,
    ImageDone,
    JobDone,
    JobFailed,
    PeakMeasured,
    Refused,
    SpeedMeasured,
    TimeSpent,
    ValueScored,
    decode,
    encode,
)

EVENTS = [
    ValueScored("key", 31.5, tile=64),
    ValueScored("key", math.inf, "SR equals HR: psnr is infinite"),
    ValueScored("key", None, "no alexnet", Code.MISSING_BACKBONE),
    ImageDone("a", saved=True, files={"sr": {"bytes": 3, "sha256": "ab"}}),
    SpeedMeasured({"latency_ms": 1.5, "macs": None}, "2 of 4 cores of here"),
    PeakMeasured(1e9),
    TimeSpent({"forward": 0.5}),
    JobDone(),
    JobFailed(Code.OUT_OF_MEMORY, "out of memory", fatal=True),
    Environment("cpu, x, 1 threads", "linux", None, {"srbench": "1"}),
    Refused("no such device"),
]


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_survives_the_journey(event):
    assert decode(json.loads(json.dumps(encode(event)))) == event


def test_each_kind_is_another():
    assert len({event.kind for event in EVENTS}) == 9


def test_a_failure_has_a_code_and_a_reason():
    assert JobFailed(Code.TIMED_OUT, "too long").failure == Failure(Code.TIMED_OUT, "too long")


@pytest.mark.parametrize(
    "message",
    [{"kind": "news"}, {}, {"kind": "image", "image": "a"}, {"kind": "failed", "code": "tired", "reason": "r"}],
)
def test_what_another_version_says_is_refused(message):
    with pytest.raises(SRBenchError, match="has another version of srbench; install the same version there"):
        decode(message)
