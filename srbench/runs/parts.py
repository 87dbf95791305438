"""The units of a run: a method on a dataset at a scale, and its output for each image."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """A method on a dataset at a scale; it fails or succeeds as a whole."""

    method: str
    dataset: str
    """Name in results, including the degradation."""
    scale: int

    def __str__(self) -> str:
        return f"{self.method} on {self.dataset} x{self.scale}"


class Output(NamedTuple):
    """A method's SR of one image of a dataset, in one precision."""

    method: str
    dataset: str
    scale: int
    image: str
    precision: str

    @property
    def part(self) -> Part:
        """The method on the dataset at the scale."""
        return Part(self.method, self.dataset, self.scale)
