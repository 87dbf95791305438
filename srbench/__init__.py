"""srbench: score, compare, train and time image super-resolution methods by one named protocol."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from srbench.version import __version__ as __version__

if TYPE_CHECKING:
    from srbench.api import load as load
    from srbench.api import run as run
    from srbench.hookspecs import hookimpl
    from srbench.runs.in_process import method as method
    from srbench.scoring.arrays import score as score
    from srbench.specs import (
        Archive,
        Asset,
        DatasetSpec,
        ImagePair,
        LossSpec,
        Metric,
        MetricSpec,
        ModelFileSpec,
        ModelSpec,
        Published,
    )

__all__ = [
    "Archive",
    "Asset",
    "DatasetSpec",
    "ImagePair",
    "LossSpec",
    "Metric",
    "MetricSpec",
    "ModelFileSpec",
    "ModelSpec",
    "Published",
    "hookimpl",
]  # without load, method, run and score: 'from srbench import *' in a plugin must not import torch

_HOMES = {"load": "api", "run": "api", "hookimpl": "hookspecs"}
_HOMES |= {"method": "runs.in_process", "score": "scoring.arrays"}
"""Modules of public names that are not in `srbench.specs`."""


def __getattr__(name: str) -> Any:
    """Import a public name on first use: ``srbench --help`` needs none, and a plugin needs no torch."""
    if name in _HOMES or name in __all__:
        return getattr(import_module(f"srbench.{_HOMES.get(name, 'specs')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
