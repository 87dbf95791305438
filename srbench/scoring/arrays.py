"""Score arrays and tensors: `srbench.score`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from srbench.catalog.catalog import Catalog
from srbench.errors import SRBenchError, UsageError
from srbench.images.picture import Picture
from srbench.images.tensors import check_range, planes, to_8bit
from srbench.protocols import get_protocol
from srbench.scoring.fit import fit
from srbench.scoring.outputs import criteria, score_samples
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import Sample
from srbench.scoring.scorer import Scorer
from srbench.system.devices import find_device

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any] | torch.Tensor

STORE_BYTES = 64 * 2**20


def score(
    sr: Array,
    hr: Array,
    scale: int = 4,
    *,
    protocol: str = "y",
    metrics: str | Sequence[str] = ("psnr", "ssim"),
    device: str = "cpu",
    plugins: Sequence[str | Path] = (),
) -> dict[str, Any]:
    """Score SR against HR, exactly as a run and ``srbench score`` do.

    SR is clamped and rounded to 8 bits first, as if it were saved. HR is cropped to multiples of the scale, and SR with
    it if it has HR's own size.

    Args:
        sr: an array ``(H, W)`` or ``(H, W, 3)``, or a tensor ``(C, H, W)`` or ``(N, C, H, W)`` with 1 or 3 channels;
            uint8, or floating point in [0, 1].
        hr: of the same kind.
        scale: the scale factor; as many pixels are cut from each side (none at 1).
        protocol: name of the scoring protocol.
        metrics: names of metrics, or one name.
        device: where to compute: ``cpu``, ``cuda``, ``auto``.
        plugins: plugin files to load as well.

    Returns:
        A value per metric; NaN where the metric is undefined, as SSIM of a tiny image is. Of a tensor ``(N, C, H, W)``
        an array of N values per metric.

    Raises:
        UsageError: an image is of another type, shape, size or range, or a name does not exist.
        AssetError: the feature network of a metric is not available.
    """
    if type(scale) is not int or scale < 1:
        raise UsageError(f"scale must be a whole number from 1, not {scale!r}")
    catalog = Catalog.load(plugins)
    names = (metrics,) if isinstance(metrics, str) else metrics
    specs = {catalog.metrics[name].name: catalog.metrics[name] for name in names}
    wanted = criteria(specs.values(), [get_protocol(protocol)])
    target = find_device(device)
    outputs, references = _pictures(sr, "sr"), _pictures(hr, "hr")
    if len(outputs) != len(references):
        raise UsageError(f"sr holds {len(outputs)} images, hr {len(references)}")
    scorer = Scorer(ReferenceStore(STORE_BYTES))
    values: dict[str, list[float]] = {name: [] for name in specs}
    for number, (output, reference) in enumerate(zip(outputs, references, strict=True)):
        try:
            fitted = fit(output, reference.size, scale, "sr", "hr").sr
        except SRBenchError as error:
            raise UsageError(str(error)) from error
        hr_planes = torch.from_numpy(planes(reference.crop(*fitted.size))).to(target)
        sample = Sample("image", hr_planes, hr_planes[..., :0, :0], reference.grey, scale)
        sr_planes = torch.from_numpy(planes(fitted)).to(target)
        key = {"image": str(number)}
        for _, criterion, result in score_samples(
            scorer, {"image": sample}, {"image": sr_planes}, {"image": wanted}, key
        ):
            if result.code is not None:
                raise SRBenchError(result.reason, result.code)
            values[criterion.metric.name].append(math.nan if result.value is None else result.value)
    if getattr(sr, "ndim", 0) == 4:
        return {name: np.array(per_image) for name, per_image in values.items()}
    return {name: value for name, (value,) in values.items()}


def _pictures(image: Any, name: str) -> list[Picture]:
    """Return the images of an array or a tensor, in 8 bits.

    Raises:
        UsageError: it is of another type, shape or range.
    """
    if isinstance(image, torch.Tensor) and image.ndim in (3, 4) and image.shape[-3] in (1, 3):
        stack = image if image.ndim == 4 else image[None]
    elif isinstance(image, np.ndarray) and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3))):
        stack = torch.from_numpy(np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1)))[None]
    else:
        shape = f" {tuple(image.shape)}" if hasattr(image, "shape") else ""
        raise UsageError(
            f"{name} must be an array (H, W) or (H, W, 3), or a tensor (C, H, W) or (N, C, H, W) with 1 or 3 channels, "
            f"not {type(image).__name__}{shape}"
        )
    if not stack.numel():
        raise UsageError(f"{name} is empty")
    if stack.is_floating_point():
        stack = stack.detach().cpu().double()
        check_range(float(stack.min()), float(stack.max()), name)
        stack = to_8bit(stack)
    elif stack.dtype != torch.uint8:
        raise UsageError(f"{name} is {stack.dtype}; give uint8, or floating point in [0, 1]")
    grey = stack.shape[1] == 1
    rgb = stack.cpu().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()
    return [Picture(pixels, grey=grey) for pixels in rgb]
