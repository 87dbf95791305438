"""JSON that others may have written is held against a form, and departures are named."""

from __future__ import annotations

import pytest

from srbench.system.json_forms import DEEPEST, Each, Fields, Several, fault, parse

FORM = Fields({"a": (int,)}, {"b": Each((str,)), "c": Several(range(3)), "d": frozenset({"x"})})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": 1, "b": {"q": "w"}, "c": [0, 2], "d": "x", "more": []}, ""),
        ([], "it is no object"),
        ({}, "it has no 'a'"),
        ({"a": True}, "it.a is true"),
        ({"a": 2**63}, "it.a is 9223372036854775808"),
        ({"a": 1, "b": []}, "it.b is no object"),
        ({"a": 1, "b": {"q": None}}, "it.b.q is null"),
        ({"a": 1, "c": {}}, "it.c is no list"),
        ({"a": 1, "c": [1, 3]}, "it.c.1 is 3"),
        ({"a": 1, "c": [True]}, "it.c.0 is true"),
        ({"a": 1, "d": []}, "it.d is list"),
        ({"a": 1, "d": "\x1b" + "y" * 99}, 'it.d is "\\u001b' + "y" * 33 + "..."),
    ],
)
def test_a_form_says_where_a_value_departs_from_it(value, said):
    assert fault(value, FORM) == said


def test_nesting_has_a_limit():
    deep = '{"a": ' * (DEEPEST - 1) + "1" + "}" * (DEEPEST - 1)
    assert parse(deep)
    with pytest.raises(ValueError, match="nested too deep"):
        parse(f'{{"a": {deep}}}')
