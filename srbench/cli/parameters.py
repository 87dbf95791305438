"""Types of command-line values: lists of names and numbers, sizes in bytes, sides of tiles."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from srbench.defaults import LEAST_TILE


def split_names(text: str) -> list[str]:
    """Split a list at its commas, but not those in the path of an existing file or folder.

    A path may follow a name and ``=``, or a prefix and ``:``.
    """
    parts = text.split(",")
    names, start = [], 0
    while start < len(parts):
        ends = range(len(parts), start, -1)  # the longest path that exists comes first
        end = next(end for end in ends if end == start + 1 or _is_path(",".join(parts[start:end]).strip()))
        names.append(",".join(parts[start:end]).strip())
        start = end
    return [name for name in names if name]


def _is_path(text: str) -> bool:
    """Return whether a text names an existing file or folder."""
    divided = (text.partition("="), text.partition(":"))
    tails = [text, *(tail for head, _, tail in divided if tail and "," not in head)]
    try:
        return any(Path(tail).expanduser().exists() for tail in tails)
    except (OSError, RuntimeError, ValueError):  # too long, ~ of an unknown user, a NUL
        return False


def complete(shelves: tuple[str, ...], ctx: click.Context, incomplete: str, head: str = "") -> list[CompletionItem]:
    """Return the names in shelves of the catalog that begin as given; if there is none, files."""
    from srbench.catalog.catalog import Catalog
    from srbench.store.backbones import BACKBONES

    catalog = Catalog.load(ctx.params.get("plugins") or ())
    names = [name for shelf in shelves if shelf != "backbones" for name in getattr(catalog, shelf).specs]
    names += list(BACKBONES) if "backbones" in shelves else []
    items = [CompletionItem(f"{head}{name}") for name in dict.fromkeys(names) if name.startswith(incomplete.lower())]
    return items or [CompletionItem(f"{head}{incomplete}", type="file")]


class Name(click.ParamType[str]):
    """A name that the shell can complete; whether it exists is checked later.

    Args:
        shelves: shelves of the catalog that have such names, or ``backbones``.
    """

    name = "NAME"

    def __init__(self, *shelves: str) -> None:
        self.shelves = shelves

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the name."""
        return complete(self.shelves, ctx, incomplete)


class Names(click.ParamType[tuple[str, ...]]):
    """A comma-separated list of names; duplicates are dropped, and commas in existing paths are part of them."""

    name = "NAME[,NAME...]"

    def __init__(self, shelf: str = "") -> None:
        self.shelf = shelf

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split the list.

        Raises:
            click.BadParameter: it is empty.
        """
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(split_names(value)))
        if not names:
            self.fail("no name is given", param, ctx)
        return names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the last name of the list."""
        if not self.shelf:
            return []
        head, comma, last = incomplete.rpartition(",")
        return complete((self.shelf,), ctx, last, f"{head}{comma}")


class Counts(click.ParamType[tuple[int, ...]]):
    """A comma-separated list of whole numbers within a range; each may have a prefix, as ``x4``."""

    name = "N[,N...]"

    def __init__(self, least: int, most: int, prefix: str = "") -> None:
        self.least, self.most, self.prefix = least, most, prefix

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Split the list.

        Raises:
            click.BadParameter: a part is no whole number of the range.
        """
        if isinstance(value, tuple):
            return value
        parts = [part.strip().lower().removeprefix(self.prefix) for part in str(value).split(",")]
        if not all(re.fullmatch(r"[0-9]{1,9}", part) and self.least <= int(part) <= self.most for part in parts):
            self.fail(f"{value!r} is not a list of whole numbers from {self.least} to {self.most}", param, ctx)
        return tuple(dict.fromkeys(int(part) for part in parts))


SCALES = Counts(2, 16, "x")


class FiniteNumber(click.FloatRange):
    """A number within a range; nan and infinity are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the number.

        Raises:
            click.BadParameter: it is no finite number of the range.
        """
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number", param, ctx)
        return number


class OutputFile(click.Path):
    """A file to write; a folder, one that exists or a name that ends in a slash, stands for a file of a name in it.

    Args:
        default_name: the name of the file in a folder; empty where folders are refused.
    """

    def __init__(self, default_name: str = "") -> None:
        super().__init__(dir_okay=bool(default_name), path_type=Path)
        self.default_name = default_name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path of the file.

        Raises:
            click.BadParameter: it is a folder, and no name is known for the file.
        """
        is_folder = str(value).endswith(("/", os.sep)) or Path(value).is_dir()
        if is_folder and not self.default_name:
            self.fail(f"{str(value)!r} is a folder; give the name of a file", param, ctx)
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        return path / self.default_name if is_folder else path


class Memory(click.ParamType[int]):
    """A size in bytes with a unit: 500MB, 2GiB. A bare number counts bytes, and is refused below 1 MB.

    Args:
        unit: of the hint to write a unit.
    """

    name = "SIZE"
    LEAST_BARE = 10**6
    UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}  # noqa: RUF012

    def __init__(self, unit: str = "GiB") -> None:
        self.unit = unit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the size.

        Raises:
            click.BadParameter: it is no size.
        """
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?i?)b?", value.strip().lower())
        if not match or match[2] not in self.UNITS or not float(match[1]):
            self.fail(f"{value!r} is no size; write for example 2GiB or 500MB", param, ctx)
        if not match[2] and float(match[1]) < self.LEAST_BARE:
            self.fail(f"{value!r} is {match[1]} bytes; write {match[1]}{self.unit}", param, ctx)
        return int(float(match[1]) * self.UNITS[match[2]])


class Scale(click.ParamType[int]):
    """A scale factor, ``4`` or ``x4``."""

    name = "N"

    def __init__(self, least: int = 2) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it.

        Raises:
            click.BadParameter: it is no whole number of the range.
        """
        text = str(value).strip().lower().removeprefix("x")
        if not re.fullmatch(r"[0-9]{1,3}", text) or not self.least <= int(text) <= 16:
            self.fail(f"{value!r} is no whole number from {self.least} to 16", param, ctx)
        return int(text)


SCALE = Scale()


class TileOption(click.ParamType[int | str]):
    """``auto``, ``off`` or a number of pixels."""

    name = "auto|N|off"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Read it.

        Raises:
            click.BadParameter: it is none of these.
        """
        if isinstance(value, int) or value in {"auto", "off"}:
            return value  # type: ignore[no-any-return]
        if not re.fullmatch(r"[0-9]{1,6}", value) or int(value) < LEAST_TILE:
            self.fail(f"{value!r} is neither auto, off nor a number of LR pixels from {LEAST_TILE}", param, ctx)
        return int(value)


class DegradationName(click.ParamType[str]):
    """The name of a degradation, in any case; the path of a kernel file becomes absolute, for workers."""

    name = "degradation"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as results have it.

        Raises:
            UsageError: there is no such degradation.
        """
        from srbench.images.degradations import KERNEL, get_degradation

        text = str(value)
        head = text[: len(KERNEL)].lower()
        name = head + os.path.expanduser(text[len(KERNEL) :]) if head == KERNEL else text.lower()  # noqa: PTH111
        return get_degradation(name).name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the degradations that begin as given."""
        from srbench.images.degradations import DEGRADATIONS

        return [CompletionItem(name) for name in DEGRADATIONS if name.startswith(incomplete.lower())]
