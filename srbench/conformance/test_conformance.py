"""``pytest --pyargs srbench.conformance``: each check of each subject is a test.

SRBENCH_CHECK is a comma-separated list of names and plugin files, or ``all``; without it, the installed plugins that
are not srbench's own are checked. SRBENCH_CHECK_DEVICE is the device (default: cpu).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from srbench.conformance.checklist import CHECKS
from srbench.conformance.examine import Examiner, make_plan, third_party
from srbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from srbench.conformance.checklist import Check
    from srbench.conformance.examine import Plan
    from srbench.conformance.outcome import Subject


def _plan() -> Plan | None:
    parts = [part.strip() for part in os.environ.get("SRBENCH_CHECK", "").split(",") if part.strip()]
    if parts == ["all"]:
        return make_plan(everything=True)
    files = [part for part in parts if part.endswith(".py") or os.sep in part]
    names = [part for part in parts if part not in files] if parts else third_party()
    return make_plan(names, files) if names or files else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per check."""
    try:
        plan = _plan()
    except UsageError as error:
        raise pytest.UsageError(f"SRBENCH_CHECK: {error}") from error
    subjects = plan.subjects if plan else ()
    cases = [(plan, subject, check) for subject in subjects for check in CHECKS[subject.kind]]
    names = [f"{subject.kind}-{subject.name}-{check.name.replace(' ', '-')}" for _, subject, check in cases]
    metafunc.parametrize(("examiner", "subject", "check"), cases, ids=names, indirect=["examiner"], scope="module")


@pytest.fixture(scope="module")
def examiner(request: pytest.FixtureRequest) -> Iterator[Examiner]:
    """Run all checks in one worker process."""
    with Examiner(request.param, os.environ.get("SRBENCH_CHECK_DEVICE", "cpu")) as examiner:
        yield examiner


def test_conformance(examiner: Examiner, subject: Subject, check: Check) -> None:
    """A check passes, or its failure gives the reason and the fix."""
    result = examiner.run(subject, check)
    if result.status == "skipped":
        pytest.skip(result.reason)
    if result.status == "failed":
        pytest.fail(f"{subject}, {check.name}: {result.reason}\nfix: {result.fix}", pytrace=False)
