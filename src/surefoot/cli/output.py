"""What commands print and write about a comparison, and the options that say where and how."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surefoot.core.errors import SurefootError
from surefoot.core.language import LANGUAGES, words

if TYPE_CHECKING:
    from surefoot.advice import Advice
    from surefoot.lessons.lesson import Taught
    from surefoot.report import Comparison

OUT = "surefoot-runs"

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=OUT,
    show_default=True,
    metavar="DIR",
    help="The folder of records and reports.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON (docs/json.md).")
lang_option = click.option(
    "--lang",
    type=click.Choice(list(LANGUAGES)),
    default="en",
    show_default=True,
    envvar="SUREFOOT_LANG",
    help="The language of what is printed: en, zh.",
)


def present(comparison: Comparison, folder: Path, *, as_json: bool) -> None:
    """The table (or JSON) on standard output; the report and its figure in `folder`."""
    from surefoot.report.fonts import missing_font_note

    _ = comparison.words
    page, figure = folder / "report.html", folder / "curves.png"
    files = {"files": {"report": str(page), "figure": str(figure)}}
    click.echo(json.dumps(comparison.to_json() | files, indent=2) if as_json else _marked(comparison.table()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        comparison.to_html(page)
        comparison.to_png(figure)
    except OSError as wrong:
        raise SurefootError(f"cannot write the report: {wrong}; the records are kept, see: surefoot show") from wrong
    if not as_json:
        click.echo("\n" + _("Report  {path}", path=page) + "\n" + _("Figure  {path}", path=figure))
        if comparison.verdict.best is not None and comparison.study.facts.source:
            where = "" if folder.parent == Path(OUT) else f" --out {shlex.quote(str(folder.parent))}"
            command = f"surefoot train --winner --study {comparison.study.id}{where}"
            click.echo(_("Train the winner: {command}", command=command))
    if (note := missing_font_note(comparison.lang, _)) is not None:
        click.echo(_("note: {text}", text=note), err=True)


def show_document(document: Advice | Taught, out: Path | None, *, as_json: bool) -> None:
    """The text (or JSON) on standard output; the file of `out`, where one is asked for."""
    from surefoot.report.document import show
    from surefoot.report.fonts import missing_font_note

    _ = words(document.lang)
    if out is not None:
        document.save(out)
        if (note := missing_font_note(document.lang, _)) is not None:
            click.echo(_("note: {text}", text=note), err=True)
    if as_json:
        files = {"files": {"out": None if out is None else str(out)}}
        click.echo(json.dumps(document.to_json() | files, indent=2, ensure_ascii=False, allow_nan=False))
        return
    click.echo(show(document), nl=False)
    if out is not None:
        click.echo("\n" + _("Written: {file}", file=out))


def _marked(table: str) -> str:
    """The leader's line in bold, in a terminal that wants colour."""
    if "NO_COLOR" in os.environ:
        return table
    return "\n".join(click.style(line, bold=True) if line.startswith("★  ") else line for line in table.split("\n"))
