"""Methods that are files: ``PREFIX:PATH`` or ``NAME=PREFIX:PATH`` can be written wherever a method is named.

A plugin defines the prefix and opens the file, which holds the network and its weights.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from srbench.errors import MethodError, SRBenchError, UsageError, say
from srbench.specs import NAME, ModelSpec
from srbench.store.home import users_path
from srbench.system.file_kinds import no_file

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from srbench.specs.model import ModelFileSpec


@dataclass(frozen=True)
class ModelFile:
    """The parts of ``PREFIX:PATH`` or ``NAME=PREFIX:PATH``."""

    prefix: str
    path: Path
    label: str
    """The name after the prefix: NAME, else made from the file's name."""

    @property
    def name(self) -> str:
        """The method's name, as in rows."""
        return f"{self.prefix}:{self.label}"


def parse(text: str) -> ModelFile | None:
    """Split ``PREFIX:PATH`` or ``NAME=PREFIX:PATH``; return None for any other text.

    Raises:
        UsageError: NAME has other characters than a name may have.
    """
    head, colon, path = text.partition(":")
    label, equals, prefix = head.rpartition("=")
    if not colon or not path or not NAME.fullmatch(prefix):
        return None
    if equals and not NAME.fullmatch(label):
        raise UsageError(f"{text}: the name {label!r} must be lower-case letters, digits, '.', '_' or '-'")
    file = users_path(path)
    stem = file.resolve().name if file.is_dir() else file.stem
    plain = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("._-")
    return ModelFile(prefix, file, label or plain or "file")


def open_file(spec: ModelFileSpec, file: ModelFile) -> ModelSpec:
    """Open a file as a method.

    Raises:
        UsageError: there is no such file, or it cannot be opened; gives the reason.
        SRBenchError: the plugin breaks its contract.
    """
    what = f"{file.prefix}:{file.path}"
    if spec.folders and not file.path.is_dir():
        raise UsageError(f"{what}: {no_file(file.path, 'folder')}")
    if not spec.folders and not file.path.is_file():
        raise UsageError(f"{what}: {no_file(file.path)}")
    if spec.suffixes and file.path.suffix.lower() not in spec.suffixes:
        raise UsageError(f"{what}: {spec.name} takes files that end in {', '.join(spec.suffixes)}")
    try:
        opened = spec.open(file.name, file.path)
    except SRBenchError:
        raise
    except (Exception, SystemExit) as error:  # plugins and readers of damaged files may raise anything
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
