"""Jobs as lines of JSON."""

from __future__ import annotations

from srbench.execution.jobs import Cell, Job


def test_job_survives_the_journey():
    sent = Job("m", 2, "d", {"a": [Cell("k", "psnr", "y")]}, {"a": "/x.png"}, {"size": 8})
    assert Job.from_json(sent.to_json()) == sent
