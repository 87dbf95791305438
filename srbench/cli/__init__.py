"""The command line. Commands import their dependencies when they run, so that help and lists stay fast."""

from __future__ import annotations

import os
import sys

import click

from srbench.errors import SRBenchError, printable, unknown
from srbench.version import __version__

COMMANDS = {
    "run": "srbench.cli.run",
    "report": "srbench.cli.report",
    "compare": "srbench.cli.compare",
    "speed": "srbench.cli.speed",
    "leaderboard": "srbench.cli.leaderboard",
    "verify": "srbench.cli.verify",
    "rerun": "srbench.cli.rerun",
    "train": "srbench.cli.train",
    "list": "srbench.cli.list",
    "info": "srbench.cli.info",
    "fetch": "srbench.cli.fetch",
    "new": "srbench.cli.new",
    "check": "srbench.cli.check",
    "export": "srbench.cli.export",
    "upscale": "srbench.cli.upscale",
    "score": "srbench.cli.score",
    "degrade": "srbench.cli.degrade",
}


class Commands(click.Group):
    """Imports a command's module on first use, and suggests the nearest name for an unknown command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        import importlib

        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), f"{cmd_name}_command")
        return command

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
    try:
        code = cli.main(standalone_mode=False) or 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except BaseException as error:
        code, message = _explain(error)
        if code is None:
            raise
        click.echo(printable(message), err=True)
    sys.exit(code)


def _explain(error: BaseException) -> tuple[int | None, str]:
    """Return an error's exit code and message; the code is None if Python should print the traceback."""
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f" (see '{context.command_path} --help')" if context else ""
        return error.exit_code, f"error: {' '.join(error.format_message().split())}{hint}"
    if isinstance(error, SRBenchError):
        return error.exit_code, f"error: {error}"
    if isinstance(error, OSError) and error.strerror:
        return 1, f"error: {error.filename or 'a file cannot be written'}: {error.strerror}"
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return 130, "stopped"
    if not isinstance(error, Exception) or os.environ.get("SRBENCH_DEBUG"):
        return None, ""
    message = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return 1, f"error: srbench itself failed, a bug to report: {message} (SRBENCH_DEBUG=1 shows the traceback)"
