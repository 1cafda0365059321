"""`surefoot show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surefoot.cli.going_on import say_how_to_go_on
from surefoot.cli.output import json_option, lang_option, out_option, present
from surefoot.core.language import Words, words

if TYPE_CHECKING:
    from surefoot.core.history import Study
    from surefoot.store import Checked, Finding


@click.command()
@click.argument("study", type=int, required=False)
@out_option
@click.option("--check", is_flag=True, help="Verify the records instead; the exit code is 1 where they are damaged.")
@json_option
@lang_option
def show(study: int | None, out: Path, check: bool, as_json: bool, lang: str) -> int:
    """List past comparisons, searches and trainings, or redraw one by its number.

    \b
    Examples:
      surefoot show
      surefoot show 3
      surefoot show 3 --json
      surefoot show 3 --lang zh
      surefoot show --check
    """
    from surefoot.store import FILE, Store

    _ = words(lang)
    with Store(out / FILE, create=False) as store:
        if check:
            checked = store.check(study)
            told = json.dumps(_document(checked), indent=2) if as_json else _verified(checked, store.path, study, _)
            click.echo(told)
            return 0 if checked.sound else 1
        from surefoot.studies import unfinished

        if study is not None:
            loaded = store.load(study)
            _show(loaded, out, lang, as_json=as_json)
            if not as_json:
                say_how_to_go_on(store, loaded, out, _)
            return 0
        listed = [_line(store.load(each.id)) for each in store.studies()]
        if as_json:
            click.echo(json.dumps({"surefoot": "list", "version": 1, "studies": listed}, indent=2))
            return 0
        click.echo(_table(listed, _))
        for kind in ("compare", "tune", "train"):
            if (left := unfinished(store, kind)) is not None:
                say_how_to_go_on(store, left, out, _)
    return 0


def _show(study: Study, out: Path, lang: str, *, as_json: bool) -> None:
    """One study, as the command that made it shows it."""
    from surefoot.cli.tune import show_tuned
    from surefoot.report import Comparison
    from surefoot.studies import Trained, Tuned, folder_of

    if study.kind == "train":
        trained = Trained.of(study, out, lang)
        click.echo(json.dumps(trained.to_json(), indent=2) if as_json else str(trained))
    elif study.kind == "tune":
        show_tuned(Tuned.of(study, lang=lang), folder_of(study, out), as_json=as_json)
    else:
        present(Comparison.of(study, lang), folder_of(study, out), as_json=as_json)


def _line(study: Study) -> dict[str, object]:
    """What the list says of a study."""
    from surefoot.report import Comparison
    from surefoot.studies import Tuned

    if study.kind == "tune":
        tuned = Tuned.of(study)
        recipes, ties = len(tuned.tried), len(tuned.ties) if tuned.is_found else 0
        best = tuned.best.name if tuned.is_found else None
    else:
        comparison = Comparison.of(study)
        recipes, best, ties = len(comparison.summaries), comparison.verdict.best, len(comparison.verdict.ties)
    return {
        "id": study.id,
        "kind": study.kind,
        "created": study.created,
        "task": study.facts.task,
        "recipes": recipes,
        "seeds": len(study.facts.seeds),
        "status": study.status,
        "best": best,
        "ties": ties,
    }


def _table(listed: list[dict[str, object]], _: Words) -> str:
    """Past comparisons for people."""
    from tabulate import tabulate

    from surefoot.report.table import status

    headings = {
        "id": _("id"),
        "kind": _("kind"),
        "created": _("created"),
        "task": _("task"),
        "recipes": _("recipes"),
        "seeds": _("seeds"),
        "status": _("status"),
        "best": _("best"),
        "ties": _("ties"),
    }
    cells = [each | {"status": status(str(each["status"]), _)} for each in listed]
    return tabulate(cells, headers=headings if cells else (), disable_numparse=True, missingval="–")


def _verified(checked: Checked, path: Path, study: int | None, _: Words) -> str:
    """What was verified and what was found, for people; what was found is told in English."""
    said = {
        "path": path,
        "study": study,
        "studies": checked.studies,
        "runs": checked.runs,
        "numbers": f"{checked.numbers:,}",
        "bytes": f"{checked.bytes:,}",
    }
    if study is not None:
        whole = _("{path}: study {study}, {runs} runs, {numbers} recorded numbers, {bytes} bytes", **said)
    elif not checked.numbers:
        whole = _("{path}: {studies} studies, {runs} runs, {numbers} recorded numbers, {bytes} bytes", **said)
    else:  # the file's size says something about all studies only
        whole = _(
            "{path}: {studies} studies, {runs} runs, {numbers} recorded numbers, {bytes} bytes ({each} each)",
            each=f"{checked.bytes / checked.numbers:.1f}",
            **said,
        )
    lines = [whole, *(_finding(found, _) for found in checked.findings)]
    if checked.sound:
        lines.append(_("sound: the file is whole, and nothing that it should hold is missing"))
    else:
        lines.append(_("Keep the file as it is, and use another folder (--out) for what comes next."))
    return "\n".join(lines)


def _finding(found: Finding, _: Words) -> str:
    what = found.what
    if found.study is not None:
        what = _("study {study}: {what}", study=found.study, what=what)
    return _("damaged: {what}", what=what) if found.bad else _("note: {text}", text=what)


def _document(checked: Checked) -> dict[str, object]:
    import attrs

    return {"surefoot": "check", "version": 1, "sound": checked.sound} | attrs.asdict(checked)
