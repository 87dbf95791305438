"""What a run is made of: a method on a dataset at a scale, and its output for each image."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """What fails or succeeds as one: a method on a dataset at a scale."""

    method: str
    dataset: str
    """As results name it, the degradation included."""
    scale: int

    def __str__(self) -> str:
        return f"{self.method} on {self.dataset} x{self.scale}"


class Output(NamedTuple):
    """What a method makes of one image of a dataset, in one precision."""

    method: str
    dataset: str
    scale: int
    image: str
    precision: str

    @property
    def part(self) -> Part:
        """The method on the dataset at the scale."""
        return Part(self.method, self.dataset, self.scale)
