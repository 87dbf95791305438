"""Runs written by hand with pictures, and a headless browser."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from srbench.results.pictures import picture_row
from srbench.results.rows import ResultsFile, encode_value
from srbench.results.tables import save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

METRICS = {"psnr": ("higher", 2), "ssim": ("higher", 4), "lpips": ("lower", 4)}
FAMILIES = {"nearest": "interpolation", "bicubic": "interpolation"}


class MadeRun:
    """A run's folder: 8 methods over 5 images unless told otherwise, each with a blur of its own."""

    def __init__(
        self,
        folder: Path,
        methods: tuple[str, ...] = ("nearest", "bicubic", "m1", "m2", "m3", "m4", "m5", "m6"),
        images: tuple[str, ...] = ("a", "b", "c", "d", "e"),
        size: tuple[int, int] = (96, 72),
        scale: int = 4,
        dataset: str = "set5",
        protocols: tuple[str, ...] = ("y",),
        summary: str = "a method",
        device: str = "cpu, one",
        pictures: bool = True,
        weights: dict[str, tuple[str, Any]] | None = None,
    ) -> None:
        self.folder, self.methods, self.images, self.scale = folder, methods, images, scale
        self.dataset, self.protocols, self.device, self.summary = dataset, protocols, device, summary
        folder.mkdir(parents=True, exist_ok=True)
        self.hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in images}
        self.weights = weights or {}  # method -> digest, what run.json says of them
        self.rows = ResultsFile(folder / "results.jsonl")
        generator = np.random.default_rng(len(methods))
        base = generator.uniform(20, 30, len(images))
        for k, method in enumerate(methods):
            for i, image in enumerate(images):
                if pictures:
                    self.picture(method, image, size, seed=i, blur=k)
                for protocol in protocols:
                    shift = 0.0 if protocol == "y" else -2.0
                    self.score(method, image, f"{protocol}/1", "psnr", base[i] + shift + 0.37 * k + 0.01 * (i % 2))
                    self.score(method, image, f"{protocol}/1", "ssim", 0.9 - 0.01 * ((k * 5) % 8) + 0.001 * i)
                self.score(method, image, "", "lpips", 0.1 + 0.02 * ((k * 3) % 8))
            figures = {"params": 10**k if k > 1 else 0, "macs": 10 ** (k + 3), "latency_ms": 2.0**k}
            more = {"images_per_s": 1000 / 2.0**k, "mpix_per_s": 900 / 3.0**k, "peak_mem_mib": 1.5 + ((k * 3) % 8)}
            spread = {"latency_p10_ms": 1.0, "latency_p90_ms": 2.0, "size": 64, "batch": 1}
            self.rows.append({"kind": "speed", **self.who(method), **figures, **more, **spread})
            self.job(method, "ok", "")

    def who(self, method: str) -> dict[str, Any]:
        digest, _ = self.weights.get(method, ("", None))
        common = {"method": method, "scale": self.scale, "plugin": "code", "weights": digest}
        return {**common, "device": self.device, "precision": "fp32"}

    def job(self, method: str, status: str, reason: str) -> None:
        job = {"kind": "job", **self.who(method), "dataset": self.dataset, "status": status, "reason": reason}
        self.rows.append(job)

    def score(self, method: str, image: str, protocol: str, metric: str, value: float) -> None:
        row = {"kind": "score", **self.who(method), "dataset": self.dataset, "image": image, "reason": ""}
        row |= {"image_sha256": self.hashes[image], "protocol": protocol, "metric": f"{metric}/1"}
        self.rows.append({**row, "value": encode_value(value)})

    def picture(self, method: str, image: str, size: tuple[int, int], seed: int, blur: int) -> None:
        """Save HR (random blocks), LR (each fourth pixel) and an SR whose left half is darker for later methods."""
        width, height = size
        generator = np.random.default_rng(seed)
        hr = generator.integers(0, 200, (height // 4, width // 4, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        sr = hr.copy()
        sr[: height // 2, : width // 2] += np.uint8(3 * blur + 1)
        row = picture_row(
            {**self.who(method), "dataset": self.dataset, "image": image, "image_sha256": self.hashes[image]}
        )
        for kind, pixels in (("sr", sr), ("hr", hr), ("lr", hr[:: self.scale, :: self.scale])):
            (self.folder / row[kind]).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(self.folder / row[kind])
        self.rows.append(row)

    def finish(self) -> Path:
        """Write run.json and the leaderboard."""
        from srbench.results.board import load_board

        self.rows.close()
        described = {"summary": self.summary, "plugin": "p", "origin": "srbench 0.1.0", "fingerprint": "code"}
        names = dict.fromkeys([*self.methods, "broken", "only-x2"])
        run = {
            "schema": 1,
            "commands": [{"command": f"srbench run --out {self.folder.name}", "time": "2026-01-01", "device": "cpu"}],
            "methods": {m: {**described, "family": FAMILIES.get(m, "networks"), "paper": ""} for m in names},
            "metrics": {
                name: {
                    "identity": f"{name}/1",
                    "better": better,
                    "unit": "dB" if name == "psnr" else "",
                    "decimals": decimals,
                    "summary": f"what {name} is",
                }
                for name, (better, decimals) in METRICS.items()
            },
            "datasets": {
                f"{self.dataset} x{self.scale}": {"source": "", "hash": "h", "images": self.hashes, "left_out": []}
            },
            "protocols": {f"{name}/1": {"name": name, "version": 1} for name in self.protocols},
            "weights": dict(self.weights.values()),
        }
        (self.folder / "run.json").write_text(json.dumps(run))
        save(load_board([self.folder]), self.folder)
        return self.folder


@pytest.fixture
def made_run(tmp_path: Path) -> Iterator[Callable[..., MadeRun]]:
    """Make runs by hand; the files are closed in the end."""
    made = []

    def make(name: str = "run", **options: Any) -> MadeRun:
        made.append(MadeRun(tmp_path / name, **options))
        return made[-1]

    yield make
    for run in made:
        run.rows.close()


class Silent:
    """A UI that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    warn = note

    def track(self, what: str, total: int) -> Any:
        from contextlib import nullcontext

        return nullcontext(lambda _: None)


@pytest.fixture
def ui() -> Silent:
    return Silent()


def _program(*names: str) -> str:
    return next((found for name in names if (found := shutil.which(name))), "")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium; skips where there is none."""
    chromium = _program("chromium", "chromium-browser", "google-chrome")
    driver = _program("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    chrome = webdriver.Chrome(options=options, service=service)
    chrome.set_script_timeout(60)
    yield chrome
    chrome.quit()


@pytest.fixture(scope="session")
def report_of() -> Callable[..., Path]:
    """Make a run by hand in a folder and write its report; for tests that share one."""
    from srbench.report.page import write_report

    def make(folder: Path, *others: tuple[str, str, str], **options: Any) -> Path:
        run = MadeRun(folder, **options)
        for other in others:
            run.job(*other)
        return write_report([run.finish()], folder / "report.html", Silent()).path

    return make
