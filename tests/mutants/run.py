"""Mutation testing of the modules whose numbers people quote: ``tox -e mutants -- [--jobs N] [MODULE ...]``.

Cosmic Ray's operators change one thing of a module at a time; the module's own fast tests must notice. Each mutant is a
child of one process that has torch and pytest loaded, and comes to its tests by import: no file is changed. Tests that
start the command line are left out, and hypothesis tries few examples. What survives with good reason stands in
``survivors.toml``; the exit status is 1 where less than 90 % of the others are killed.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import importlib.util
import os
import re
import resource
import signal
import sys
import time
import tomllib
import traceback
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = {
    "srbench/protocols.py": ["tests/test_protocols.py"],
    "srbench/results/statistics.py": ["tests/results/test_statistics.py"],
    "srbench/results/entries.py": ["tests/results/test_entries.py"],
    "srbench/results/sections.py": ["tests/results/test_sections.py"],
    "srbench/results/formats.py": ["tests/results/test_formats.py"],
    "srbench/inference/speed.py": ["tests/inference/test_speed.py"],
    "srbench/resize.py": ["tests/test_resize.py"],
    "srbench/images/degradations.py": ["tests/images/test_degradations.py"],
    "srbench/training/recipes/session.py": ["tests/training/recipes/test_session.py"],
    "srbench/training/data/patches.py": ["tests/training/data/test_patches.py"],
    "plugins/srbench_plugins/fidelity.py": ["tests/plugins/test_fidelity.py"],
    "plugins/srbench_plugins/perceptual.py": ["tests/plugins/test_perceptual.py"],
}
LOADED_ONCE = [
    *("torch", "torch.utils.flop_counter", "numpy", "scipy.stats", "scipy.ndimage", "pandas", "lightning_fabric"),
    *(
        "lpips",
        "torchvision.models",
        "skimage.metrics",
        "skimage.color",
        "skimage.data",
        "hypothesis",
        "pytest",
        "rich",
    ),
]
"""What costs seconds to import and is the same for all mutants; nothing of srbench's."""
BINARY = {
    "Add": "Sub Mul",
    "Sub": "Add Mul",
    "Mul": "Div Add",
    "Div": "Mul FloorDiv",
    "FloorDiv": "Div Mul",
    "Mod": "Mul FloorDiv",
    "Pow": "Mul Div",
    "BitAnd": "BitOr",
    "BitOr": "BitAnd",
    "RShift": "LShift",
}
COMPARISONS = {
    "Eq": "NotEq",
    "NotEq": "Eq",
    "Lt": "LtE Gt",
    "LtE": "Lt Gt",
    "Gt": "GtE Lt",
    "GtE": "Gt Lt",
    "Is": "IsNot",
    "IsNot": "Is",
}
OPERATORS = [
    *(f"ReplaceBinaryOperator_{old}_{new}" for old, others in BINARY.items() for new in others.split()),
    *(f"ReplaceComparisonOperator_{old}_{new}" for old, others in COMPARISONS.items() for new in others.split()),
    *("ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "AddNot", "NumberReplacer"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop", "RemoveDecorator"),
]
ENOUGH = 0.9
"""Share of the mutants without a reason to survive that must be killed."""
MEMORY = 24 * 2**30
"""Address space of a mutant, in bytes: one that asks for the wrong size must not take the machine with it."""


@dataclass(frozen=True)
class Mutant:
    """A module's source with one thing changed."""

    source: str
    operator: str
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.line}: {self.before}  ->  {self.after}  [{self.operator}]"


def mutants_of(source: str) -> list[Mutant]:
    """Return every mutant of a source, each once; annotations and what only a type checker sees are left out."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    ignored = _without_effect(source)
    known = set(operator_names())
    mutants: dict[str, Mutant] = {}
    for name in OPERATORS:
        if f"core/{name}" not in known:
            raise SystemExit(f"this Cosmic Ray has no operator {name}")
        operator = get_operator(f"core/{name}")()
        places = [place for node in ast_nodes(get_ast(source)) for place in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(places):
            if any(first <= start < last for first, last in ignored):
                continue
            changed = mutate_code(source, operator, occurrence)
            if changed is not None and changed != source and changed not in mutants:
                mutants[changed] = Mutant(changed, name, start[0], *_difference(source, changed))
    return sorted(mutants.values(), key=lambda mutant: (mutant.line, mutant.operator, mutant.after))


def _without_effect(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return from where to where a source says something that no run of it depends on."""
    tree = ast.parse(source)
    ignored = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            ignored.append(node.annotation)
        elif isinstance(node, ast.FunctionDef) and node.returns:
            ignored.append(node.returns)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            ignored.append(node)
    return [((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)) for node in ignored]


def _difference(source: str, changed: str) -> tuple[str, str]:
    """Return the lines that differ, without their indentation."""
    old, new = source.splitlines(), changed.splitlines()
    first = next(i for i, (a, b) in enumerate(zip([*old, None], [*new, None], strict=False)) if a != b)
    tail = next(i for i, (a, b) in enumerate(zip([*old[::-1], None], [*new[::-1], None], strict=False)) if a != b)
    before, after = (" ".join(map(str.strip, lines[first : max(first, len(lines) - tail)])) for lines in (old, new))
    return before, after or "(nothing)"


class _Loader(SourceFileLoader):
    source = ""

    def get_code(self, fullname: str):
        return compile(self.source, self.path, "exec", dont_inherit=True)


class _Finder:
    """Gives one module another source."""

    def __init__(self, path: str, source: str) -> None:
        self.name = path.removeprefix("plugins/").removesuffix(".py").replace("/", ".")
        self.loader = _Loader(self.name, str(ROOT / path))
        self.loader.source = source

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            return importlib.util.spec_from_file_location(name, self.loader.path, loader=self.loader)
        return None


def load_once() -> None:
    """Import what takes long, pytest's plugins too, and keep it out of the children's way."""
    for name in LOADED_ONCE:
        importlib.import_module(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    gc.freeze()


class _Fast:
    """Leaves out the tests that start the command line."""

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if not {"here", "srbench"} & set(item.fixturenames)]


def _hurry_hypothesis() -> None:
    """Try the same few examples each time, and do not look for the smallest that fails."""
    from hypothesis import Phase, settings

    init = settings.__init__

    def few(self, parent=None, **options):
        init(self, parent, **{**options, "max_examples": 12})

    settings.register_profile(
        "mutants", database=None, derandomize=True, phases=[Phase.explicit, Phase.generate], max_examples=12
    )
    settings.load_profile("mutants")
    settings.__init__ = few


def start(path: str, source: str) -> int:
    """Run a module's tests with another source of it in a child process, and return its number."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        silence = os.open(os.devnull, os.O_WRONLY)
        if "SHOW" not in os.environ:
            os.dup2(silence, 1)
            os.dup2(silence, 2)
        import pytest

        _hurry_hypothesis()
        sys.meta_path.insert(0, _Finder(path, source))
        code = int(
            pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", *TESTS[path]], plugins=[_Fast()])
        )
    except BaseException:  # noqa: BLE001 (the child must end here, whatever happened)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def killed_by_tests(path: str, mutants: list[Mutant], jobs: int, limit: float) -> list[bool]:
    """Return of each mutant whether its tests failed, crashed or took longer than the limit in seconds."""
    killed = [False] * len(mutants)
    running: dict[int, tuple[int, float]] = {}
    waiting = list(enumerate(mutants))
    while waiting or running:
        while waiting and len(running) < jobs:
            i, mutant = waiting.pop(0)
            running[start(path, mutant.source)] = i, time.monotonic() + limit
        time.sleep(0.01)
        for pid, (i, end) in list(running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done and time.monotonic() > end:
                os.killpg(pid, signal.SIGKILL)
                done, status = os.waitpid(pid, 0)
            if done:
                killed[i] = status != 0
                if sys.stderr.isatty():
                    print(f"\r{len(mutants) - len(waiting)} of {len(mutants)}", end="\r", file=sys.stderr)
                del running[pid]
                if "SHOW" in os.environ:
                    print("killed  " if killed[i] else "SURVIVED", mutants[i], flush=True)
    return killed


def main() -> None:
    """Print of each module how many mutants there are, were killed and survived, and which."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of: {', '.join(TESTS)}")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time")
    parser.add_argument("--line", type=int, nargs="*", help="only mutants of these lines")
    options = parser.parse_args()
    if unknown := set(options.modules) - set(TESTS):
        parser.error(f"no tests are known of {', '.join(sorted(unknown))}")
    os.chdir(ROOT)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    load_once()
    reasons = tomllib.loads((Path(__file__).parent / "survivors.toml").read_text())
    enough = True
    for path in options.modules or TESTS:
        source = (ROOT / path).read_text()
        began = time.monotonic()
        if os.waitpid(start(path, source), 0)[1]:
            raise SystemExit(f"{path}: its own tests fail without a mutant: pytest {' '.join(TESTS[path])}")
        limit = 20 + 5 * (time.monotonic() - began)
        mutants = [m for m in mutants_of(source) if not options.line or m.line in options.line]
        killed = killed_by_tests(path, mutants, options.jobs, limit)
        survivors = [mutant for mutant, dead in zip(mutants, killed, strict=True) if not dead]
        known = {m: _reason({**reasons["every"], **reasons.get(path, {})}, m) for m in survivors}
        bad = [m for m in survivors if not known[m]]
        matter = len(mutants) - len(survivors) + len(bad)
        enough = enough and sum(killed) >= ENOUGH * matter
        print(
            f"{path}: {len(mutants)} mutants, {sum(killed)} killed, {len(survivors)} survived: "
            f"{len(survivors) - len(bad)} with reason, {len(bad)} without ({time.monotonic() - began:.0f} s)"
        )
        for mutant in survivors:
            print(f"  {mutant}" + (f"  ({known[mutant]})" if known[mutant] else ""), flush=True)
    sys.exit(not enough)


def _reason(reasons: dict[str, str], mutant: Mutant) -> str:
    """Return why a mutant may survive: the reason whose pattern is found in ``before -> after``."""
    change = f"{mutant.before} -> {mutant.after}"
    return next((reason for pattern, reason in reasons.items() if re.search(pattern, change)), "")


if __name__ == "__main__":
    main()
