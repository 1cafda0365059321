"""The last line about a study that is not finished."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surefoot.cli.output import OUT

if TYPE_CHECKING:
    from surefoot.core.history import Study
    from surefoot.core.language import Words
    from surefoot.store import Store


def say_how_to_go_on(store: Store, study: Study, out: Path, _: Words) -> None:
    """What to type to train what is left of a study, where anything is and no process is at it."""
    from surefoot.studies import is_finished

    if not is_finished(study) and study.status != "running":
        how = _how(store, study, out, _)
        click.echo("\n" + _("Study {id} is not finished. Go on with: {command}", id=study.id, command=how))


def _how(store: Store, study: Study, out: Path, _: Words) -> str:
    from surefoot.studies import unfinished

    latest, command = unfinished(store, study.kind), study.facts.command
    if not command:
        call = f"sf.{study.kind}(..., resume=True)"
        return _("{call} in Python, with the arguments it was begun with", call=call)
    if latest is not None and latest.id == study.id:
        return f"surefoot {study.kind} --resume" + ("" if out == Path(OUT) else f" --out {shlex.quote(str(out))}")
    return command if "--resume" in shlex.split(command) else f"{command} --resume"
