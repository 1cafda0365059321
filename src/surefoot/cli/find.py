"""`surefoot find`."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.compare import seeds_of
from surefoot.cli.output import OUT, json_option, lang_option
from surefoot.cli.ways import ways_of_short_runs
from surefoot.core.errors import SurefootError
from surefoot.core.language import words

if TYPE_CHECKING:
    from surefoot.report.range import Range

SUFFIXES = (".png", ".svg", ".pdf")


def _rates(ctx: click.Context, option: click.Parameter, text: str | None) -> int | list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")] if "," in text else int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number of rates (12) or a list of rates (0.01,0.1,1)") from None


@click.command()
@click.argument("task", default="digits")
@click.option("--optimizer", default="sgd(momentum=0.9)", show_default=True, help="A rule: adam, 'sgd(clip_norm=1)'.")
@click.option("--seeds", default="1", metavar="N", callback=seeds_of, help="How many seeds (3), or which (0,1,7).")
@click.option("--low", type=float, metavar="RATE", help="The lowest rate to look at.  [default: 1e-6]")
@click.option("--high", type=float, metavar="RATE", help="The highest.  [default: 100]")
@click.option(
    "--rates", metavar="N|RATE,RATE...", callback=_rates, help="How many rates, or which; by default 2 a decade."
)
@click.option(
    "--budget", type=float, default=0.5, show_default=True, metavar="RUNS", help="Updates of each seed, in whole runs."
)
@click.option("--ramp", is_flag=True, help="Train the classic exponential ramp too, beyond the budget, to compare.")
@click.option(
    "--trainer", default="auto", type=click.Choice(["auto", "fused", "loop"]), help="Rows stacked, or one by one."
)
@ways_of_short_runs
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="The picture: .png, .svg or .pdf.")
@json_option
@lang_option
def find(task: str, out: Path | None, as_json: bool, lang: str, **options: Any) -> None:
    """Find a good constant learning rate, for about half a training run.

    TASK is digits (the default), diabetes, char-lm, fashion-mnist, mnist, conv, or a Python file that has task().

    \b
    Examples:
      surefoot find
      surefoot find digits --optimizer adam --seeds 3
      surefoot find my_task.py --low 1e-4 --high 1 --out rates.svg
      surefoot find --ramp
    """
    from surefoot import studies  # torch loads here, not for --help

    if out is not None and out.suffix not in SUFFIXES:
        raise click.BadParameter(f"{str(out)!r} must end with one of {', '.join(SUFFIXES)}", param_hint="'--out'")
    with contextlib.redirect_stdout(sys.stderr):  # what a task file prints is not data
        found = studies.find(task, lang=lang, **options)
    file = out or Path(OUT) / f"find-{_plain(found.facts.task)}-{_plain(found.optimizer)}.png"
    click.echo(json.dumps(found.to_json() | {"files": {"figure": str(file)}}, indent=2) if as_json else _shown(found))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        found.to_png(file)
    except OSError as wrong:
        raise SurefootError(f"cannot write the picture: {wrong}") from wrong
    _tell(found, file, as_json)


def _tell(found: Range, file: Path, as_json: bool) -> None:
    from surefoot.report.fonts import missing_font_note

    _ = words(found.lang)
    if not as_json:
        click.echo("\n" + _("Figure  {path}", path=file))
        rate = f"{found.suggestion:.2g}"
        command = f'surefoot train {found.facts.source} --optimizer "{found.optimizer}" --lr {rate}'
        click.echo(_("Train with it: {command}", command=command))
    if (note := missing_font_note(found.lang, _)) is not None:
        click.echo(_("note: {text}", text=note), err=True)


def _shown(found: Range) -> str:
    """The table, the curve, and what was found."""
    from surefoot.report.chart import draw, legend
    from surefoot.report.range_figure import panel
    from surefoot.report.terminal import Terminal

    terminal = Terminal.here()
    look = {"colour": terminal.colour, "plain": terminal.plain}
    drawn = panel(found)
    curve = [draw(drawn, min(max(terminal.width, 40), 100), 16, **look), *legend(drawn, **look)]
    return terminal.shown("\n".join([found.table(), "", *curve, "", *found.sentences()]))


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-")
