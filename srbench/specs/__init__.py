"""The specs that plugins return, and the frozen records in them; one module for each kind.

No module here imports torch. A spec describes what exists and how it is built; it is built later.
"""

from srbench.specs.checks import FILE_NAME, NAME
from srbench.specs.dataset import ARCHIVES, Archive, Asset, DatasetSpec, ImagePair, Remark, find_image
from srbench.specs.loss import LossSpec
from srbench.specs.metric import Metric, MetricSpec
from srbench.specs.model import ModelFileSpec, ModelSpec, Published, Tile

__all__ = [
    "ARCHIVES",
    "FILE_NAME",
    "NAME",
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
    "Remark",
    "Tile",
    "find_image",
]
