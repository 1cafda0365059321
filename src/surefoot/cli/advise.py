"""`surefoot advise`."""

from __future__ import annotations

import contextlib
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from surefoot.advice.answers import FITS, LENGTHS, LOSSES, MODELS, QUESTIONS, TASKS, VALUES, Answers
from surefoot.cli.output import OUT, json_option, lang_option, show_document
from surefoot.core.errors import UsageError
from surefoot.core.language import Words, words

ASKED = {"task": TASKS, "model": MODELS, "val_loss": LOSSES, "fit": FITS}  # questions with a choice of answers
UNKNOWN = "?"

_count = click.IntRange(min=1)


@click.command()
@click.argument("of", required=False, metavar="[TASK]")
@click.option("--task", type=click.Choice(TASKS), help="What is learned.")
@click.option("--samples", type=_count, metavar="N", help="In the training set.")
@click.option("--epochs", type=_count, metavar="N", help="Passes over it.")
@click.option("--batch-size", type=_count, metavar="N", help="Samples an update.")
@click.option("--length", type=click.Choice(LENGTHS), help="Whether it is settled how long to train.")
@click.option("--model", type=click.Choice(MODELS), help="The kind of model.")
@click.option("--pretrained/--from-scratch", default=None, help="Whether it is fine-tuned.")
@click.option("--sensitive/--not-sensitive", default=None, help="Whether the learning rate matters much.")
@click.option("--val-loss", type=click.Choice(LOSSES), help="How the validation loss moves.")
@click.option("--fit", type=click.Choice(FITS), help="Whether it over-fits or under-fits.")
@click.option("--sparse/--dense", default=None, help="Whether most inputs are zero.")
@click.option(
    "--history", type=click.Path(path_type=Path), metavar="FILE", help="A training so far: csv, json, tensorboard."
)
@click.option("--measure", is_flag=True, help="Train the first few on TASK, and say where the rules are wrong.")
@click.option("--first", type=click.IntRange(2, 5), default=3, show_default=True, help="How many are measured.")
@click.option("--seeds", type=_count, default=3, show_default=True, help="Of the measurement.")
@click.option("--rules", type=click.Choice(["all", "textbook"]), default="all", show_default=True, help="Whose rules.")
@click.option(
    "--code", type=click.Choice(["torch", "keras", "optax"]), help="Print a script that trains with the first."
)
@click.option("--place", type=click.IntRange(1, 5), help="Whose script, of the ranked list; the best by default.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="The advice as .html, its pictures as .png."
)
@lang_option
@json_option
@click.pass_context
def advise(
    ctx: click.Context,
    /,
    of: str | None,
    history: Path | None,
    measure: bool,
    first: int,
    seeds: int,
    rules: str,
    code: str | None,
    place: int | None,
    out: Path | None,
    lang: str,
    as_json: bool,
    **answers: Any,
) -> None:
    """What to try first for a training, with the reasons for and against, from rules with their sources.

    TASK is digits, diabetes, char-lm, fashion-mnist, mnist, conv, or a Python file with a task() function: what it
    shows by itself is not asked. Without a task and without options the questions are asked in the terminal.

    \b
    Examples:
      surefoot advise
      surefoot advise --task classification --samples 60000 --epochs 10 --model cnn --sensitive --val-loss unstable
      surefoot advise my_task.py
      surefoot advise --history log.csv
      surefoot advise digits --measure
      surefoot advise --model transformer --task language --epochs 3 --samples 100000 --code torch
    """
    from surefoot.advice import advise as ask
    from surefoot.report.document import check_file

    if code is not None and (out is not None or as_json):
        raise click.UsageError("--code prints a script and nothing else: leave --out and --json out")
    if out is not None:
        check_file(out)
    _ = words(lang)
    given = {name: value for name, value in answers.items() if value is not None}
    if not _told(ctx):
        given = _asked(of, _)
    with contextlib.redirect_stdout(sys.stderr):  # what a task file prints is not data
        comparing = {"seeds": seeds, "command": shlex.join(["surefoot", *(ctx.obj or [])]), "out": OUT}
        found = ask(
            of, lang=lang, history=history, measure=measure, first=first, rules=rules, comparing=comparing, **given
        )
    if found.measured is not None:
        click.echo(_("Recorded as study {id}: surefoot show {id}", id=found.measured.comparison.study.id), err=True)
    if code is not None:
        click.echo(_("The script is for: {name}", name=found.recipes[(place or found.best) - 1].name), err=True)
        click.echo(found.code(code, place), nl=False)
    else:
        show_document(found, out, as_json=as_json)


def _told(ctx: click.Context) -> bool:
    """Whether the command line says anything but the task, and where and in which language to answer."""
    given = {name for name in ctx.params if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE}
    return bool(given - {"of", "lang", "out"})


def _asked(of: str | None, _: Words) -> dict[str, Any]:
    """The answers to what nobody has told, one question after the other; what a task shows is not asked."""
    read: dict[str, Any] = {}
    if of is not None:
        if not sys.stdin.isatty():
            return {}
        from surefoot.advice.answers import known
        from surefoot.advice.seeing import seen
        from surefoot.tasks import load

        with contextlib.redirect_stdout(sys.stderr):
            read = known(seen(load(of)))
    click.echo(_("Press Enter where you do not know."), err=True)
    given: dict[str, Any] = {}
    for name in (name for name in QUESTIONS if name not in read):
        if (answer := _answer(name, read | given, _)) is not None:
            given[name] = answer
    return given


def _answer(name: str, given: dict[str, Any], _: Words) -> Any:
    """One answer; asked again as long as it makes no sense with those before."""
    question = QUESTIONS[name](_)
    choices = ASKED.get(name)
    if choices is not None:
        said = [choice if _.lang == "en" else f"{choice} {VALUES[choice](_)}" for choice in choices]
        question += f" ({', '.join(said)})"
    elif name in ("pretrained", "sensitive", "sparse"):
        answers = ", ".join([_("yes"), _("no")])
        question += f" ({answers})"
    while True:
        try:
            text = click.prompt(question, default=UNKNOWN, show_default=False, err=True).strip()
        except click.Abort as ended:
            if isinstance(ended.__context__, KeyboardInterrupt):
                raise
            raise UsageError(
                "there were no more answers", remedy="give them as options: surefoot advise --help"
            ) from None
        if text in ("", UNKNOWN):
            return None
        try:
            answer = _read(name, text, _)
            Answers(**given, **{name: answer})
        except (UsageError, ValueError) as wrong:
            click.echo(f"{wrong}", err=True)
            continue
        return answer


def _read(name: str, text: str, _: Words) -> Any:
    if name in ("samples", "epochs", "batch_size"):
        try:
            return int(text.replace(",", "").replace("_", ""))
        except ValueError:
            raise UsageError(f"{name} must be a whole number above 0", received=text) from None
    if name in ASKED:  # by its name, or by what it is called in this language
        return next((each for each in ASKED[name] if text in (each, VALUES[each](_))), text)
    if text.lower() in ("y", "yes", "true", "1", "是", _("yes")):
        return True
    if text.lower() in ("n", "no", "false", "0", "否", _("no")):
        return False
    raise UsageError("the answer must be yes or no", received=text)
