"""Validation while training: a dataset scored exactly as in a run, and sample pictures."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from srbench import defaults
from srbench.data.find import find_dataset
from srbench.data.image_sets import prepare
from srbench.data.pairs import usable
from srbench.errors import AssetError
from srbench.images.degradations import BICUBIC
from srbench.images.tensors import to_8bit, to_picture
from srbench.images.write import write
from srbench.inference.upscale import upscale
from srbench.protocols import get_protocol
from srbench.resize import imresize
from srbench.scoring.outputs import criteria, score_samples, upscale_samples
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import load_sample
from srbench.scoring.scorer import Scorer
from srbench.specs import DatasetSpec, ImagePair
from srbench.training.data.find import HELD_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import torch

    from srbench.catalog.catalog import Catalog
    from srbench.data.image_sets import ImageSet
    from srbench.images.degradations import Degradation
    from srbench.system.terminal import UI
    from srbench.training.data.find import TrainingData

PICTURES = 2
STORE_BYTES = 512 * 2**20


def choose_validation(
    catalog: Catalog,
    dataset: str,
    data: TrainingData,
    scale: int,
    seed: int,
    ui: UI,
    degradation: Degradation = BICUBIC,
) -> tuple[ImageSet, TrainingData]:
    """Return the validation images, and the training data without them.

    Args:
        catalog: the datasets.
        dataset: dataset, folder or ``held-out``; empty for the default, or ``held-out`` if that is not available.
        data: the training data.
        scale: scale of the training.
        seed: chooses the images that are held out.
        ui: is told if images are held out instead of the default.
        degradation: makes the LR images.

    Raises:
        UsageError: the dataset is unknown, or does not exist at the scale.
        AssetError: the dataset is not available.
    """
    if dataset != HELD_OUT:
        spec = find_dataset(catalog, dataset or defaults.VALIDATION)
        images = prepare(dataset or defaults.VALIDATION, spec, spec.name, scale, ui, degradation)
        if not images.fault:
            return images, data
        if dataset:
            raise AssetError(f"{images.fault} (--validate-on chooses another dataset or folder)")
        ui.note(f"{defaults.VALIDATION} is not available, so a tenth of the training images is held out for validation")
    data = _hold_out(data, scale, seed, ui)
    pairs = _pairs(data)
    spec = DatasetSpec(name=HELD_OUT, summary="part of the training data", scales={scale}, images=lambda _: pairs)
    return prepare(HELD_OUT, spec, HELD_OUT, scale, ui, degradation, remarks=False), data


def _hold_out(data: TrainingData, scale: int, seed: int, ui: UI) -> TrainingData:
    """Return the data with images held out that can be decoded; those that cannot are left out of it.

    Raises:
        UsageError: fewer than two images are left.
    """
    while True:
        split = data.hold_out(seed)
        pairs = _pairs(split)
        good, faults = usable(pairs, scale)
        if not faults:
            return split
        for fault in faults:
            ui.warn(f"left out: {fault}")
        kept = {pair.hr for pair in good}
        data = data.drop({image.path for image in split.held_out if image.path not in kept})


def _pairs(data: TrainingData) -> list[ImagePair]:
    return [ImagePair(image.name, image.path, image.lr) for image in data.held_out]


def beside_baseline(figures: Mapping[str, float], baseline: Mapping[str, float]) -> str:
    """Return validation figures in words, each with that of bicubic enlargement."""
    return ", ".join(
        f"{name} {value:.4f}" + (f" ({defaults.BASELINE} {baseline[name]:.4f})" if name in baseline else "")
        for name, value in figures.items()
    )


class Validator:
    """Scores a network on a dataset; the references are prepared once."""

    def __init__(self, catalog: Catalog, images: ImageSet, device: torch.device, ui: UI) -> None:
        self.name, self.scale = images.name, images.scale
        self.samples = [load_sample(pair, images.scale, device, images.degradation) for pair in images.pairs]
        self.scorer = Scorer(ReferenceStore(STORE_BYTES))
        metrics = [catalog.metrics[name] for name in defaults.METRICS if name in catalog.metrics]
        self.criteria = criteria(metrics, [get_protocol(defaults.PROTOCOL)])
        self.ui = ui

    def score(self, net: torch.nn.Module, multiple: int, pictures: Path) -> dict[str, float]:
        """Return the mean of each metric over the images, and save the first `PICTURES` outputs.

        Raises:
            MethodError: an output has a wrong shape, dtype or values.
        """
        return self._score(lambda lr: upscale(net, lr, self.scale, multiple), pictures)

    @cached_property
    def baseline(self) -> dict[str, float]:
        """The mean of each metric for bicubic enlargement, by which is told whether a network learns."""
        return self._score(lambda lr: imresize(lr, (lr.shape[-2] * self.scale, lr.shape[-1] * self.scale)))

    def _score(self, enlarge: Callable[[torch.Tensor], torch.Tensor], pictures: Path | None = None) -> dict[str, float]:
        values: dict[str, list[float]] = {}
        for i, sample in enumerate(self.samples):
            sr = upscale_samples(lambda lr: to_8bit(enlarge(lr)), [sample])[0]
            names = {sample.name: sample.name}
            for _, criterion, score in score_samples(
                self.scorer, {sample.name: sample}, {sample.name: sr}, {sample.name: self.criteria}, names
            ):
                if score.code is not None:
                    self.ui.warn(f"{criterion.metric.name} is left out of the validation: {score.reason}")
                    self.criteria.remove(criterion)
                elif score.value is not None:
                    values.setdefault(criterion.metric.name, []).append(score.value)
            if pictures and i < PICTURES:
                write(pictures / f"{sample.name}.png", to_picture(sr, grey=sample.grey))
        return {name: sum(scores) / len(scores) for name, scores in values.items()}
