"""The last line about a study that is not finished."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surefoot.cli.output import OUT

if TYPE_CHECKING:
    from surefoot.core.history import Study
    from surefoot.store import Store


def say_how_to_go_on(store: Store, study: Study, out: Path) -> None:
    """What to type to train what is left of a study, where anything is and no process is at it."""
    from surefoot.studies import is_finished

    if not is_finished(study) and study.status != "running":
        click.echo(f"\nStudy {study.id} is not finished. Go on with: {_how(store, study, out)}")


def _how(store: Store, study: Study, out: Path) -> str:
    from surefoot.studies import unfinished

    latest, command = unfinished(store), study.facts.command
    if not command:
        return "sf.compare(..., resume=True) in Python, with the arguments it was begun with"
    if latest is not None and latest.id == study.id:
        return "surefoot compare --resume" + ("" if out == Path(OUT) else f" --out {shlex.quote(str(out))}")
    return command if "--resume" in shlex.split(command) else f"{command} --resume"
