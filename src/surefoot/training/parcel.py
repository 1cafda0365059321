"""Work on its way to other processes: the data as tensors that all of them map, the rest pickled."""

import pickle
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os.path import realpath
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import torch
from attrs import evolve
from torch import Tensor

from surefoot.optimizers import TorchClass
from surefoot.optimizers.found import hand_on
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.tree import leaves, mapped, parted
from surefoot.training.checkpoint import Checkpoint
from surefoot.training.place import Work

DATA, REST = "data.pt", "work.pickle"
Data = Mapping[str, Sequence[Tensor]]


def pack(work: Work, folder: Path) -> None:
    """Write the work, without its tiles. Raises whatever a user's object raises that cannot be pickled."""
    data, rest = packed(work)
    torch.save(data, folder / DATA)
    (folder / REST).write_bytes(rest)


def unpack(folder: Path) -> Work:
    """The work that was written; torch is set as it was there."""
    rest = (folder / REST).read_bytes()
    # Mapped, not read: the processes share one copy of the data, the system's.
    return unpacked(lambda: torch.load(folder / DATA, mmap=True, weights_only=True), rest)


def packed(work: Work) -> tuple[Data, bytes]:
    """The tensors of each split that is in memory, and the rest of the work, without its tiles.

    Raises whatever a user's object raises that cannot be pickled.
    """
    held = _held(work)
    hollow: dict[str, Any] = {
        name: InMemory(*(mapped(lambda tensor: tensor.new_empty(0), part) for part in (split.x, split.y)))
        for name, split in held.items()
    }
    task = evolve(work.task, **hollow)
    numerics = (
        torch.get_default_dtype(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
    )
    rules = (entry.policy.rule for tile in work.tiles for entry in tile.entries)
    classes = {rule.path: rule.kind for rule in rules if isinstance(rule, TorchClass)}
    with _by_value():
        rest: bytes = cloudpickle.dumps((evolve(work, task=task, tiles=(), compiler=None), numerics, classes))
    return {name: leaves((split.x, split.y)) for name, split in held.items()}, rest


def unpacked(data: Callable[[], Data], rest: bytes) -> Work:
    """The work that was packed; torch is set as it was there."""
    work: Work
    work, (dtype, precision, deterministic), classes = pickle.loads(rest)
    hand_on(classes)
    torch.set_default_dtype(dtype)
    torch.set_float32_matmul_precision(precision)
    torch.use_deterministic_algorithms(deterministic)
    tensors, filled = data(), dict[str, Any]()
    for name, split in _held(work).items():
        _, rebuilt = parted((split.x, split.y))
        filled[name] = InMemory(*rebuilt(tensors[name]))
    return evolve(work, task=evolve(work.task, **filled))


def _held(work: Work) -> dict[str, InMemory]:
    """The splits that are in memory; others travel as the objects they read from."""
    splits = {"train": work.task.train, "watched": work.task.watched, "test": work.task.test}
    return {name: split for name, split in splits.items() if isinstance(split, InMemory)}


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
