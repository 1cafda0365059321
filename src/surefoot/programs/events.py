"""TensorBoard's event files, read by TensorBoard."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from surefoot.core.errors import UsageError

MARK = "tfevents"  # in the name of every event file
_STUB = "tensorboard.compat.notf"
Kind = Literal["scalars", "tensors"]
Scalar = tuple[float, int, str, float]  # time, step, tag, value


def event_files(folder: Path) -> list[Path]:
    """The event files under a folder."""
    return sorted(path for path in folder.rglob(f"*{MARK}*") if path.is_file())


class Scalars:
    """The scalars of one event file, or of those in one folder.

    Parameters: `source`, the file or folder; `purge`, whether what a restarted program writes again replaces what it
    wrote before.

    Raises UsageError where TensorBoard is not installed.
    """

    def __init__(self, source: Path, *, purge: bool = True) -> None:
        with _without_tensorflow():
            module = _accumulator()
            everything = {module.SCALARS: 0, module.TENSORS: 0}
            self._read = module.EventAccumulator(str(source), everything, purge_orphaned_data=purge)

    def load(self) -> None:
        """Take in what was written since."""
        with _without_tensorflow():
            self._read.Reload()

    def tags(self) -> list[str]:
        """The tags of scalars of both kinds; a newer one may turn out to hold other tensors."""
        tags = self._read.Tags()
        return [*tags["scalars"], *tags["tensors"]]

    def of(self, wanted: Callable[[str, Kind], bool]) -> Iterator[Scalar]:
        """The scalars under wanted tags, by their kind: the older is all scalars, the newer tensors of any shape."""
        tags = self._read.Tags()
        for tag in (tag for tag in tags["scalars"] if wanted(tag, "scalars")):
            yield from ((event.wall_time, event.step, tag, event.value) for event in self._read.Scalars(tag))
        for tag in (tag for tag in tags["tensors"] if wanted(tag, "tensors")):
            yield from _rank_zero(self._read.Tensors(tag), tag)


def _rank_zero(events: Any, name: str) -> Iterator[Scalar]:
    """The newer kind of scalar: a tensor with a single number."""
    with _without_tensorflow():
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
            remedy="run pip install 'surefoot[tensorboard]', or give JSON lines or a CSV file",
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
