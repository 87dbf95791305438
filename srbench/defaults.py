"""Defaults and fixed choices: all that srbench itself knows by name.

Everything else is the same for every plugin.
"""

from __future__ import annotations

PRECISIONS = ("fp32", "bf16", "fp16")
"""Precisions of inference: float32, and torch's autocast to bfloat16 or float16."""
LEAST_TILE = 16
"""Smallest height and width of tiles, in LR pixels."""
EXECUTORS = ("local", "dask", "slurm")

DATASET = "samples"
"""The dataset that is scored by default: photographs that need no download."""
PROTOCOL = "y"
DEGRADATION = "bicubic"
METRICS = ("psnr", "ssim", "lpips")
"""The metrics that are computed by default, and the first columns of a board, in this order."""
SORT = "psnr"
"""The metric that ranks a board. A run without it is ranked by its first metric."""
PLANE = ("psnr", "lpips")
"""The distortion metric and the perceptual metric that a report plots against each other."""
VALIDATION = "set5"
"""The dataset that trainings validate on."""
TRAINING = ("t91", "bsds500-train", "general100")
"""The datasets that ``srbench run --train`` trains on by default."""
BASELINE = "bicubic"
"""The method that others are compared with."""
PROBE = "espcn"
"""The network whose loss on LR of another degradation ``srbench identify`` measures."""
