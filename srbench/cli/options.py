"""Option types and options that several commands share."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from srbench.defaults import LEAST_TILE
from srbench.runs.options import OPTIONS, UNBOUNDED, default_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from srbench.catalog.catalog import Catalog
    from srbench.runs.options import Kind
    from srbench.system.terminal import Terminal


class Names(click.ParamType[tuple[str, ...]]):
    """A comma-separated list of names; duplicates are dropped."""

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
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        if not names:
            self.fail("no name is given", param, ctx)
        return names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the last name of the list."""
        if not self.shelf:
            return []
        from srbench.catalog.catalog import Catalog

        head, comma, last = incomplete.rpartition(",")
        specs = getattr(Catalog.load(ctx.params.get("plugins") or ()), self.shelf).specs
        return [CompletionItem(f"{head}{comma}{name}") for name in specs if name.startswith(last)]


class Scales(click.ParamType[tuple[int, ...]]):
    """A comma-separated list of whole scale factors."""

    name = "N[,N...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Split the list.

        Raises:
            click.BadParameter: a part is no whole number from 2 to 16.
        """
        if isinstance(value, tuple):
            return value
        parts = [part.strip().lower().removeprefix("x") for part in str(value).split(",")]
        if not all(part.isascii() and part.isdigit() and 2 <= int(part) <= 16 for part in parts):
            self.fail(f"{value!r} is not a list of whole numbers from 2 to 16", param, ctx)
        return tuple(dict.fromkeys(int(part) for part in parts))


class Counts(click.ParamType[tuple[int, ...]]):
    """A comma-separated list of whole numbers within a range."""

    name = "N[,N...]"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Split the list.

        Raises:
            click.BadParameter: a part is no whole number of the range.
        """
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(re.fullmatch(r"[0-9]{1,9}", part) and self.least <= int(part) <= self.most for part in parts):
            self.fail(f"{value!r} is not a list of whole numbers from {self.least} to {self.most}", param, ctx)
        return tuple(dict.fromkeys(int(part) for part in parts))


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


class Memory(click.ParamType[int]):
    """A size in bytes with a unit: 500MB, 2GiB."""

    name = "SIZE"
    UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}  # noqa: RUF012

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
        return int(float(match[1]) * self.UNITS[match[2]])


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


def run_option(name: str, flag: str, **changes: Any) -> Callable[..., Any]:
    """Return a click option made from the run's option of this name: type, default and help.

    Args:
        name: of a field of `srbench.runs.options.RunOptions`.
        flag: as users write it.
        **changes: to click's own keywords, where the command line takes another form.
    """
    option, default = OPTIONS[name], default_of(name)
    keywords: dict[str, Any] = {"help": option.help}
    if option.kind.sort == "flag":
        keywords["is_flag"] = True
    elif option.kind.sort == "texts":
        keywords |= {"multiple": True, "help": f"{option.help} Repeatable."}
    else:
        keywords |= {"type": _click_type(option.kind), "default": default, "show_default": bool(default)}
    if isinstance(default, tuple) and default:
        keywords["default"] = ",".join(map(str, default))
    if changes.get("required") or changes.get("is_flag") is False:
        keywords = {
            word: value for word, value in keywords.items() if word not in {"default", "show_default", "multiple"}
        }
    return click.option(flag, name, **keywords | changes)


def _click_type(kind: Kind) -> Any:
    most = kind.most if kind.most < UNBOUNDED else None
    if kind.sort == "whole":
        return click.IntRange(int(kind.least), None if most is None else int(most))
    if kind.sort == "number":
        return FiniteNumber(kind.least, most, min_open=kind.above)
    if kind.sort == "word":
        return click.Choice(list(kind.words))
    return TileOption() if kind.sort == "tile" else None


plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE.py",
    help="Also load this file as a plugin; repeatable.",
)
device_option = run_option("device", "--device", metavar="NAME")
threads_option = run_option("threads", "--threads")
tile_option = run_option("tile", "--tile")
precision_option = run_option("precision", "--precision")
compile_option = run_option("compiled", "--compile")
weights_option = click.option(
    "--weights",
    multiple=True,
    metavar="METHOD=PATH|trained|shipped",
    help="Weights to use; without it those shipped with the plugin, else those trained here. Repeatable.",
)
metrics_option = run_option("metrics", "--metrics", type=Names("metrics"))
protocol_option = run_option("protocols", "--protocol", type=Names())


def degradation_option(what: str) -> Callable[..., Any]:
    """Return the option that chooses how LR is made from HR."""
    from srbench.images.degradations import DEGRADATIONS

    return click.option(
        "--degradation",
        type=click.Choice(list(DEGRADATIONS)),
        default="bicubic",
        show_default=True,
        help=f"How LR is made {what}; see 'srbench list degradations'.",
    )


def load_catalog(plugins: tuple[str, ...]) -> Catalog:
    """Load the catalog; a plugin that was asked for by file and is broken is said at once.

    Raises:
        UsageError: a plugin file does not exist.
    """
    from srbench.catalog.catalog import Catalog
    from srbench.errors import printable

    catalog = Catalog.load(plugins)
    for complaint in catalog.complaints(plugins):
        click.echo(f"warning: {printable(complaint)}", err=True)
    return catalog


def split_choices(weights: tuple[str, ...]) -> dict[str, str]:
    """Split METHOD=CHOICE.

    Raises:
        UsageError: it is no such pair.
    """
    from srbench.errors import UsageError

    pairs = [text.partition("=") for text in weights]
    for method, _, choice in pairs:
        if not method or not choice:
            raise UsageError("--weights takes METHOD=PATH, METHOD=trained or METHOD=shipped")
    return {method: choice for method, _, choice in pairs}


other_device_option = click.option(
    "--device", default="", metavar="NAME", help="Another device than the one asked for then."
)
SCALE = click.IntRange(2, 16)


def report_faults(faults: list[str], ui: Terminal) -> None:
    """Print each fault as a warning.

    Raises:
        click.exceptions.Exit: there is one; exit code 1.
    """
    for fault in faults:
        ui.warn(fault)
    if faults:
        raise click.exceptions.Exit(1)
