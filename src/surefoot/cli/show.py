"""`surefoot show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surefoot.cli.output import folder_of, json_option, out_option, present

if TYPE_CHECKING:
    from surefoot.report import Comparison


@click.command()
@click.argument("study", type=int, required=False)
@out_option
@json_option
def show(study: int | None, out: Path, as_json: bool) -> None:
    """List past comparisons, or redraw one by its number.

    \b
    Examples:
      surefoot show
      surefoot show 3
      surefoot show 3 --json
    """
    from surefoot.report import Comparison
    from surefoot.store import Store
    from surefoot.studies.compare import FILE

    with Store(out / FILE, create=False) as store:
        if study is not None:
            found = Comparison.of(store.load(study))
            present(found, folder_of(found, out), as_json=as_json)
            return
        listed = [_line(Comparison.of(store.load(each.id))) for each in store.studies()]
    if as_json:
        click.echo(json.dumps({"surefoot": "list", "version": 1, "studies": listed}, indent=2))
        return
    from tabulate import tabulate

    click.echo(tabulate(listed, headers="keys", disable_numparse=True, missingval="–"))


def _line(comparison: Comparison) -> dict[str, object]:
    study, verdict = comparison.study, comparison.verdict
    return {
        "id": study.id,
        "created": study.created,
        "task": study.facts.task,
        "recipes": len(comparison.summaries),
        "seeds": len(study.facts.seeds),
        "status": study.status,
        "best": verdict.best,
        "ties": len(verdict.ties),
    }
