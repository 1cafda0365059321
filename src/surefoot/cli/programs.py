"""`surefoot tune --cmd`: the options that are about programs, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from surefoot.core.errors import UsageError
from surefoot.core.text import number_of

Command = TypeVar("Command", bound=Callable[..., Any])

OPTIONS = (
    click.option("--cmd", metavar="COMMAND", help='Any program: "python train.py --lr {lr}" (docs/scripts.md).'),
    click.option("--metric", metavar="NAME", help="What the program reports."),
    click.option("--looks", type=int, metavar="N", help="How often a whole run reports it: its epochs."),
    click.option("--goal", type=click.Choice(["min", "max"]), help="Guessed from the metric's name."),
    click.option("--lr", metavar="LOW,HIGH", help="The range of {lr}."),
    click.option("--schedule", "schedules", multiple=True, metavar="TEXT", help="A value of {schedule}; repeatable."),
    click.option("--optimizers", metavar="A,B", help="Values of {optimizer}."),
    click.option("--choice", "choices", multiple=True, metavar="NAME=A,B", help="Values of {NAME}, the usual first."),
    click.option("--tensorboard", is_flag=True, help="Read event files in {folder}, not standard output."),
    click.option("--workers", type=int, metavar="N", help="Programs that run at once; by default the cores."),
    click.option("--paused", type=int, default=8, show_default=True, help="Programs that may wait in memory, stopped."),
    click.option("--grace", type=float, default=10.0, show_default=True, metavar="SECONDS", help="To end when asked."),
    click.option("--gpus", type=float, default=0.0, show_default=True, help="Of each program, with --place ray."),
)
OF_PROGRAMS = (
    "metric",
    "looks",
    "goal",
    "lr",
    "schedules",
    "optimizers",
    "choices",
    "tensorboard",
    "workers",
    "paused",
    "grace",
    "gpus",
)
OF_BOTH = ("cmd", "budget", "seeds", "confirm", "first_seed", "place", "address", "resume", "out", "as_json", "lang")


def program_options(command: Command) -> Command:
    """Adds the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def check_kind(ctx: click.Context) -> None:
    """Raises UsageError where options of tasks meet those of programs."""
    given = [name for name in ctx.params if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE]
    if ctx.params["cmd"] is None:
        if wrong := [name for name in given if name in OF_PROGRAMS]:
            raise UsageError(f"{_option(ctx, wrong[0])} is about a program", remedy="name the program: --cmd")
    elif wrong := [name for name in given if name not in (*OF_PROGRAMS, *OF_BOTH)]:
        raise UsageError(f"{_option(ctx, wrong[0])} is about a task, and --cmd names a program", remedy="leave one out")


def tune_a_program(options: dict[str, Any], out: Path, lang: str, *, as_json: bool) -> int:
    """Search a program, and show what was found."""
    from surefoot.studies.program_space import space_of
    from surefoot.studies.programs import tune_program

    command, metric = options["cmd"], options["metric"]
    if metric is None:
        raise UsageError("a program reports many things", remedy="say which counts: --metric val_loss")
    others = dict(_choice(text) for text in options["choices"])
    rates = {} if options["lr"] is None else {"lr": _range(options["lr"])}
    space = space_of(
        command, schedules=options["schedules"], optimizers=_list(options["optimizers"] or ""), others=others, **rates
    )
    first = options["first_seed"]
    found = tune_program(
        command,
        metric,
        looks=options["looks"],
        goal=options["goal"],
        space=space,
        budget=_runs(options["budget"]),
        seeds=tuple(range(first, first + options["seeds"])),
        fresh=options["confirm"] if options["confirm_given"] else None,
        workers=options["workers"],
        paused=options["paused"],
        grace=options["grace"],
        source="tensorboard" if options["tensorboard"] else "lines",
        executor=_executor(options),
        out=out,
        resume=options["resume"],
        lang=lang,
    )
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else found.table())
    return 0 if found.best is not None else 1


def _executor(options: dict[str, Any]) -> Any:
    if options["place"] != "ray":
        return None
    from surefoot.programs.on_ray import OnRay

    return OnRay(options["workers"], options["gpus"], options["address"])


def _runs(budget: str) -> float:
    runs = number_of(budget.removesuffix("x"))
    if runs is None:
        raise UsageError("the budget of a program is in full runs", received=budget, remedy='write: --budget "12x"')
    return runs


def _range(text: str) -> list[float]:
    ends = [number_of(each) for each in text.split(",")]
    if len(ends) != 2 or None in ends:
        raise UsageError("the range of rates is two numbers", received=text, remedy="write: --lr 1e-4,1")
    return [end for end in ends if end is not None]


def _list(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _choice(text: str) -> tuple[str, list[str]]:
    name, equals, values = text.partition("=")
    if not equals or not _list(values):
        raise UsageError("a choice names its values", received=text, remedy="write: --choice dropout=0.1,0,0.3")
    return name.strip(), _list(values)


def _option(ctx: click.Context, name: str) -> str:
    return next(parameter.opts[0] for parameter in ctx.command.params if parameter.name == name)
