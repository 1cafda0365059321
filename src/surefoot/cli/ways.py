"""The options that say how a task is trained, whatever is trained on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

Command = TypeVar("Command", bound=Callable[..., Any])

OPTIONS = (
    click.option("--epochs", type=int, help="Passes over the training data."),
    click.option("--batch-size", type=int, help="Samples an update."),
    click.option("--accumulate", type=int, metavar="N", help="Work through each batch in so many portions."),
    click.option("--precision", type=click.Choice(["full", "bf16"]), help="bf16: forward passes under autocast."),
    click.option("--patience", type=int, metavar="EPOCHS", help="End a run that has not improved for so many epochs."),
    click.option("--device", help="cpu, cuda, cuda:1, mps."),
    click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The folder of the task's data files."),
)


def ways(command: Command) -> Command:
    """Adds the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def ways_of_short_runs(command: Command) -> Command:
    """Adds those that mean something where no run comes to its end: all but --patience."""
    command = ways(command)
    parameters: list[click.Parameter] = getattr(command, "__click_params__")  # noqa: B009
    parameters[:] = [each for each in parameters if each.name != "patience"]
    return command


def says_nothing(ctx: click.Context) -> bool:
    """Whether the command line says nothing of what is trained: then --resume goes on with what was begun."""
    given = {name for name in ctx.params if ctx.get_parameter_source(name) != ParameterSource.DEFAULT}
    return given <= {"resume", "out", "as_json", "lang"}
