"""`surefoot show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surefoot.cli.going_on import say_how_to_go_on
from surefoot.cli.output import folder_of, json_option, out_option, present

if TYPE_CHECKING:
    from surefoot.report import Comparison
    from surefoot.store import Checked


@click.command()
@click.argument("study", type=int, required=False)
@out_option
@click.option("--check", is_flag=True, help="Verify the records instead; the exit code is 1 where they are damaged.")
@json_option
def show(study: int | None, out: Path, check: bool, as_json: bool) -> int:
    """List past comparisons, or redraw one by its number.

    \b
    Examples:
      surefoot show
      surefoot show 3
      surefoot show 3 --json
      surefoot show --check
    """
    from surefoot.store import FILE, Store

    with Store(out / FILE, create=False) as store:
        if check:
            checked = store.check(study)
            click.echo(json.dumps(_document(checked), indent=2) if as_json else _verified(checked, store.path, study))
            return 0 if checked.sound else 1
        from surefoot.report import Comparison
        from surefoot.studies import unfinished

        if study is not None:
            found = Comparison.of(store.load(study))
            present(found, folder_of(found, out), as_json=as_json)
            if not as_json:
                say_how_to_go_on(store, found.study, out)
            return 0
        listed = [_line(Comparison.of(store.load(each.id))) for each in store.studies()]
        if as_json:
            click.echo(json.dumps({"surefoot": "list", "version": 1, "studies": listed}, indent=2))
            return 0
        from tabulate import tabulate

        click.echo(tabulate(listed, headers="keys", disable_numparse=True, missingval="–"))
        if (left := unfinished(store)) is not None:
            say_how_to_go_on(store, left, out)
    return 0


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


def _verified(checked: Checked, path: Path, study: int | None) -> str:
    """What was verified and what was found, for people."""
    what = f"{checked.studies} studies" if study is None else f"study {study}"
    # The file's size says something about all studies only.
    each = f" ({checked.bytes / checked.numbers:.1f} each)" if study is None and checked.numbers else ""
    lines = [
        f"{path}: {what}, {checked.runs} runs, {checked.numbers:,} recorded numbers, {checked.bytes:,} bytes{each}"
    ]
    for found in checked.findings:
        of = "" if found.study is None else f"study {found.study}: "
        lines.append(f"{'damaged' if found.bad else 'note'}: {of}{found.what}")
    lines.append(
        "sound: the file is whole, and nothing that it should hold is missing"
        if checked.sound
        else "Keep the file as it is, and use another folder (--out) for what comes next."
    )
    return "\n".join(lines)


def _document(checked: Checked) -> dict[str, object]:
    import attrs

    return {"surefoot": "check", "version": 1, "sound": checked.sound} | attrs.asdict(checked)
