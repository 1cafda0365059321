"""Training histories as TensorBoard's event files."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from surefoot.advice.columns import LOSS, TRAINING, VALIDATION, recognise, tokens
from surefoot.advice.table import Table
from surefoot.core.errors import DataError, UsageError
from surefoot.core.language import Words

MARK = "tfevents"  # in the name of every event file
_STUB = "tensorboard.compat.notf"


def event_files(folder: Path) -> list[Path]:
    """The event files under a folder."""
    return sorted(path for path in folder.rglob(f"*{MARK}*") if path.is_file())


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


def _events(path: Path, files: list[Path]) -> Iterator[tuple[float, int, str, float]]:
    """Time, step, tag and value of each scalar, the tag preceded by the folder where files lie in several."""
    folders = sorted({file.parent for file in files})
    with _without_tensorflow():
        accumulator = _accumulator()
        everything = {accumulator.SCALARS: 0, accumulator.TENSORS: 0}
        for folder in folders:
            source = path if path.is_file() else folder
            before = "" if len(folders) == 1 else f"{folder.relative_to(path).as_posix()}/".removeprefix("./")
            read = accumulator.EventAccumulator(str(source), size_guidance=everything)
            read.Reload()
            tags = read.Tags()
            for tag in tags["scalars"]:
                yield from ((event.wall_time, event.step, before + tag, event.value) for event in read.Scalars(tag))
            for tag in tags["tensors"]:
                if any(before + tag in names for names in recognise([before + tag]).series.values()):
                    yield from _rank_zero(read.Tensors(tag), before + tag)


def _rank_zero(events: Any, name: str) -> Iterator[tuple[float, int, str, float]]:
    """The newer kind of scalar: a tensor with a single number."""
    as_array = import_module("tensorboard.util.tensor_util").make_ndarray
    for event in events:
        value = as_array(event.tensor_proto)
        if value.ndim == 0 and np.issubdtype(value.dtype, np.number):
            yield event.wall_time, event.step, name, float(value)


def _accumulator() -> Any:
    try:
        return import_module("tensorboard.backend.event_processing.event_accumulator")
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"event files are read by TensorBoard, which is not installed (no module {missing.name!r})",
            remedy="run pip install 'surefoot[tensorboard]', or give a CSV or JSON file",
        ) from None


@contextmanager
def _without_tensorflow() -> Iterator[None]:
    """TensorBoard loads TensorFlow where it is installed, for seconds; a module of this name tells it not to."""
    if "tensorflow" in sys.modules or _STUB in sys.modules:
        yield
        return
    sys.modules[_STUB] = ModuleType(_STUB)
    try:
        yield
    finally:
        sys.modules.pop(_STUB, None)
