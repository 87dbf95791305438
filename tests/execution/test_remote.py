"""What cannot go to other machines is said before anything is started, or in the row with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from srbench import __version__
from srbench.errors import SRBenchError
from srbench.execution.events import Environment, Refused
from srbench.execution.remote import one_kind
from srbench.store.hashes import own_code

ENVIRONMENT = Environment("cpu, one", "linux", None, {"srbench": __version__, "torch": "2.14.1"}, own_code())


def test_machines_of_several_kinds_are_refused():
    assert one_kind([ENVIRONMENT, ENVIRONMENT]).device == "cpu, one"
    with pytest.raises(SRBenchError, match=r"different devices, .*cpu, one; cpu, two"):
        one_kind([ENVIRONMENT, replace(ENVIRONMENT, device="cpu, two")])
    with pytest.raises(SRBenchError, match=r"a worker has srbench 0\.0\.0"):
        one_kind([replace(ENVIRONMENT, versions={"srbench": "0.0.0"})])
    with pytest.raises(SRBenchError, match=r"a worker has other code of srbench"):
        one_kind([replace(ENVIRONMENT, source="0" * 16)])
    with pytest.raises(SRBenchError, match=r"different libraries: it has torch 2\.0\.0, not 2\.14\.1 as another"):
        one_kind([ENVIRONMENT, replace(ENVIRONMENT, versions={**ENVIRONMENT.versions, "torch": "2.0.0"})])
    with pytest.raises(SRBenchError, match="no such Python file"):
        one_kind([ENVIRONMENT, Refused("--plugin x.py: no such Python file (on node7)")])
