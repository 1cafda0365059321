"""Training histories as TensorBoard's event files."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from surefoot.advice.columns import LOSS, TRAINING, VALIDATION, recognise, tokens
from surefoot.advice.table import Table
from surefoot.core.errors import DataError
from surefoot.core.language import Words
from surefoot.programs.events import Kind, Scalar, Scalars, event_files


def load(path: Path, _: Words) -> Table:
    """The scalars of an event file, or of the event files under a folder: of one run, the newest.

    Raises UsageError where TensorBoard is not installed, DataError where there are no scalars.
    """
    files = [path] if path.is_file() else event_files(path)
    runs: dict[str, list[Path]] = {}
    for file in files:
        runs.setdefault(_run(file.parent.relative_to(path)) if path.is_dir() else "", []).append(file)
    newest = max(runs, key=lambda run: max(file.stat().st_mtime_ns for file in runs[run]))
    table = Table()
    if len(runs) > 1:
        said = _("The folder holds {count} runs; the newest, “{name}”, is read.", count=len(runs), name=newest or ".")
        table.notes.append(said)
    events = sorted(_events(path, runs[newest]))
    if not events:
        raise DataError(
            f"{path} holds no scalars",
            received=", ".join(file.name for file in files[:3]),
            remedy="log the loss as a scalar",
        )
    record: dict[str, object] = {"step": events[0][1]}
    for _time, step, tag, value in events:
        if step != record["step"]:
            table.add(record, f"step {record['step']}")
            record = {"step": step}
        record[tag] = value
    table.add(record, f"step {record['step']}")
    return table.finish()


def _run(folder: Path) -> str:
    """A folder without the parts that only say training or validation: Keras and `add_scalars` write one each."""
    roles = LOSS | TRAINING | frozenset(VALIDATION)
    return "/".join(part for part in folder.parts if not roles >= set(tokens(part)))


def _events(path: Path, files: list[Path]) -> Iterator[Scalar]:
    """Each scalar, its tag preceded by the folder where files lie in several; of the newer kind what has a meaning."""
    for folder in (folders := sorted({file.parent for file in files})):
        before = "" if len(folders) == 1 else f"{folder.relative_to(path).as_posix()}/".removeprefix("./")
        read = Scalars(path if path.is_file() else folder)
        read.load()
        for time, step, tag, value in read.of(partial(_has_meaning, before)):
            yield time, step, before + tag, value


def _has_meaning(before: str, tag: str, kind: Kind) -> bool:
    name = before + tag
    return kind == "scalars" or any(name in names for names in recognise([name]).series.values())
