"""Every warning, note and remark of srbench has a line in docs/reference/messages.md, and no line there is stale."""

from __future__ import annotations

import ast
import re
from functools import cache, cached_property
from itertools import pairwise, product
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reference" / "messages.md"
VARIABLE = "\0"
"""Stands for a part of a text that is not constant."""
TEXT_OF = {"Remark": 0, "_remark": 1, "Remarked": 1, "Fitted": 1, "Problem": 0, "_problem": 0}
"""Which argument of a call is a message."""
PRINTERS = {"warn", "note", "remark"}
"""Methods that take a message."""
COLLECTIONS = {"notes", "remarks", "texts", "faults"}
"""Lists of messages."""
ELSEWHERE = {"complaint", "error", "fault", "note", "reason", "remark", "text", "warning", "fetch_backbone"}
"""Names of texts that are made elsewhere: errors, and what the collections hold."""
PRINTS = re.compile(r"\.(warn|note|remark)\(|remark|notes|faults|err=True|(Problem|Fitted|Remarked)\(")
"""What a file with messages has."""
SHORTEST = 4
"""Fewest letters of a constant part that is looked for."""


class Module:
    """One Python file, whose expressions can be turned into texts."""

    def __init__(self, source: str) -> None:
        self.nodes = list(ast.walk(ast.parse(source)))
        self.functions = {node.name: node for node in self.nodes if isinstance(node, ast.FunctionDef)}

    @cached_property
    def assigned(self) -> dict[str, list[ast.expr]]:
        """What is assigned to each name, anywhere in the file."""
        assigned: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            value = getattr(node, "value", None)
            if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) or value is None:
                continue
            for target in targets:
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    parts = list(zip(target.elts, value.elts, strict=True))
                else:
                    parts = [(target, value)]
                for one, part in parts:
                    assigned.setdefault(last_name(one), []).append(part)
        return assigned

    def texts(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> set[str]:
        """All texts that an expression may have, as far as the file says so."""
        if isinstance(node, ast.Constant):
            return {str(node.value)} if isinstance(node.value, str) else {VARIABLE}
        if isinstance(node, ast.JoinedStr):
            return joined([self.texts(part, seen) for part in node.values])
        if isinstance(node, ast.FormattedValue):
            inner = self.texts(node.value, seen) if isinstance(node.value, ast.Name | ast.Call) else set()
            return {text if longest(text) else VARIABLE for text in inner} or {VARIABLE}
        if isinstance(node, ast.BinOp) and not isinstance(node.left, ast.List | ast.ListComp):
            return joined([self.texts(node.left, seen), self.texts(node.right, seen)])
        values, seen = self.alternatives(node, seen)
        return set().union(*(self.texts(value, seen) for value in values)) or {VARIABLE}

    def alternatives(self, node: ast.expr, seen: frozenset[str]) -> tuple[list[ast.expr], frozenset[str]]:
        """The expressions whose texts an expression may have, and the names that were looked up until there."""
        if isinstance(node, ast.Name | ast.Call):
            name = last_name(node.func if isinstance(node, ast.Call) else node)
            values = self.named(name) if isinstance(node, ast.Name) else self.returned(node)
            return ([] if name in seen else values), seen | {name}
        parts = {
            ast.IfExp: ("body", "orelse"),
            ast.BinOp: ("left", "right"),
            ast.BoolOp: ("values",),
            ast.List: ("elts",),
            ast.ListComp: ("elt",),
        }
        found = [getattr(node, part) for part in parts.get(type(node), ())]
        return [one for part in found for one in (part if isinstance(part, list) else [part])], seen

    def named(self, name: str) -> list[ast.expr]:
        """What a name stands for: what the file assigns to it, else a constant of another file."""
        return self.assigned.get(name) or (constants().get(name, []) if name.isupper() else [])

    def returned(self, call: ast.Call) -> list[ast.expr]:
        """What a function of the file returns; messages that it makes itself are found there."""
        name = last_name(call.func)
        values = call.args if name == "unbroken" else self.returns(name)
        return [v for v in values if not isinstance(v, ast.Call) or last_name(v.func) not in TEXT_OF]

    def returns(self, function: str) -> list[ast.expr]:
        nodes = ast.walk(self.functions[function]) if function in self.functions else ()
        return [node.value for node in nodes if isinstance(node, ast.Return) and node.value]

    def messages(self) -> list[ast.expr]:
        """The expressions that become messages."""
        messages = []
        for node in self.nodes:
            if isinstance(node, ast.Call):
                messages += _printed(node)
            elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if node.value and COLLECTIONS & {last_name(target) for target in targets}:
                    messages.append(node.value)
        names = [name for name in self.functions if re.search("remark|warnings|random_weights", name)]
        return messages + [value for name in names for value in self.returns(name)] + self.assigned.get("remark", [])


@cache
def constants() -> dict[str, list[ast.expr]]:
    """The values of the constants at the top of all files, by name."""
    values: dict[str, list[ast.expr]] = {}
    for text in sources("srbench").values():
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and last_name(node.targets[0]).isupper():
                values.setdefault(last_name(node.targets[0]), []).append(node.value)
    return values


def _printed(call: ast.Call) -> list[ast.expr]:
    """The texts that a call prints or collects."""
    name = last_name(call.func)
    if isinstance(call.func, ast.Attribute):
        is_collected = name == "append" and last_name(call.func.value) in COLLECTIONS
        is_error_line = name == "echo" and any(keyword.arg == "err" for keyword in call.keywords)
        return call.args[:1] if name in PRINTERS or is_collected or is_error_line else []
    return call.args[TEXT_OF[name] :][:1] if name in TEXT_OF else []


def last_name(node: ast.AST | None) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def joined(parts: list[set[str]]) -> set[str]:
    """All ways to put texts together; parts with very many are left open."""
    few = [part if len(part) <= 8 else {VARIABLE} for part in parts]
    return {"".join(way) for way in product(*few)}


def longest(text: str) -> str:
    """The longest constant part of a text; empty if that is punctuation or a short word."""
    parts = [" ".join(part.split()) for part in text.split(VARIABLE)]
    best = max(parts, key=len).removeprefix(": ").strip()
    return best if len(re.findall(r"[a-z]", best, re.IGNORECASE)) >= SHORTEST else ""


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def sources(folder: str) -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py")}


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return {name: Module(text) for name, text in sources("srbench").items() if PRINTS.search(text)}


@pytest.fixture(scope="module")
def messages(modules) -> set[tuple[str, str]]:
    return constant_parts(modules)


def constant_parts(modules: dict[str, Module]) -> set[tuple[str, str]]:
    """The file and the longest constant part of every message."""
    found = {
        (name, longest(text))
        for name, module in modules.items()
        for node in module.messages()
        for text in module.texts(node)
    }
    return {(name, part) for name, part in found if part}


def missing(messages: set[tuple[str, str]], text: str) -> list[str]:
    """The messages that are not on a page."""
    on_page = " ".join(text.replace("`", "").replace("\\|", "|").split())
    return sorted(f"{name}: {part}" for name, part in messages if part not in on_page)


def test_every_message_is_on_the_page(messages):
    assert missing(messages, page()) == []
    assert len(messages) > 100  # they were found at all


def test_every_text_that_is_printed_is_known(modules):
    """A text that this test cannot follow would need no line; names of texts that are made elsewhere are listed."""
    for name, module in modules.items():
        for node in module.nodes:
            printed = _printed(node) if isinstance(node, ast.Call) and last_name(node.func) in PRINTERS else []
            for text in printed:
                names = {last_name(part) for part in ast.walk(text)}
                assert names & ELSEWHERE or any(map(longest, module.texts(text))), f"{name}: {ast.unparse(text)}"


@pytest.mark.parametrize(
    "part", ["than bicubic so far", "spread widely", "passed over: N files of kinds", "SR is grey", "has no hook"]
)
def test_a_line_that_is_removed_is_missed(messages, part):
    kept = "\n".join(line for line in page().splitlines() if part not in line)
    assert len(missing(messages, kept)) >= 1


@pytest.mark.parametrize(
    "source",
    [
        'ui.warn("the moon is in the way")',
        'ui.warn(f"{name}: the moon {verb} in the way of the light")',
        'def f(ui):\n    text = f"{count} moons"\n    text += " are in the way"\n    ui.warn(text)',
        'WHY = "the moon is in the way"\nui.note(f"{name}: {WHY}")',
        'Remark("the moon" + (" is in the way" if one else "s are in the way"), warning=True)',
        'def remark(sr):\n    return _far(sr) or ""\ndef _far(sr):\n    return f"{sr}: the moon is in the way"',
        'entry.notes.append(f"{name}: the moon is in the way")',
        'remarks += [f"{name}: the moon is in the way" for name in names]',
        'click.echo(f"{name}: the moon is in the way", err=True)',
    ],
)
def test_a_new_message_is_missed(source):
    assert any("in the way" in line for line in missing(constant_parts({"new.py": Module(source)}), page()))


def neighbours(text: str) -> list[tuple[str, ...]]:
    """Words of a text with the next one each; not those that stand for a name or number."""
    words = re.findall(r"[A-Za-z]+", text)
    constant = [word in {"HR", "LR", "SR"} or not re.fullmatch("[A-Zx]+", word) for word in words]
    return [pair for pair, is_constant in zip(pairwise(words), pairwise(constant), strict=True) if all(is_constant)]


def test_every_message_of_the_page_is_in_the_source():
    source = "".join([*sources("srbench").values(), *sources("plugins").values()])
    known = set(neighbours(re.sub(r'"\s*\n\s*f?"', "", source)))  # a text may be over several lines
    tables = page().partition("\n## ")[2].partition("## Exit codes")[0]
    cells = [line.split(" | ")[0] for line in tables.splitlines() if line.startswith("| `")]
    messages = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    assert len(messages) > 150
    for message in messages:
        pairs = neighbours(re.sub(r"^(error|warning): ", "", message))
        assert 2 * sum(pair in known for pair in pairs) >= len(pairs), message
