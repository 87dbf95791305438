"""What the hostile suite shares: commands in this process, and a look at all that a folder holds."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from srbench.cli import main
from srbench.errors import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Return all that is in a folder, by path: the bytes of files, the targets of links."""

    def look(folder: Path) -> dict[str, bytes]:
        found = {}
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                found[name] = os.fsencode(path.readlink())
            else:
                found[name] = path.read_bytes() if path.is_file() else b""
        return found

    return look


@pytest.fixture
def command(monkeypatch, capsys):
    """Run a command in this process; return its exit code, having seen that what it says is for a user."""

    def run(*args, what=""):
        monkeypatch.setattr(sys, "argv", ["srbench", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code in (0, 1, 2), what
        assert "a bug to report" not in said.err, f"{what}: {said.err}"
        assert "Traceback" not in said.err, what
        assert printable(said.err) == said.err, what
        if ended.value.code:
            lines = [line for line in said.err.splitlines() if not line.startswith("warning: ")]
            assert all(line.startswith("error: ") for line in lines), f"{what}: {said.err}"
            assert len(lines) <= 1, f"{what}: {said.err}"
            assert said.err or said.out, what
        return ended.value.code

    return run
