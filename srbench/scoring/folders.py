"""Score a folder of images that any tool made against a folder of HR."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from srbench.errors import AssetError, ImageError, SRBenchError, UsageError
from srbench.images.picture import mod_crop
from srbench.images.read import list_folder, read_8bit
from srbench.images.tensors import planes
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import Sample
from srbench.scoring.scorer import Score, Scorer
from srbench.system.malloc import keep_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from srbench.protocols import Protocol
    from srbench.specs import MetricSpec


STORE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class FolderScores:
    """Scores by (image, protocol) and metric, and what could not be scored."""

    scores: dict[tuple[str, str], dict[str, Score]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Pairs that could not be scored, with the reason."""
    missing: dict[str, str] = field(default_factory=dict)
    """Metrics that could not be computed at all, with the reason."""


def pair_files(
    sr_folder: Path, hr_folder: Path, sr_suffix: str = "", hr_suffix: str = ""
) -> tuple[list[tuple[str, Path, Path]], list[str]]:
    """Pair files by name without extension, after the suffixes given were taken off.

    Returns:
        ``(name, sr, hr)`` of each pair, and the files without partner.

    Raises:
        UsageError: nothing pairs up, or two files of a folder have the same name.
    """
    sides = []
    for folder, suffix in ((sr_folder, sr_suffix), (hr_folder, hr_suffix)):
        named: dict[str, Path] = {}
        for file in list_folder(folder):
            name = file.stem.removesuffix(suffix)
            if name in named:
                raise UsageError(f"{named[name]} and {file.name} have the same name; which is meant is unclear")
            named[name] = file
        sides.append(named)
    sr, hr = sides
    alone = [f"{sr[name]} has no HR partner" for name in sr if name not in hr]
    alone += [f"{hr[name]} has no SR partner" for name in hr if name not in sr]
    pairs = [(name, file, hr[name]) for name, file in sr.items() if name in hr]
    if not pairs:
        example = f"{next(iter(sr.values())).name} and {next(iter(hr.values())).name}"
        raise UsageError(
            f"no file of {sr_folder} has the name of one in {hr_folder} (for example {example}); "
            "--sr-suffix and --hr-suffix take off what is added to names"
        )
    return pairs, alone


def score_folders(
    pairs: Sequence[tuple[str, Path, Path]],
    scale: int,
    protocols: Sequence[Protocol],
    metrics: Sequence[MetricSpec],
    device: torch.device,
    done: Callable[[str], None],
) -> FolderScores:
    """Score pairs of files, exactly as a run scores a method's output."""
    keep_memory()
    result = FolderScores()
    scorer = Scorer(ReferenceStore(STORE_BYTES))
    for name, sr_path, hr_path in pairs:
        try:
            sr, sample = _read_pair(name, sr_path, hr_path, scale, device)
        except SRBenchError as error:
            result.faults.append(str(error))
            done(name)
            continue
        for protocol in protocols:
            scores = result.scores.setdefault((name, protocol.name), {})
            for metric in metrics:
                if metric.name not in result.missing:
                    try:
                        scores[metric.name] = scorer.score(sr, sample, protocol, metric, name)
                    except AssetError as error:
                        result.missing[metric.name] = str(error)
        done(name)
    return result


def _read_pair(
    name: str, sr_path: Path, hr_path: Path, scale: int, device: torch.device
) -> tuple[torch.Tensor, Sample]:
    hr = mod_crop(read_8bit(hr_path), scale, str(hr_path))
    sr = read_8bit(sr_path)
    if sr.size != hr.size:
        raise ImageError(
            f"{sr_path}: is {sr.size[0]}x{sr.size[1]}, but {hr_path.name} cropped to multiples of {scale} is "
            f"{hr.size[0]}x{hr.size[1]}"
        )
    hr_tensor = torch.from_numpy(planes(hr)).to(device)
    sample = Sample(name, hr_tensor, hr_tensor[..., :0, :0], hr.grey, scale)
    return torch.from_numpy(planes(sr)).to(device), sample
