"""srbench: score, compare, train and time image super-resolution methods by one named protocol."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from srbench.hookspecs import hookimpl
from srbench.model_files import ModelFileSpec
from srbench.specs import Archive, Asset, DatasetSpec, ImagePair, LossSpec, Metric, MetricSpec, ModelSpec, Published

if TYPE_CHECKING:
    from srbench.api import load as load
    from srbench.api import run as run

__version__ = "0.1.0"

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
]  # without load and run: 'from srbench import *' in a plugin must not import torch


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is asked for: plugins import srbench to say what they bring."""
    if name in ("load", "run"):
        return getattr(import_module("srbench.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
