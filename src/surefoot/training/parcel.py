"""Work on its way to other processes: the data in one file that all of them map, the rest pickled in another."""

import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os.path import realpath
from pathlib import Path
from types import ModuleType

import cloudpickle
import torch
from attrs import evolve

from surefoot.tasks import Split
from surefoot.training.checkpoint import Checkpoint
from surefoot.training.place import Work

DATA, REST = "data.pt", "work.pickle"


def pack(work: Work, folder: Path) -> None:
    """Write the work, without its tiles. Raises whatever a user's object raises that cannot be pickled."""
    splits = [split for split in (work.task.train, work.task.watched, work.task.test) if split is not None]
    torch.save([(split.x, split.y) for split in splits], folder / DATA)
    nothing = Split(torch.empty(0), torch.empty(0))
    task = evolve(work.task, train=nothing, watched=nothing, test=None)
    numerics = (
        torch.get_default_dtype(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
    )
    with _by_value():
        rest = cloudpickle.dumps((evolve(work, task=task, tiles=(), compiler=None), numerics))
    (folder / REST).write_bytes(rest)


def unpack(folder: Path) -> Work:
    """The work that was packed; torch is set as it was there."""
    work: Work
    work, (dtype, precision, deterministic) = pickle.loads((folder / REST).read_bytes())
    torch.set_default_dtype(dtype)
    torch.set_float32_matmul_precision(precision)
    torch.use_deterministic_algorithms(deterministic)
    # Mapped, not read: the processes share one copy of the data, the system's.
    train, watched, *test = (Split(x, y) for x, y in torch.load(folder / DATA, mmap=True, weights_only=True))
    task = evolve(work.task, train=train, watched=watched, test=test[0] if test else None)
    return evolve(work, task=task)


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """For `read_checkpoint`, on the same machine and soon: nothing here outlives a crash of the system."""
    torch.save(checkpoint.parts(), path)


def read_checkpoint(path: Path) -> Checkpoint:
    return Checkpoint.of(*torch.load(path, weights_only=True))


@contextmanager
def _by_value() -> Iterator[None]:
    """Within, functions and classes of modules that other processes could not import are pickled whole."""
    hidden = [module for name, module in list(sys.modules.items()) if "." not in name and _is_hidden(name, module)]
    known = cloudpickle.list_registry_pickle_by_value()
    hidden = [module for module in hidden if module.__name__ not in known]
    for module in hidden:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in hidden:
            cloudpickle.unregister_pickle_by_value(module)


def _is_hidden(name: str, module: ModuleType) -> bool:
    # A task file and its neighbours are imported by path: their names mean nothing elsewhere, or something else.
    file = getattr(module, "__file__", None)
    if name == "__main__" or not (str(file).endswith(".py") or hasattr(module, "__path__")):
        return False
    finders = (finder.find_spec for finder in sys.meta_path if hasattr(finder, "find_spec"))
    spec = next((spec for find in finders if (spec := find(name, None)) is not None), None)
    if spec is None:
        return True
    return bool(file and spec.has_location and spec.origin and realpath(spec.origin) != realpath(file))
