"""The options that say how a task is trained, whatever is trained on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
