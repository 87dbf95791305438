"""Methods that are files: wherever a method is named, ``PREFIX:PATH`` or ``NAME=PREFIX:PATH`` is one too.

A plugin brings the prefix and says how such a file is opened; the file holds the network and its weights.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from srbench.errors import MethodError, SRBenchError, UsageError, say
from srbench.specs import NAME, ModelSpec
from srbench.store.home import users_path

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from srbench.specs.model import ModelFileSpec


@dataclass(frozen=True)
class ModelFile:
    """A file as a method was asked for by it, taken apart."""

    prefix: str
    path: Path
    label: str
    """What it is called behind the prefix: as asked, else the file's own name."""

    @property
    def name(self) -> str:
        """The method's name, as rows have it."""
        return f"{self.prefix}:{self.label}"


def parse(text: str) -> ModelFile | None:
    """Take ``PREFIX:PATH`` or ``NAME=PREFIX:PATH`` apart; None for what is neither."""
    head, colon, path = text.partition(":")
    label, equals, prefix = head.rpartition("=")
    if not colon or not path or not NAME.fullmatch(prefix):
        return None
    if equals and not NAME.fullmatch(label):
        raise UsageError(f"{text}: the name {label!r} must be lower-case letters, digits, '.', '_' or '-'")
    file = users_path(path)
    plain = re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("._-")
    return ModelFile(prefix, file, label or plain or "file")


def open_file(spec: ModelFileSpec, file: ModelFile) -> ModelSpec:
    """Return the method that a file is.

    Raises:
        UsageError: there is no such file, or it is no method; says why.
        SRBenchError: the plugin breaks its contract.
    """
    what = f"{file.prefix}:{file.path}"
    if not file.path.is_file():
        raise UsageError(f"{what}: no such file")
    if file.path.suffix.lower() not in spec.suffixes:
        raise UsageError(f"{what}: {spec.name} takes files that end in {', '.join(spec.suffixes)}")
    try:
        opened = spec.open(file.name, file.path)
    except SRBenchError:
        raise
    except Exception as error:  # a plugin may raise anything, and so may the readers of damaged files
        raise UsageError(f"{what}: cannot be opened ({say(error)})") from error
    if not isinstance(opened, ModelSpec) or (opened.name, opened.file) != (file.name, file.path):
        raise SRBenchError(f"{what}: open(name, path) must return a ModelSpec with that name and file=path")
    return opened


def unreadable(file: ModelFile, error: UsageError) -> ModelSpec:
    """Return a method that stands for a file that cannot be opened; its build fails with the reason."""

    def build(_scale: int) -> torch.nn.Module:
        raise MethodError(str(error))

    return ModelSpec(
        name=file.name, summary="a file that cannot be opened", scales=range(2, 17), build=build, file=file.path
    )
