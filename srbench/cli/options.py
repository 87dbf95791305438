"""Options that several commands share, most of them made from `srbench.runs.options.RunOptions`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from srbench import defaults
from srbench.cli.parameters import DegradationName, FiniteNumber, Names, TileOption
from srbench.runs.options import OPTIONS, UNBOUNDED, default_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from srbench.catalog.catalog import Catalog
    from srbench.runs.consent import Agree
    from srbench.runs.options import Kind
    from srbench.system.terminal import Terminal


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


device_option = run_option("device", "--device", metavar="NAME")
sort_option = run_option("sort", "--sort", metavar="COLUMN")
threads_option = run_option("threads", "--threads")
tile_option = run_option("tile", "--tile")
precision_option = run_option("precision", "--precision")
compile_option = run_option("compiled", "--compile")
weights_option = click.option(
    "--weights",
    multiple=True,
    metavar="METHOD=PATH|trained|shipped",
    help="Weights to use [default: those shipped with the plugin, else those trained on this machine]. Repeatable.",
)
metrics_option = run_option("metrics", "--metrics", type=Names("metrics"))
protocol_option = run_option("protocols", "--protocol", type=Names())


def degradation_option(what: str) -> Callable[..., Any]:
    """Return the option that chooses how LR is made from HR."""
    return click.option(
        "--degradation",
        type=DegradationName(),
        default=defaults.DEGRADATION,
        show_default=True,
        metavar="NAME",
        help=f"How LR is made {what}; see 'srbench list degradations'.",
    )


def format_option(*styles: str) -> Callable[..., Any]:
    """Return the option of the output format; the first style is the default."""
    return click.option(
        "--format", "style", type=click.Choice(styles), default=styles[0], show_default=True, help="Output format."
    )


def sort_given() -> str:
    """Return the column of --sort; empty where the option is not given, as another column may then do."""
    context = click.get_current_context()
    is_default = context.get_parameter_source("sort") is click.core.ParameterSource.DEFAULT
    return "" if is_default else str(context.params["sort"])


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
    "--device", default="", metavar="NAME", help="Device, if not the one of the recorded run."
)


yes_option = click.option(
    "--yes", is_flag=True, help="Agree to the downloads and trainings that the recorded run asks for."
)


def agreement(*, yes: bool) -> Agree:
    """Return the function that asks the user to agree to work that a recorded run asks for.

    Without a terminal to ask on, and without ``--yes``, it raises a `UsageError` that names the work.
    """
    from srbench.errors import SRBenchError, printable
    from srbench.runs.consent import refuse

    def agree(works: Sequence[str]) -> None:
        if yes or not works:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            refuse(works)
        question = f"the run asks to {'; '.join(works)}. Go on?"
        if not click.confirm(printable(question), err=True):
            raise SRBenchError("not agreed to: nothing was done")

    return agree


def report_faults(faults: list[str], ui: Terminal) -> None:
    """Print each fault as a warning.

    Raises:
        click.exceptions.Exit: there is one; exit code 1.
    """
    for fault in faults:
        ui.warn(fault)
    if faults:
        raise click.exceptions.Exit(1)


def scales_or_files(methods: Sequence[str], scales: tuple[int, ...], catalog: Catalog) -> tuple[int, ...]:
    """Return the scales to run at: those given, else those of methods that are files of one scale, else the default.

    Raises:
        UsageError: a method or a file does not exist.
    """
    context = click.get_current_context()
    name = next(name for name in ("scales", "scale") if name in context.params)
    is_default = context.get_parameter_source(name) is click.core.ParameterSource.DEFAULT
    return catalog.models.scales_of_files(methods, scales) if is_default else scales


def scale_or_file(methods: Sequence[str], scale: int, catalog: Catalog) -> int:
    """Return the one scale to run at, see `scales_or_files`; the default if files differ.

    Raises:
        UsageError: a method or a file does not exist.
    """
    scales = scales_or_files(methods, (scale,), catalog)
    return scales[0] if len(scales) == 1 else scale
