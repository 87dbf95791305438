"""Checks of any spec."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.catalog.plugin import HOOKS
from srbench.conformance.bench import require
from srbench.conformance.outcome import FaultError
from srbench.errors import SpecError

if TYPE_CHECKING:
    from srbench.conformance.bench import Bench


def frozen(bench: Bench) -> None:
    """The spec is a plain frozen one, and names files and methods that exist."""
    spec: Any = bench.spec
    own = next(kind for kind in HOOKS.values() if isinstance(spec, kind))
    try:
        spec.name = spec.name
    except FrozenInstanceError:
        pass
    else:
        raise FaultError(f"the spec is mutable: {type(spec).__name__} lets its fields be set")
    require(type(spec) is own, f"the spec is a {type(spec).__name__}, a subclass of {own.__name__}")
    for field in fields(spec):
        value = getattr(spec, field.name)
        require(
            not isinstance(value, list | dict | set), f"the spec is mutable: {field.name} is a {type(value).__name__}"
        )
    for scale, path in getattr(spec, "shipped", {}).items():
        require(Path(path).is_file(), f"weights of x{scale} are not there: {path}", "ship the file with the package")
    start = getattr(spec, "start_from", "")
    require(not start or start in bench.catalog.models, f"start_from names {start!r}, and there is no such method")
    if read_about := getattr(spec, "read_about", None):
        try:
            read_about()
        except SpecError as error:
            raise FaultError(str(error), "ship the file with the package") from error
