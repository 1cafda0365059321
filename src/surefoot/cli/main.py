"""`surefoot`: the group of commands, and the one place where errors become exit codes."""

import sys
from importlib import import_module
from typing import Any

import click

from surefoot.core.errors import SurefootError, UsageError

COMMANDS = ("compare", "find", "tune", "train", "advise", "plot", "show", "learn")


class Verbs(click.Group):
    """Loads a command's file when it is used, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"surefoot.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="surefoot")
def surefoot() -> None:
    """Choose a learning rate, a schedule and an optimizer by evidence.

    \b
    Example:
      surefoot compare                 every classic strategy on real digits
      surefoot find                    a good learning rate, for half a training run
      surefoot tune                    the best optimizer, rate and schedule for the price of a few runs
      surefoot train --winner          the best recipe, with weights to take away
      surefoot plot "cosine()"         a schedule drawn, and what looks wrong about it
      surefoot advise --model cnn      what to try first, and why
      surefoot show                    what was compared before
      surefoot learn descent           a worked example
    """


def main(args: list[str] | None = None) -> None:
    """Run the command: exit code 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """The command's exit code; errors are told on standard error without a traceback, but for a task file's own."""
    given = sys.argv[1:] if args is None else args
    try:
        # The command line as it was given goes along: a study records it.
        result: Any = surefoot.main(list(given), prog_name="surefoot", standalone_mode=False, obj=list(given))
    except click.exceptions.Abort:
        return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except SurefootError as wrong:
        if isinstance(wrong, UsageError) and wrong.__cause__ is not None:
            _show_cause(wrong.__cause__)
        click.echo(f"error: {wrong}", err=True)
        return 2 if isinstance(wrong, UsageError) else 1
    except OSError as wrong:
        click.echo(f"error: {wrong}", err=True)
        return 1
    return result if isinstance(result, int) else 0


def _show_cause(cause: BaseException) -> None:
    """The traceback of a user's own code, without the frames that called it."""
    import traceback

    click.echo("".join(traceback.format_exception(cause)), err=True, nl=False)


def _interrupted() -> int:
    click.echo(
        "interrupted; what was recorded before, if anything, is kept: see it with surefoot show, go on with "
        "the same command and --resume",
        err=True,
    )
    return 130
