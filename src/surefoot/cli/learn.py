"""`surefoot learn`: a command for each lesson, its options made from the lesson's parameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from attrs import fields

from surefoot.cli.output import json_option, lang_option, show_document
from surefoot.lessons import LESSONS, lesson_named


class Lessons(click.Group):
    """Loads a lesson's file when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(LESSONS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name) if cmd_name in LESSONS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Lessons"):
            formatter.write_dl(_titles("en"))


@click.group(cls=Lessons, invoke_without_command=True, subcommand_metavar="[NAME] [OPTIONS]")
@lang_option
@click.pass_context
def learn(ctx: click.Context, lang: str) -> None:
    """Worked examples: how descent, optimizers and schedules work, step by step, with numbers and pictures.

    \b
    Examples:
      surefoot learn
      surefoot learn descent
      surefoot learn descent --lr 0.05,0.2,0.26 --out descent.png
      surefoot learn adam --lang zh
      surefoot learn descent --surface saddle --out walk.html
    """
    ctx.default_map = {name: {"lang": lang} for name in LESSONS}  # said before the name or after it
    if ctx.invoked_subcommand is None:
        from tabulate import tabulate

        click.echo(tabulate([(f"surefoot learn {name}", title) for name, title in _titles(lang)], tablefmt="plain"))


def _titles(lang: str) -> list[tuple[str, str]]:
    """Every lesson with the first line of its text."""
    from importlib.resources import files

    texts = files("surefoot.lessons") / "texts" / lang
    return [(name, (texts / f"{name}.md").read_text(encoding="utf-8").split("\n")[0][2:]) for name in LESSONS]


def _command(name: str) -> click.Command:
    kind = lesson_named(name)
    options = [_option(each) for each in fields(kind)]  # type: ignore[arg-type]

    def run(lang: str, out: Path | None, as_json: bool, **parameters: Any) -> None:
        _run(name, lang, out, as_json, parameters)

    command: Callable[..., Any] = run
    for decorate in [json_option, _out, lang_option]:
        command = decorate(command)
    made = click.command(name, help=_help(kind, name))(command)
    made.params = [*options, *made.params]
    return made


_out = click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="The pictures (.png, .svg) or the whole (.html)."
)


def _help(kind: type, name: str) -> str:
    about = (kind.__doc__ or "").split("\n\n")[0]
    return f"{about}\n\n\b\nExample:\n  surefoot learn {name} --lang zh --out {name}.html"


def _option(each: Any) -> click.Option:
    default, choices, help = each.default, each.metadata["choices"], each.metadata["help"]
    flag = f"--{each.name.replace('_', '-')}"
    several = isinstance(default, tuple)
    if choices:
        help += f" Of: {', '.join(choices)}."
    if several:
        shown = ",".join(f"{value:g}" if isinstance(value, float) else str(value) for value in default)
        help += "" if tuple(default) == tuple(choices) else f"  [default: {shown}]"
        kind = type(default[0])
        return click.Option([flag, each.name], default=shown, callback=_split(kind), metavar="A,B,...", help=help)
    return click.Option([flag, each.name], default=default, type=type(default), show_default=True, help=help)


def _split(kind: type) -> Callable[[click.Context, click.Parameter, str], tuple[Any, ...]]:
    def split(ctx: click.Context, option: click.Parameter, text: str) -> tuple[Any, ...]:
        try:
            return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
        except ValueError:
            raise click.BadParameter(f"{text!r} is not a list of numbers such as 0.1,0.2") from None

    return split


def _run(name: str, lang: str, out: Path | None, as_json: bool, parameters: dict[str, Any]) -> None:
    from surefoot.lessons import learn as run_lesson
    from surefoot.report.document import check_file

    if out is not None:
        check_file(out)  # before anything is computed
    show_document(run_lesson(name, lang, **parameters), out, as_json=as_json)
