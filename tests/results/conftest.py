"""A run's folder, written row by row."""

from __future__ import annotations

import json

import pytest

from srbench.results.board import load_board
from srbench.results.rows import ResultsFile, encode_value

METRICS = {"psnr": "higher", "ssim": "higher", "lpips": "lower"}


class Run:
    """Writes a run's folder row by row."""

    def __init__(self, folder, images=10, device="cpu, one", protocols=("y",)):
        self.folder, self.device = folder, device
        folder.mkdir(parents=True)
        self.images = {f"i{n}": f"hash{n}" for n in range(images)}
        described = {
            "schema": 1,
            "commands": [],
            "methods": {},
            "metrics": {
                name: {"identity": f"{name}/1", "better": better, "decimals": 4, "unit": "dB" if name == "psnr" else ""}
                for name, better in METRICS.items()
            },
            "datasets": {"set x4": {"source": "", "hash": "h", "images": self.images, "left_out": []}},
            "protocols": {f"{name}/1": {"name": name, "version": 1} for name in protocols},
        }
        (folder / "run.json").write_text(json.dumps(described))
        self.file = ResultsFile(folder / "results.jsonl")

    def who(self, method, plugin="p"):
        common = {"method": method, "scale": 4, "plugin": plugin, "weights": "", "device": self.device}
        return {**common, "precision": "fp32"}

    def job(self, method, status="ok", reason="", **who):
        self.file.append(
            {"kind": "job", **self.who(method, **who), "dataset": "set", "status": status, "reason": reason}
        )

    def score(self, method, metric, values, protocol="y/1", **who):
        for (image, digest), given in zip(self.images.items(), values, strict=False):
            row = {"kind": "score", **self.who(method, **who), "dataset": "set", "image": image, "image_sha256": digest}
            value, reason = given if isinstance(given, tuple) else (given, "")
            row |= {"protocol": protocol, "metric": f"{metric}/1", "value": encode_value(value), "reason": reason}
            self.file.append(row)

    def method(self, method, values, status="ok", protocol="y/1", **who):
        self.score(method, "psnr", values, protocol, **who)
        self.job(method, status, **who)

    def speed(self, method, mpix, size=256, **more_yet):
        figures = {
            "params": 5,
            "macs": 7,
            "latency_ms": 1.5,
            "images_per_s": 2.0,
            "mpix_per_s": mpix,
            "peak_mem_mib": 3.0,
        }
        more = {"latency_p10_ms": 1.25, "latency_p90_ms": 1.75, "size": size, "batch": 1, **more_yet}
        self.file.append({"kind": "speed", **self.who(method), **figures, **more})

    def board(self, sort=""):
        self.file.close()
        return load_board([self.folder], sort)


@pytest.fixture
def new_run(tmp_path):
    """Begin a run: ``new_run(name, **options)``."""
    runs = []

    def begin(name, **options):
        runs.append(Run(tmp_path / name, **options))
        return runs[-1]

    yield begin
    for made in runs:
        made.file.close()


@pytest.fixture
def run(new_run):
    return new_run("run")
