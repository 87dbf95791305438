"""srbench from Python: `run` scores methods, `load` returns a method to enlarge images with.

import srbench

frame = srbench.run(methods=["bicubic", "lanczos"], dataset="samples")
large = srbench.load("bicubic", scale=4)(small)
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench import defaults
from srbench.catalog.catalog import Catalog
from srbench.inference.upscaler import Upscaler
from srbench.runs.harness import new_folder, score
from srbench.runs.in_process import names_of
from srbench.runs.request import Request
from srbench.specs import ModelSpec
from srbench.system.terminal import Silent, Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from srbench.specs import Tile
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


def load(
    method: str,
    scale: int = 4,
    *,
    weights: str | Path = "",
    device: str = "auto",
    tile: Tile = "auto",
    precision: str = "fp32",
    plugins: str | Path | Sequence[str | Path] = (),
) -> Upscaler:
    """Return a method to call on images.

    Args:
        method: the method's name.
        scale: the scale factor.
        weights: a path, ``trained`` or ``shipped``; if empty, the shipped weights, else those trained on this machine.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
        tile: ``auto`` to use tiles if an image does not fit in memory; a tile's height and width in LR pixels; ``off``.
        precision: ``fp32``, ``bf16`` or ``fp16``; the latter two use autocast.
        plugins: plugin files to load as well.

    Raises:
        UsageError: there is no such method, scale, precision or tiling, or the chosen weights do not exist.
        MethodError: the method needs weights and has none, or its network cannot be built.
        SRBenchError: there is no such device.
    """
    catalog = Catalog.load(_several(plugins))
    option = f"weights={str(weights)!r}" if weights else ""
    return Upscaler(catalog.models[method], scale, str(weights), device, option, tile, precision)
