"""What may be chosen and what is taken where nothing is said: all that the harness knows by name.

Everything else that it does is the same for every plugin.
"""

from __future__ import annotations

PRECISIONS = ("fp32", "bf16", "fp16")
"""Precisions of inference: float32, and torch's autocast to bfloat16 or float16."""
LEAST_TILE = 16
"""Smallest height and width of tiles, in LR pixels."""
EXECUTORS = ("local", "dask", "slurm")

DATASET = "samples"
"""Scored where no dataset is named: photographs that need no download."""
PROTOCOL = "y"
DEGRADATION = "bicubic"
METRICS = ("psnr", "ssim", "lpips")
"""Computed where no metric is named, and the first columns of a board, in this order."""
SORT = "psnr"
"""The metric that ranks a board; where a run has none of it, its first metric does."""
PLANE = ("psnr", "lpips")
"""The metrics of distortion and of perception that a report plots against each other."""
VALIDATION = "set5"
"""Validated on while training."""
TRAINING = ("t91", "bsds500-train", "general100")
"""Trained on by ``srbench run --train`` without names."""
BASELINE = "bicubic"
"""The method that others are shown beside."""
