"""`surefoot tune`."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from surefoot.cli.output import json_option, lang_option, out_option
from surefoot.cli.programs import OF_PROGRAMS, check_kind, program_options, tune_a_program
from surefoot.cli.ways import says_nothing, ways
from surefoot.core.errors import SurefootError
from surefoot.core.language import words

if TYPE_CHECKING:
    from surefoot.studies import Tuned


@click.command()
@click.argument("task", default="digits", metavar="[TASK]")
@click.option("--space", type=click.Path(path_type=Path), metavar="FILE", help="What is searched (docs/tune.md).")
@click.option("--budget", default="8x", show_default=True, metavar="4x|10min|RUNS", help="What the search may cost.")
@click.option("--seeds", default=1, show_default=True, help="Seeds every arm is trained on.")
@click.option("--confirm", default=3, show_default=True, metavar="SEEDS", help="Fresh seeds, at the end; 0: none.")
@click.option("--first-seed", default=0, show_default=True, metavar="SEED", help="The lowest seed.")
@ways
@click.option("--trainer", type=click.Choice(["auto", "fused", "loop"]), default="auto", show_default=True)
@click.option("--place", type=click.Choice(["auto", "here", "pool", "ray"]), default="auto", show_default=True)
@click.option("--address", metavar="ADDR", help="Of a Ray cluster, with --place ray (docs/scale.md).")
@program_options
@click.option("--resume", is_flag=True, help="Go on with this search, or with the latest unfinished one.")
@out_option
@json_option
@lang_option
@click.pass_context
def tune(ctx: click.Context, /, out: Path, as_json: bool, lang: str, **options: Any) -> int:
    """Search optimizers × schedules × learning rates for the price of a few runs, and confirm the winner.

    TASK is digits (the default), diabetes, char-lm, fashion-mnist, mnist, conv, or a Python file that has task().

    \b
    Examples:
      surefoot tune
      surefoot tune fashion-mnist --epochs 5 --budget 4x
      surefoot tune my_task.py --space my_space.yaml --budget 10min
      surefoot tune --resume
      surefoot tune --cmd "python train.py --lr {lr} --schedule {schedule}" --metric val_loss --looks 16
    """
    from surefoot import studies  # torch loads here, not for --help

    check_kind(ctx)
    if options["cmd"] is not None:
        asked = ctx.get_parameter_source("confirm") != ParameterSource.DEFAULT
        return tune_a_program(options | {"confirm_given": asked}, out, lang, as_json=as_json)
    command = shlex.join(["surefoot", *ctx.obj])
    if options["resume"] and says_nothing(ctx):
        command = studies.command_to_go_on(out, "tune")
        begun = tune.make_context("tune", shlex.split(command)[2:]).params
        options = {name: value for name, value in begun.items() if name not in ("out", "as_json", "lang")}
        options["resume"] = True
        if ctx.get_parameter_source("lang") == ParameterSource.DEFAULT:
            lang = begun["lang"]
        click.echo(words(lang)("going on with: {command}", command=command), err=True)
    given = {name: value for name, value in options.items() if value is not None and name not in (*OF_PROGRAMS, "cmd")}
    with contextlib.redirect_stdout(sys.stderr):  # what a task file prints is not data
        found = studies.tune(**given, out=out, lang=lang, command=command)
    return show_tuned(found, studies.folder_of(found.study, out), as_json=as_json)


def show_tuned(found: Tuned, folder: Path, *, as_json: bool) -> int:
    """What a search found on standard output; report and picture in `folder`. The exit code: 1 where nothing was."""
    from surefoot.report.fonts import missing_font_note

    _ = found.words
    page, picture, recipe = folder / "report.html", folder / "race.png", folder / "best.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found.to_html(page)
        found.to_png(picture)
        if found.is_found:
            found.to_yaml(recipe)
    except OSError as wrong:
        raise SurefootError(f"cannot write the report: {wrong}; the records are kept, see: surefoot show") from wrong
    if as_json:
        files = {"report": str(page), "figure": str(picture), "recipe": str(recipe) if found.is_found else None}
        click.echo(json.dumps(found.to_json() | {"files": files}, indent=2))
        return 0 if found.is_found else 1
    click.echo(found.table())
    click.echo("\n" + _("Report  {path}", path=page) + "\n" + _("Figure  {path}", path=picture))
    if found.is_found and (source := found.study.facts.source):
        trained = f"surefoot train {shlex.quote(source)} --recipes {shlex.quote(str(recipe))}"
        click.echo(_("Train the winner: {command}", command=trained))
    if (note := missing_font_note(found.lang, _)) is not None:
        click.echo(_("note: {text}", text=note), err=True)
    return 0 if found.is_found else 1
