"""The command line. Commands import their dependencies when they run, so that help and lists stay fast."""

from __future__ import annotations

import contextlib
import os
import sys

import click

from srbench.cli.exits import no_silent_exit
from srbench.errors import SRBenchError, printable, unknown
from srbench.system.put_back import leave
from srbench.version import __version__

COMMANDS = {
    "run": "Score and time methods; save and show the leaderboard.",
    "report": "Make one self-contained HTML page of one or more runs.",
    "compare": "Draw a crop of an image as each method makes it.",
    "speed": "Time methods over input and batch sizes.",
    "leaderboard": "Show, merge and convert the results of runs.",
    "verify": "Check whether a run's values still hold.",
    "rerun": "Do a run once more, from its run.json alone.",
    "train": "Make a method's weights.",
    "list": "List methods, datasets, metrics and all else there is.",
    "info": "Explain a method: idea, layers, recipe, weights.",
    "fetch": "Get datasets or backbones ahead of time.",
    "new": "Write a plugin to start from.",
    "check": "Check that a plugin keeps its promises.",
    "export": "Write a network as ONNX, or its weights alone.",
    "upscale": "Enlarge an image, or every image of a folder.",
    "score": "Score images that any other tool made.",
    "degrade": "Make LR images from HR, as a run does.",
    "identify": "Find out what made LR images from HR.",
}
"""What each command does, as ``srbench --help`` lists it; each stands in the module of its name."""


class Commands(click.Group):
    """Imports a command's module on first use, and suggests the nearest name for an unknown command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order a user meets them."""
        return [*COMMANDS]  # `list` is the module of a command here, once that is imported

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        import importlib

        module = importlib.import_module(f"srbench.cli.{cmd_name}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        command.short_help = COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command and its arguments.

        Raises:
            click.UsageError: there is no such command; the message suggests the nearest name.
        """
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(str(unknown("command", args[0], COMMANDS)), ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="srbench")
def cli() -> None:
    """Score, compare and time image super-resolution methods under named protocols.

    \b
    Start here (no download needed):
      srbench run --methods nearest,bilinear,bicubic,lanczos
    \b
    Files go to SRBENCH_HOME (default: your cache folder); SRBENCH_MIRROR names a folder or
    URL that is tried before the network. Completion: eval "$(_SRBENCH_COMPLETE=bash_source srbench)"
    """


def main() -> None:
    """Run the command line and exit; each expected failure is printed as one line on standard error."""
    _open_missing_streams()
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; a notebook's backend may not be installed here
    try:
        with no_silent_exit():
            code = cli.main(standalone_mode=False) or 0
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        code, message = error.exit_code, error.format_message()
        click.echo(message.rstrip(), err=True)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except BaseException as error:
        code, message = _explain(error)
        if code is None:
            raise
        click.echo(printable(message), err=True)
        _drop_unwritten_output()
    leave(code)
    sys.exit(code)


def _open_missing_streams() -> None:
    """Open the null device as each standard stream that the parent has closed, as some daemons do.

    Else Python has None for it, and the next file opened takes its descriptor, which children take for the stream.
    """
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                os.fstat(descriptor)
                continue  # the descriptor is in use by something else
            null = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))


def _drop_unwritten_output() -> None:
    """Let the interpreter exit with the code that it is given, though standard output cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())


def _explain(error: BaseException) -> tuple[int | None, str]:
    """Return an error's exit code and message; the code is None if Python should print the traceback."""
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f" (see '{context.command_path} --help')" if context else ""
        message = " ".join(error.format_message().split())
        if message.startswith("Got unexpected extra argument"):
            message = f"{message.rstrip('.')}; names in a list are joined by commas: a,b"
        return error.exit_code, f"error: {message}{hint}"
    if isinstance(error, SRBenchError):
        return error.exit_code, f"error: {error}"
    if isinstance(error, OSError) and error.strerror:
        return 1, f"error: {error.filename or 'the output cannot be written'}: {error.strerror}"
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return 130, "stopped"
    if isinstance(error, SystemExit) or os.environ.get("SRBENCH_DEBUG"):
        return None, ""
    what = "srbench itself failed, a bug to report" if isinstance(error, Exception) else "a plugin ended the command"
    message = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return 1, f"error: {what}: {message} (SRBENCH_DEBUG=1 shows the traceback)"
