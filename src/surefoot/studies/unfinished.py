"""What is left to go on with: the latest comparison of a folder that is not finished, and how it was begun."""

from pathlib import Path

from surefoot.core.errors import UsageError
from surefoot.core.history import Study
from surefoot.store import FILE, Store

BEGIN = {
    "compare": "begin a comparison with: surefoot compare",
    "train": "begin a training with: surefoot train",
    "tune": "begin a search with: surefoot tune. One of a program goes on with its whole command and --resume",
}


def is_finished(study: Study) -> bool:
    """Whether nothing of a study, given with its runs, is left to train."""
    if study.kind == "tune":
        return study.status == "done"
    return study.status == "done" and all(run.status != "failed" for run in study.runs)


def unfinished(store: Store, kind: str = "compare") -> Study | None:
    """The latest study of a kind that is not finished, but for those that were begun again since: the newest is gone
    on with."""
    newer: set[object] = set()
    for listed in reversed([study for study in store.studies() if study.kind == kind]):
        study = store.load(listed.id)
        keys = study.facts.search or tuple(run.run.key for run in study.runs)
        if not is_finished(study) and keys not in newer:
            return study
        newer.add(keys)
    return None


def command_to_go_on(out: Path, kind: str = "compare") -> str:
    """The command that began the latest unfinished study of a kind. Raises UsageError where there is none."""
    if not (out / FILE).exists():
        raise UsageError(f"nothing to go on with: nothing was recorded in {out} yet", remedy=BEGIN[kind])
    with Store(out / FILE, create=False) as store:
        if not (known := [study for study in store.studies() if study.kind == kind]):
            raise UsageError(f"nothing to go on with: {store.path} holds no study yet", remedy=BEGIN[kind])
        if (study := unfinished(store, kind)) is None:
            raise UsageError(
                f"nothing to go on with: all that was begun with surefoot {kind} in {out} is finished",
                remedy=f"the latest is study {known[-1].id}: surefoot show {known[-1].id}",
            )
    if not study.facts.command:
        raise UsageError(
            f"study {study.id}, the latest that is not finished, was begun in Python, so there is no command to repeat",
            remedy=f"go on with it there: sf.{kind}(..., resume=True), with the same arguments",
        )
    return study.facts.command
