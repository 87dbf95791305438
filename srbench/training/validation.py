"""Validation while training: the named set, scored exactly as a run scores it, and pictures to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from srbench.datasets import prepare
from srbench.errors import AssetError
from srbench.evaluate import Scorer, load_sample, to_8bit, to_float, to_picture, upscale
from srbench.images import write
from srbench.protocols import get_protocol
from srbench.references import ReferenceStore

if TYPE_CHECKING:
    from pathlib import Path

    from srbench.catalog import Catalog
    from srbench.terminal import UI

METRICS = ("psnr", "ssim", "lpips")
PICTURES = 2
STORE_BYTES = 512 * 2**20


class Validator:
    """Scores a network on a dataset; references are prepared once.

    Raises:
        UsageError: the dataset is unknown, or does not exist at the scale.
        AssetError: it could not be had.
    """

    def __init__(self, catalog: Catalog, dataset: str, scale: int, device: torch.device, ui: UI) -> None:
        from srbench.datasets import find_dataset

        spec = find_dataset(catalog, dataset)
        images = prepare(dataset, spec, spec.name, scale, ui)
        if images.fault:
            raise AssetError(f"{images.fault} (--validate-on chooses another dataset or folder)")
        self.name, self.scale = spec.name, scale
        self.protocol = get_protocol("y")
        self.samples = [load_sample(pair, scale, device) for pair in images.pairs]
        self.scorer = Scorer(ReferenceStore(STORE_BYTES))
        self.metrics = [catalog.metrics[name] for name in METRICS if name in catalog.metrics]
        self.ui = ui

    def score(self, net: torch.nn.Module, multiple: int, pictures: Path) -> dict[str, float]:
        """Return the mean of each metric, and save the first pictures.

        Raises:
            MethodError: the output breaks the contract.
        """
        values: dict[str, list[float]] = {}
        for i, sample in enumerate(self.samples):
            random = torch.get_rng_state()  # upscale seeds; the training's own draws must not notice
            sr = to_8bit(upscale(net, to_float(sample.lr), self.scale, multiple)[0])
            torch.set_rng_state(random)
            for metric in list(self.metrics):
                try:
                    score = self.scorer.score(sr, sample, self.protocol, metric, sample.name)
                except AssetError as error:
                    self.ui.warn(f"validation goes without {metric.name}: {error}")
                    self.metrics.remove(metric)
                    continue
                if score.value is not None:
                    values.setdefault(metric.name, []).append(score.value)
            if i < PICTURES:
                write(pictures / f"{sample.name}.png", to_picture(sr, grey=sample.grey))
        return {name: sum(scores) / len(scores) for name, scores in values.items()}
