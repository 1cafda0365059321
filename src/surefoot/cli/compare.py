"""`surefoot compare`."""

import contextlib
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from surefoot.cli.output import json_option, lang_option, out_option, present
from surefoot.cli.ways import says_nothing, ways
from surefoot.core.language import words


def _numbers(ctx: click.Context, option: click.Parameter, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number or a list of numbers such as 0.1,0.03") from None


def seeds_of(ctx: click.Context, option: click.Parameter, text: str) -> int | list[int]:
    """What `--seeds` says: how many, or which."""
    try:
        return [int(part) for part in text.split(",")] if "," in text else int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number of seeds (3) or a list of seeds (0,1,7)") from None


@click.command()
@click.argument("task", default="digits")
@click.option("--recipes", default="classic", metavar="FILE|NAME", help="A recipe file, or a set: classic, source.")
@click.option(
    "--lr", metavar="RATE[,RATE...]", callback=_numbers, help="Replaces every rate; of several, one recipe each."
)
@click.option("--seeds", default="3", metavar="N", callback=seeds_of, help="How many seeds (3), or which (0,1,7).")
@ways
@click.option(
    "--trainer",
    default="auto",
    type=click.Choice(["auto", "fused", "loop"]),
    help="Runs stacked and trained at once, or one by one; auto times a few steps of each.",
)
@click.option(
    "--place",
    default="auto",
    type=click.Choice(["auto", "here", "pool", "ray"]),
    help="This process, one per core, or a Ray cluster; auto takes one of the first two.",
)
@click.option("--address", metavar="HOST:PORT|auto", help="The Ray cluster; without it, a Ray of this machine.")
@click.option(
    "--compile/--no-compile", default=None, help="Compile the fused trainer's step; without either, where that pays."
)
@click.option("--tile", type=int, metavar="ROWS", help="Runs trained at once; by default what fits the cache.")
@click.option("--share/--no-share", default=True, help="Train what runs have in common once, and fork; or each alone.")
@click.option("--plan", "only_plan", is_flag=True, help="Print what would be trained and how long it would take.")
@click.option("--resume", is_flag=True, help="Go on with this comparison, or with the latest unfinished one.")
@click.option(
    "--checkpoint-every",
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How much training a kill may cost, about.",
)
@click.option("--target", type=float, metavar="VALUE", help="Count the steps to this value of the metric.")
@out_option
@json_option
@lang_option
@click.pass_context
def compare(ctx: click.Context, /, out: Path, as_json: bool, lang: str, **options: Any) -> None:
    """Train every recipe whole, on equal terms, and say which differ and which tie.

    TASK is digits (the default), diabetes, char-lm, fashion-mnist, mnist, conv, or a Python file that has task().

    \b
    Examples:
      surefoot compare
      surefoot compare fashion-mnist --recipes source
      surefoot compare my_task.py --recipes my_recipes.yaml --seeds 5
      surefoot compare --lr 0.3,0.1,0.03 --epochs 5
      surefoot compare --place ray --address 10.0.0.1:6379
      surefoot compare --plan
      surefoot compare --resume
      surefoot compare --lang zh
    """
    from surefoot import studies  # torch loads here, not for --help

    command = shlex.join(["surefoot", *ctx.obj])
    if options["resume"] and says_nothing(ctx):
        command = studies.command_to_go_on(out)
        options = _options_of(command) | {"resume": True}
        begun = options.pop("lang")
        if ctx.get_parameter_source("lang") == ParameterSource.DEFAULT:
            lang = begun
        _ = words(lang)
        click.echo(_("going on with: {command}", command=command), err=True)
    if options.pop("only_plan"):
        _show_plan(lang, as_json, options)
        return
    with contextlib.redirect_stdout(sys.stderr):  # what a task file prints is not data
        found = studies.compare(**options, out=out, lang=lang, command=command)
    present(found, studies.folder_of(found.study, out), as_json=as_json)


def _show_plan(lang: str, as_json: bool, options: dict[str, Any]) -> None:
    from surefoot import studies

    given = {name: value for name, value in options.items() if name not in ("resume", "checkpoint_every")}
    with contextlib.redirect_stdout(sys.stderr):
        planned = studies.plan(**given, lang=lang)
    click.echo(json.dumps(planned.to_json(), indent=2) if as_json else str(planned))


def _options_of(command: str) -> dict[str, Any]:
    """What a command line says of what is compared, and how."""
    given = compare.make_context("compare", shlex.split(command)[2:]).params
    return {name: value for name, value in given.items() if name not in ("out", "as_json")}
