"""Whole files and folders: upscale pictures, make benchmark LR, score outputs of any other tool.

One file that fails is named and the others go on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from srbench.datasets import planes
from srbench.degradations import BICUBIC
from srbench.errors import AssetError, ImageError, MethodError, SRBenchError, UsageError
from srbench.evaluate import SEED, Sample, Score, Scorer, to_picture, upscale
from srbench.images import Picture, list_folder, mod_crop, read_8bit, write
from srbench.memory import keep_memory
from srbench.protocols import grey_values
from srbench.references import ReferenceStore
from srbench.resize import imresize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from srbench.degradations import Degradation
    from srbench.protocols import Protocol
    from srbench.specs import MetricSpec, ModelSpec

STORE_BYTES = 256 * 2**20


def outputs(source: Path, target: Path, *, overwrite: bool, suffix: str = "") -> list[tuple[Path, Path]]:
    """Pair each input file with the file to write: PNG under the same name, or the name asked for, and the suffix.

    Raises:
        UsageError: the source is not there, two inputs would share an output, or an output exists already.
    """
    try:
        is_folder, is_file = source.is_dir(), source.is_file()
    except OSError as error:
        raise UsageError(f"{source}: cannot be read ({error.strerror})") from error
    if is_folder:
        if target.is_file():
            raise UsageError(f"{target}: is a file; a folder of inputs needs a folder to write to")
        pairs = [(file, target / f"{file.stem}.png") for file in list_folder(source)]
    elif is_file:
        folder = target.is_dir() or not target.suffix
        pairs = [(source, target / f"{source.stem}.png" if folder else target)]
    else:
        raise UsageError(f"{source}: no such file or folder")
    pairs = [(source, path.with_name(f"{path.stem}{suffix}{path.suffix}")) for source, path in pairs]
    taken = Counter(path for _, path in pairs)
    if doubles := [path for path, times in taken.items() if times > 1]:
        raise UsageError(f"two inputs would both be written to {doubles[0]}; rename one")
    if not overwrite and (there := [path for path in taken if path.exists()]):
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise UsageError(f"{there[0]}{more} exists already; nothing was written (--overwrite replaces)")
    return pairs


def each(pairs: Iterable[tuple[Path, Path]], work: Callable[[Path], Picture], done: Callable[[str], None]) -> list[str]:
    """Read, work on and write each file; return the faults of those that failed."""
    faults = []
    for source, target in pairs:
        try:
            write(target, work(source))
        except (ImageError, MethodError) as error:
            text = str(error)
            faults.append(text if str(source) in text or str(target) in text else f"{source}: {text}")
        done(source.name)
    return faults


def upscale_picture(
    picture: Picture,
    net: Callable[[torch.Tensor], torch.Tensor],
    scale: int,
    multiple: int,
    device: torch.device,
    seed: int = SEED,
) -> Picture:
    """Enlarge a picture of any size and kind: 16 bits stay 16 bits, grey stays grey, alpha is enlarged bicubically.

    Raises:
        MethodError: the network fails or breaks the contract.
    """
    top = 65535 if picture.bits == 16 else 255
    dtype = picture.pixels.dtype
    lr = torch.from_numpy(picture.pixels.astype(np.float32)).permute(2, 0, 1)[None] / top
    try:
        sr = upscale(net, lr.to(device), scale, multiple, seed)[0].cpu().clamp(0, 1).double().numpy()
    except SRBenchError:
        raise
    except (Exception, SystemExit) as error:
        raise MethodError(f"the method failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error
    if picture.grey:
        sr = grey_values(sr).repeat(3, axis=0)
    pixels = np.floor(sr * top + 0.5).astype(dtype).transpose(1, 2, 0)
    alpha = None
    if picture.alpha is not None:
        plane = torch.from_numpy(picture.alpha.astype(np.float64))
        large = imresize(plane, (plane.shape[0] * scale, plane.shape[1] * scale)).clamp(0, top)
        alpha = (large + 0.5).floor().numpy().astype(dtype)
    return Picture(np.ascontiguousarray(pixels), picture.grey, alpha, picture.icc)


def passes(spec: ModelSpec, scale: int, *, repeat: bool) -> list[int]:
    """Return the scales to go through, largest first, as few as will do; one alone where the method does the scale.

    Raises:
        UsageError: it does not do it, and repetition was not asked for or does not lead there.
    """
    if scale in spec.scales:
        return [scale]
    ways: dict[int, list[int]] = {1: []}
    for product in range(2, scale + 1):
        last = [s for s in sorted(spec.scales) if product % s == 0 and product // s in ways]
        found = [sorted([*ways[product // s], s], reverse=True) for s in last]
        if found:
            ways[product] = min(found, key=lambda way: (len(way), max(way)))  # x16: x4 twice, not x8 and x2
    if repeat and scale in ways:
        return ways[scale]
    does = ", ".join(f"x{s}" for s in sorted(spec.scales))
    hint = f" (--repeat goes {' then '.join(f'x{s}' for s in ways[scale])})" if scale in ways else ""
    raise UsageError(f"{spec.name} does not do x{scale}; it does {does}{hint}")


def chain(
    nets: Sequence[tuple[Callable[[torch.Tensor], torch.Tensor], int]], multiple: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what runs networks one behind the other, each with its scale, on images clamped to [0, 1]."""

    def run(x: torch.Tensor) -> torch.Tensor:
        for net, scale in nets:
            x = upscale(net, x, scale, multiple).clamp(0, 1)
        return x

    return run


def degrade_file(path: Path, scale: int, degradation: Degradation = BICUBIC, seed: int = 0) -> Picture:
    """Make the LR of a file, as a run makes it, cropped to a multiple of the scale first.

    Raises:
        ImageError: the file cannot be used.
    """
    picture = mod_crop(read_8bit(path), scale, str(path))
    return to_picture(degradation(torch.from_numpy(planes(picture)), scale, seed), grey=picture.grey)


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
