"""The options of a run stand once: the command line and `srbench.run` have the same, with the same defaults."""

from __future__ import annotations

import inspect
import math
from dataclasses import fields

import pytest

import srbench
from srbench.cli.run import run_command
from srbench.errors import UsageError
from srbench.execution.jobs import Session
from srbench.runs.options import OPTIONS, Kind, RunOptions, default_of
from srbench.runs.request import RECORDED, Request

RUN = inspect.signature(srbench.run).parameters


@pytest.mark.parametrize("name", OPTIONS)
def test_python_has_every_option_with_its_default(name):
    parameter = RUN[OPTIONS[name].keyword or name]
    expected = default_of(name)
    if name == "methods":
        assert parameter.default is inspect.Parameter.empty
    elif name == "weights":
        assert parameter.default is None
    else:
        default = (
            parameter.default
            if isinstance(expected, tuple) == isinstance(parameter.default, tuple)
            else (parameter.default,)
        )
        assert default == expected


def test_python_has_no_other_option():
    assert set(RUN) == {option.keyword or name for name, option in OPTIONS.items()} | {"quiet"}


def test_the_docstring_of_python_names_every_argument():
    documented = {
        line.split(":")[0].strip() for line in srbench.run.__doc__.splitlines() if line.startswith("        ")
    }
    assert set(RUN) <= documented


@pytest.mark.parametrize("name", [name for name in OPTIONS if name not in {"methods", "speed"}])
def test_the_command_line_has_every_option_with_its_default(name):
    given = run_command.make_context("run", ["--methods", "m"]).params[name]
    empty = {
        "weights": (),
        "train_on": None,
    }  # what the command line gives for a mapping, and for an option without DATA
    assert given == empty.get(name, default_of(name))


def test_the_command_line_has_no_other_option():
    assert {parameter.name for parameter in run_command.params} - set(OPTIONS) == {"no_speed", "report"}


def test_sessions_and_requests_are_made_of_options():
    assert {field.name for field in fields(Session)} - set(OPTIONS) == {"scoring"}
    assert {field.name for field in fields(Request)} - set(OPTIONS) == {"command", "only"}
    assert set(RECORDED) == {name for name, option in OPTIONS.items() if option.recorded}


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (Kind("names"), [("a",), ("a", "b")], [(), ("",), "a", (1,), ["a"], None]),
        (Kind("texts"), [(), ("a",)], ["a", (1,)]),
        (Kind("text"), ["", "a"], [1, None]),
        (Kind("choices"), [{}, {"a": "b"}], ["a", ("a",)]),
        (Kind("flag"), [True, False], [1, "yes", None]),
        (Kind("word", words=("a", "b")), ["a"], ["c", 1]),
        (Kind("whole", 2, 16), [2, 16], [1, 17, 2.0, True, "4", None]),
        (Kind("whole", 1, optional=True), [None, 1], [0]),
        (Kind("wholes", 2, 16), [(2,), (4, 16)], [(), (1,), 4, [4], (4.0,)]),
        (Kind("number", 0, 600, above=True), [0.1, 600], [0, -1, 601, math.inf, math.nan, True]),
        (Kind("number"), [0, 1.5], [-0.1, math.inf]),
        (Kind("tile", 16), ["auto", "off", 16], [15, "on", 16.0, None]),
    ],
)
def test_a_kind_takes_its_values_and_no_others(kind, right, wrong):
    assert [value for value in right if not kind.accepts(value)] == []
    assert [value for value in wrong if kind.accepts(value)] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scales": (1,)}, "scale must be whole numbers from 2 to 16, not (1,)"),
        ({"timeout_s": -1}, "timeout_s must be a number from 0, not -1"),
        ({"precision": "fp8"}, "precision must be one of fp32, bf16, fp16, not 'fp8'"),
        ({"tile": 8}, "tile must be 'auto', 'off' or a number of LR pixels from 16, not 8"),
        ({"speed_seconds": 0}, "speed_seconds must be a number above 0 to 600, not 0"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(changes, message):
    with pytest.raises(UsageError) as refused:
        RunOptions(methods=("m",), **changes).check()
    assert str(refused.value) == message
