"""Fixtures that all tests share: a cache of their own, the mirror, the reference images, the command line."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[str]]

NO_MIRROR = "needs SRBENCH_MIRROR: a folder with the datasets and weights that are otherwise downloaded"
# Resolved before any test changes folder or environment
MIRROR = Path(os.environ["SRBENCH_MIRROR"]).resolve() if os.environ.get("SRBENCH_MIRROR") else None


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's cache or mirror or a network, or writes beside the sources."""
    monkeypatch.setenv("SRBENCH_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.delenv("SRBENCH_MIRROR", raising=False)
    monkeypatch.delenv("SRBENCH_MAX_PIXELS", raising=False)
    monkeypatch.setenv("SRBENCH_NO_TRIAL", "1")  # each test has a cache of its own: each would try its plugins again
    for scheme in ("http", "https"):  # nothing listens there: what is not on this machine cannot be had, at once
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The mirror folder, set for this test; skips where there is none."""
    if MIRROR is None or not MIRROR.is_dir():
        pytest.skip(NO_MIRROR)
    monkeypatch.setenv("SRBENCH_MIRROR", str(MIRROR))
    return MIRROR


@pytest.fixture
def reference(mirror: Path) -> Path:
    """The folder of published results, which stands beside the mirror; skips where there is none."""
    folder = mirror.parent / "reference"
    if not folder.is_dir():
        pytest.skip("needs the reference images beside the mirror folder")
    return folder


@pytest.fixture
def srbench(tmp_path: Path) -> Run:
    """Run the command line in a process of its own, in an empty folder."""

    def run(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from srbench.cli import main; main()", *map(str, args)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line, and the jobs of a run, in this process and an empty folder: a second instead of five."""

    def run(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
        from srbench.cli import main

        argv = ["srbench", *map(str, args), *(["--inline"] if args[0] == "run" else [])]
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", argv)
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        code = ended.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess(argv, code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a folder that takes long once for all test processes: ``once(name, make)`` calls ``make(folder)`` in one."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def get(name: str, make: Callable[[Path], object]) -> Path:
        with FileLock(base / f"{name}.lock"):
            if not (base / name / "made").exists():
                shutil.rmtree(base / name, ignore_errors=True)
                (base / name).mkdir()
                make(base / name)
                (base / name / "made").touch()
        return base / name

    return get


@pytest.fixture
def save_image() -> Callable[..., Path]:
    """Write a reproducible random picture, smooth enough that methods differ on it."""

    def save(path: Path, width: int = 40, height: int = 36, mode: str = "RGB", seed: int = 0) -> Path:
        generator = np.random.default_rng(seed)
        coarse = generator.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        return path

    return save
