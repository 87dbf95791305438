"""srbench from Python: `run` scores methods, `load` returns a method to enlarge images with.

import srbench

frame = srbench.run(methods=["bicubic", "lanczos"], dataset="samples")
large = srbench.load("bicubic", scale=4)(small)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from PIL import Image

from srbench import defaults
from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError
from srbench.images.picture import Picture, from_pillow, to_pillow
from srbench.images.read import read
from srbench.images.tensors import check_range
from srbench.inference.build import build_net
from srbench.inference.enlarger import Enlarger
from srbench.inference.files import upscale_picture
from srbench.inference.tiler import Tiler
from srbench.inference.upscale import SEED
from srbench.runs.harness import new_folder, score
from srbench.runs.in_process import names_of
from srbench.runs.request import Request
from srbench.specs import ModelSpec
from srbench.store.weights import find_weights
from srbench.system.devices import find_device
from srbench.system.terminal import Silent, Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from srbench.specs import Tile
    from srbench.store.weights import Weights
    from srbench.system.terminal import UI

    Array = NDArray[Any]


def run(
    methods: Any,
    dataset: str | Path | Sequence[str | Path] = defaults.DATASET,
    *,
    scale: int | Sequence[int] = 4,
    protocol: str | Sequence[str] = defaults.PROTOCOL,
    metrics: str | Sequence[str] = defaults.METRICS,
    degradation: str = defaults.DEGRADATION,
    out: str | Path | None = None,
    sort: str = defaults.SORT,
    speed: bool = True,
    speed_size: int = 256,
    speed_batch: int = 1,
    speed_seconds: float = 2.0,
    weights: Mapping[str, str | Path] | None = None,
    train: str | Path | Sequence[str | Path] = (),
    train_steps: int | None = None,
    save_images: bool = False,
    limit_images: int = 0,
    images: str | Sequence[str] = (),
    force: bool = False,
    device: str = "auto",
    threads: int = 0,
    precision: str = "fp32",
    compiled: bool = False,
    tile: Tile = "auto",
    timeout_s: float = 1800,
    max_memory: int = 0,
    inline: bool = False,
    executor: str = "local",
    scheduler: str = "",
    workers: int = 0,
    slurm: str | Sequence[str] = (),
    plugins: str | Path | Sequence[str | Path] = (),
    quiet: bool = False,
) -> pd.DataFrame:
    """Score and time methods on datasets, as ``srbench run`` does.

    If a method fails, only its rows are affected: ``status`` is ``failed`` and ``reason`` says why.

    Args:
        methods: names of methods; also networks, functions and what `srbench.method` returns, run in this process.
        dataset: names of datasets, and folders of images.
        scale: scale factors.
        protocol: names of protocols: ``y``, ``y-uint8``, ``rgb``.
        metrics: names of metrics.
        degradation: name of the degradation that makes LR from HR.
        out: the run's folder, ``runs/<date-time>`` if None. The same call on the same folder resumes.
        sort: the column to rank by.
        speed: whether to measure speed.
        speed_size: LR height and width for speed, in pixels.
        speed_batch: images per batch for speed.
        speed_seconds: duration of each measurement of speed.
        weights: a path, ``trained`` or ``shipped``, by method.
        train: training datasets; methods without weights are trained on them first.
        train_steps: steps of each such training; None for the recipe's default.
        save_images: save SR, HR and LR as PNG in the folder.
        limit_images: score only the first so many images of each dataset; 0 for all.
        images: score only these images, by name.
        force: score again what has been scored already.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
        threads: CPU threads; 0 for torch's default.
        precision: ``fp32``, ``bf16`` or ``fp16``; the latter two use autocast.
        compiled: run networks through torch.compile.
        tile: ``auto`` to use tiles if an image does not fit in memory; a tile's height and width in LR pixels; ``off``.
        timeout_s: time limit in seconds for one image or one measurement of speed; 0 for no limit.
        max_memory: memory limit of a method's process, in bytes; 0 for no limit.
        inline: run jobs in this process, without isolation.
        executor: where jobs run: ``local``, ``dask``, ``slurm``.
        scheduler: address of a Dask scheduler; empty starts a local cluster.
        workers: workers of a local Dask cluster, or the most SLURM jobs at once; 0 for the default.
        slurm: resources of SLURM jobs, each ``[METHOD:]NAME=VALUE[,NAME=VALUE...]``.
        plugins: plugin files to load as well.
        quiet: print nothing.

    Returns:
        The leaderboard, one row per method, dataset, scale and protocol, best first: the columns of
        ``leaderboard.csv``. ``attrs["out"]`` is the run's folder.

    Raises:
        UsageError: a name, scale or combination does not exist; nothing was started.
        SRBenchError: the run cannot start (no such device, a folder that cannot be written).
    """
    arguments = {name: value for name, value in locals().items() if value != (run.__kwdefaults__ or {}).get(name)}
    ui: UI = Silent() if quiet else Terminal()
    files = tuple(str(Path(plugin).resolve()) for plugin in _several(plugins))
    catalog = open_catalog(files, ui)
    is_one = callable(methods) or isinstance(methods, str | ModelSpec) or not isinstance(methods, Iterable)
    listed = (methods,) if is_one else methods
    names = names_of(listed, _several(scale), catalog.models.specs)
    arguments["methods"] = list(names)
    request = Request(
        methods=names,
        datasets=tuple(str(name) for name in _several(dataset)),
        scales=_several(scale),
        protocols=_several(protocol),
        metrics=_several(metrics),
        out=new_folder() if out is None else Path(out),
        plugins=files,
        device=device,
        threads=threads,
        precision=precision,
        compiled=compiled,
        tile=tile,
        sort=sort,
        speed=speed,
        speed_size=speed_size,
        speed_batch=speed_batch,
        speed_seconds=speed_seconds,
        save_images=save_images,
        limit_images=limit_images,
        images=_several(images),
        force=force,
        inline=inline,
        timeout_s=timeout_s,
        max_memory=max_memory,
        command=f"srbench.run({', '.join(f'{name}={value!r}' for name, value in arguments.items())})",
        weights={method: str(choice) for method, choice in (weights or {}).items()},
        train_on=tuple(str(name) for name in _several(train)),
        train_steps=train_steps,
        degradation=degradation,
        executor=executor,
        scheduler=scheduler,
        workers=workers,
        slurm=_several(slurm),
    )
    frame = score(request, catalog, ui).board.frame
    frame.attrs["out"] = str(request.out)
    return frame


def open_catalog(plugins: Sequence[str | Path], ui: UI) -> Catalog:
    """Load all plugins, and warn about broken ones.

    Raises:
        UsageError: a plugin file does not exist.
    """
    catalog = Catalog.load(plugins)
    for complaint in catalog.complaints(plugins):
        ui.warn(complaint)
    return catalog


def _several(value: Any) -> tuple[Any, ...]:
    """Return one or several values as a tuple without duplicates."""
    return tuple(dict.fromkeys(value)) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)


class Upscaler:
    """A method at a scale, with its weights on a device, ready to enlarge images; `load` makes one.

    Args:
        spec: the method.
        scale: one of its scales.
        weights: ``shipped``, ``trained``, a path, or empty for shipped weights, else trained ones.
        device: ``auto``, ``cpu``, ``cuda``.
        option: the option that chose the weights, for messages.
        tile: ``auto`` to use tiles if an image does not fit in memory; a tile's height and width in LR pixels; ``off``.

    Raises:
        UsageError: the method does not support the scale or tiling, or the chosen weights do not exist.
        MethodError: the method needs weights and has none, or its network cannot be built.
        SRBenchError: there is no such device.
    """

    def __init__(
        self,
        spec: ModelSpec,
        scale: int,
        weights: str = "",
        device: str = "auto",
        option: str = "",
        tile: Tile = "auto",
    ) -> None:
        if type(scale) is not int:
            raise UsageError(f"scale is a whole number, not {scale!r}; {spec.name} does {spec.scales_text}")
        if reason := spec.lacks_scale(scale):
            raise UsageError(f"{spec.name} {reason}")
        self.spec, self.scale = spec, scale
        self.device = find_device(device)
        self.weights: Weights | None = find_weights(spec, scale, weights, option)
        self.net: torch.nn.Module = build_net(spec, scale, self.device, self.weights.path if self.weights else None)
        self.tiler = Tiler(Enlarger.of(spec, self.net, scale), self.device, tile)
        self._is_checked = False
        """Whether the range of an output was looked at."""

    def __repr__(self) -> str:
        weights = f", {self.weights.origin} weights {self.weights.digest}" if self.weights else ""
        return f"<{self.spec.name} x{self.scale} on {self.device}{weights}>"

    @overload
    def __call__(self, image: str | Path, *, seed: int = SEED) -> Image.Image: ...
    @overload
    def __call__(self, image: Image.Image, *, seed: int = SEED) -> Image.Image: ...
    @overload
    def __call__(self, image: torch.Tensor, *, seed: int = SEED) -> torch.Tensor: ...
    @overload
    def __call__(self, image: Array, *, seed: int = SEED) -> Array: ...

    def __call__(
        self, image: str | Path | Image.Image | torch.Tensor | Array, *, seed: int = SEED
    ) -> Image.Image | torch.Tensor | Array:
        """Enlarge an image, and return one of the same type.

        Args:
            image: a file or a Pillow image (grey, alpha and 16 bits of grey are kept); an array ``(H, W)``,
                ``(H, W, 3)`` or ``(H, W, 4)``, uint8, uint16 or floating point in [0, 1]; a tensor ``(3, H, W)`` or
                ``(N, 3, H, W)``, floating point in [0, 1], on any device.
            seed: random seed of stochastic methods.

        Returns:
            An image ``scale`` times as high and wide; a Pillow image for a file. Values are in [0, 1], or rounded to
            the input's integer dtype.

        Raises:
            UsageError: the image is of none of these types, shapes or ranges.
            ImageError: the file cannot be read.
            MethodError: the method fails, or its output has a wrong shape or is not finite.
        """
        sr = self._enlarged(image, seed)
        if not self._is_checked and (remark := self.tiler.enlarger.take_remark()):
            warnings.warn(f"{self.spec.name}: {remark}", stacklevel=2)
        self._is_checked = True
        return sr

    def _enlarged(
        self, image: str | Path | Image.Image | torch.Tensor | Array, seed: int
    ) -> Image.Image | torch.Tensor | Array:
        """Enlarge an image of any of the types."""
        if isinstance(image, torch.Tensor):
            return self._tensor(image, seed)
        if isinstance(image, str | Path):
            return to_pillow(self.picture(read(Path(image)), seed))
        if isinstance(image, Image.Image):
            return to_pillow(self.picture(from_pillow(image), seed))
        if isinstance(image, np.ndarray):
            return self._array(image, seed)
        raise UsageError(f"{type(image).__name__} is not an image: give a file, a Pillow image, an array or a tensor")

    def picture(self, picture: Picture, seed: int = SEED) -> Picture:
        """Enlarge a decoded file, keeping greyscale, alpha, 16 bits and the colour profile.

        Raises:
            MethodError: the method fails, or its output has a wrong shape or is not finite.
        """
        return upscale_picture(picture, self.tiler, seed)

    def _tensor(self, image: torch.Tensor, seed: int) -> torch.Tensor:
        if image.ndim not in (3, 4) or image.shape[-3] != 3 or not image.is_floating_point() or not image.numel():
            raise UsageError(
                f"a tensor image must be (3, H, W) or (N, 3, H, W), floating point in [0, 1], not {tuple(image.shape)} "
                f"of {image.dtype}"
            )
        check_range(float(image.min()), float(image.max()))
        lr = (image if image.ndim == 4 else image[None]).to(self.device, torch.float32)
        sr = self.tiler(lr, seed=seed).clamp(0, 1).clone().to(image.device, image.dtype)
        return sr if image.ndim == 4 else sr[0]

    def _array(self, image: Array, seed: int) -> Array:
        grey, channels = image.ndim == 2, image.shape[2] if image.ndim == 3 else 1
        floating = np.issubdtype(image.dtype, np.floating)
        if (
            not image.size
            or not (grey or (image.ndim == 3 and channels in (3, 4)))
            or not (floating or image.dtype in (np.uint8, np.uint16))
        ):
            raise UsageError(
                "an array image must be (H, W), (H, W, 3) or (H, W, 4), uint8, uint16 or floating point in [0, 1], "
                f"not {image.shape} of {image.dtype}"
            )
        if floating:
            check_range(float(image.min()), float(image.max()))
        whole = (image.clip(0, 1) * 65535 + 0.5).astype(np.uint16) if floating else image
        colours = whole[..., None].repeat(3, axis=2) if grey else whole[..., :3]
        large = self.picture(Picture(colours, grey, whole[..., 3] if channels == 4 else None), seed)
        sr: Array = large.pixels[..., 0] if grey else large.pixels
        if large.alpha is not None:
            sr = np.concatenate([sr, large.alpha[..., None]], axis=2)
        return (sr / 65535).astype(image.dtype) if floating else sr


def load(
    method: str,
    scale: int = 4,
    *,
    weights: str | Path = "",
    device: str = "auto",
    tile: Tile = "auto",
    plugins: str | Path | Sequence[str | Path] = (),
) -> Upscaler:
    """Return a method to call on images.

    Args:
        method: the method's name.
        scale: the scale factor.
        weights: a path, ``trained`` or ``shipped``; if empty, the shipped weights, else those trained on this machine.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
        tile: ``auto`` to use tiles if an image does not fit in memory; a tile's height and width in LR pixels; ``off``.
        plugins: plugin files to load as well.

    Raises:
        UsageError: there is no such method, scale or tiling, or the chosen weights do not exist.
        MethodError: the method needs weights and has none, or its network cannot be built.
        SRBenchError: there is no such device.
    """
    catalog = Catalog.load(_several(plugins))
    option = f"weights={str(weights)!r}" if weights else ""
    return Upscaler(catalog.models[method], scale, str(weights), device, option, tile)
