"""Score a folder of SR images from any tool against a folder of HR images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from srbench.errors import Code, SRBenchError
from srbench.images.picture import has_colour
from srbench.images.read import read_8bit
from srbench.images.tensors import planes
from srbench.scoring.fit import GREY_SR, fit
from srbench.scoring.outputs import criteria, score_samples
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import Sample
from srbench.scoring.scorer import Scorer
from srbench.system.malloc import keep_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from srbench.protocols import Protocol
    from srbench.scoring.pairing import FilePair
    from srbench.scoring.scorer import Score
    from srbench.specs import MetricSpec

STORE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class FolderScores:
    """Scores of a folder, and what could not be scored."""

    scores: dict[tuple[str, str], dict[str, Score]] = field(default_factory=dict)
    """By (image, protocol) and metric; a metric that uses no protocol has the same score under each."""
    faults: dict[str, str] = field(default_factory=dict)
    """Images that could not be scored, with the reason."""
    missing: dict[str, str] = field(default_factory=dict)
    """Metrics that could not be computed, with the reason."""
    remarks: dict[str, list[str]] = field(default_factory=dict)
    """What is odd about images that were scored all the same, with their names."""

    def remark(self, text: str, image: str) -> None:
        """Add an image to those that a remark is about."""
        self.remarks.setdefault(text, []).append(image)

    def mean(self, metric: str, protocol: str) -> tuple[float | None, int]:
        """Return the mean over the images that have a value, None if there is none, and how many there are."""
        scores = [by_metric.get(metric) for (_, name), by_metric in self.scores.items() if name == protocol]
        values = [score.value for score in scores if score is not None and score.value is not None]
        return (sum(values) / len(values) if values else None), len(values)


def score_folders(
    pairs: Sequence[FilePair],
    scale: int,
    protocols: Sequence[Protocol],
    metrics: Sequence[MetricSpec],
    device: torch.device,
    done: Callable[[str], object] = lambda _: None,
    *,
    crop_common: bool = False,
) -> FolderScores:
    """Score pairs of files, exactly as a run scores a method's output.

    Args:
        pairs: the files.
        scale: scale factor; HR is cropped to multiples of it, and as many pixels are cut from each side.
        protocols: the protocols to score under.
        metrics: the metrics to compute.
        device: the device to compute on.
        done: called with the name of each finished pair.
        crop_common: score what SR and HR have in common, from the top left, where their sizes differ by less than the
            scale.
    """
    keep_memory()
    result = FolderScores()
    scorer = Scorer(ReferenceStore(STORE_BYTES))
    all_criteria = criteria(metrics, protocols)
    for pair in pairs:
        try:
            sr, sample = _read_pair(pair, scale, device, result, crop_common=crop_common)
        except SRBenchError as error:
            result.faults[pair.name] = str(error)
            done(pair.name)
            continue
        computable = [criterion for criterion in all_criteria if criterion.metric.name not in result.missing]
        names = {pair.name: pair.name}
        for protocol in protocols:
            result.scores[pair.name, protocol.name] = {}
        for _, criterion, score in score_samples(
            scorer, {pair.name: sample}, {pair.name: sr}, {pair.name: computable}, names
        ):
            metric = criterion.metric
            if score.code is Code.MISSING_BACKBONE:
                result.missing[metric.name] = score.reason
                continue
            for protocol in [criterion.protocol] if metric.uses_protocol else protocols:
                result.scores[pair.name, protocol.name][metric.name] = score
        done(pair.name)
    return result


def _read_pair(
    pair: FilePair, scale: int, device: torch.device, result: FolderScores, *, crop_common: bool
) -> tuple[torch.Tensor, Sample]:
    hr, sr = read_8bit(pair.hr), read_8bit(pair.sr)
    fitted = fit(sr, hr.size, scale, str(pair.sr), pair.hr.name, crop_common=crop_common)
    if fitted.remark:
        result.remark(fitted.remark, pair.name)
    sr, hr = fitted.sr, hr.crop(*fitted.sr.size)
    if has_colour(hr) and not has_colour(sr):
        result.remark(GREY_SR, pair.name)
    hr_tensor = torch.from_numpy(planes(hr)).to(device)
    sample = Sample(pair.name, hr_tensor, hr_tensor[..., :0, :0], hr.grey, scale)
    return torch.from_numpy(planes(sr)).to(device), sample
