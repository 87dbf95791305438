"""srbench: score, compare, train and time image super-resolution methods by one named protocol."""

from srbench.hookspecs import hookimpl
from srbench.specs import Archive, Asset, DatasetSpec, ImagePair, LossSpec, Metric, MetricSpec, ModelSpec, Published

__version__ = "0.1.0"

__all__ = [
    "Archive",
    "Asset",
    "DatasetSpec",
    "ImagePair",
    "LossSpec",
    "Metric",
    "MetricSpec",
    "ModelSpec",
    "Published",
    "hookimpl",
]
