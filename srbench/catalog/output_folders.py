"""Folders of SR images as methods: ``files:DIR``, the outputs of any tool as a row beside networks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NoReturn

from srbench.catalog.plugin import Plugin
from srbench.errors import MethodError, one_line
from srbench.specs import ModelFileSpec, ModelSpec
from srbench.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

OWNER = Plugin("srbench", f"srbench {__version__}")
ABOUT = """SR images that some tool made. They are paired with HR by name, as `srbench score` does, and scored as the
outputs of a network are. Of several datasets and scales, each has a folder: `DIR/set5/x4`, `DIR/set5_x4`,
`DIR/x4/set5`, `DIR/set5` or `DIR/x4`. Nothing is timed: speed cannot be measured from files."""


def open_folder(name: str, path: Path) -> ModelSpec:
    """Return the method whose outputs lie in a folder."""
    return ModelSpec(
        name=name,
        summary=f"SR images in {one_line(path)}",
        scales=range(2, 17),
        build=partial(_refuse, name),
        about=ABOUT,
        family="files",
        file=path,
        outputs=True,
    )


def _refuse(name: str, _scale: int) -> NoReturn:
    raise MethodError(f"{name} is a folder of SR images: it can be scored and compared, but enlarges nothing")


OUTPUT_FOLDERS = ModelFileSpec(
    name="files",
    summary="a folder of SR images that any tool made, scored beside networks",
    open=open_folder,
    suffixes=(),
    folders=True,
)
