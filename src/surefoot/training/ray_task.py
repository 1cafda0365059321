"""What runs on the nodes of a Ray cluster: one tile, told of in batches."""

import pickle
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from queue import Queue
from typing import Any

from attrs import define, evolve, field
from torch import Tensor, device

from surefoot.core.errors import TaskError
from surefoot.core.record import Doing, Event, Progress, Saved
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.tree import leaves, mapped
from surefoot.training.arrays import Array, arrays_of, copies_of, tensor_of
from surefoot.training.checkpoint import Checkpoint, Saving
from surefoot.training.compiler import Compiler
from surefoot.training.lockstep import train_tile
from surefoot.training.memory import keep_freed_memory
from surefoot.training.parcel import unpacked
from surefoot.training.place import Work, computing, make
from surefoot.training.worker import Job, Raised, Unusable

AHEAD = 8  # messages that may wait to be sent
EVERY = 1.0  # seconds between two messages: the driver has a thousand workers to listen to

Parcel = tuple[Mapping[str, list[Array]], bytes]  # the data of each split, and the rest
Kept = tuple[Mapping[str, Array], str]  # a checkpoint on its way: tensors and text
"""A message: events with the checkpoints that they name before them, how training ended, or why it did not begin."""
Message = list[Event | Kept] | Raised | Unusable | dict[str, str]

trusted: dict[str, str] = {}  # the versions that this process was found to be of, once
_known: dict[str, Work] = {}  # the work that this process did last, by its key


def attend(key: str, parcel: Parcel, job: bytes, start: Kept | None, every: float | None) -> Iterator[Message]:
    """Train a tile and say all that happens.

    Parameters: `key`, the parcel's; `job`, a pickled `Job`; `start`, where the tile goes on from; `every`, the seconds
    between checkpoints, None for none.
    """
    try:
        work = _opened(key, parcel)
    except Exception as why:  # a module that is not found here, or anything that a user's own unpickling raises
        yield Unusable(f"{type(why).__name__}: {why}")
        return
    checkpoint = None if start is None else Checkpoint.of(copies_of(start[0]), start[1])
    tell = _Batches()
    # Of its own, since a generator has to give way whenever it has something to say, and training never does.
    training = threading.Thread(target=_trained, args=(work, pickle.loads(job), checkpoint, every, tell), daemon=True)
    training.start()
    while (message := tell.messages.get()) is not None:
        yield message
    training.join()


def _opened(key: str, parcel: Parcel) -> Work:
    if key not in _known:
        data, rest = parcel
        keep_freed_memory()
        work = unpacked(lambda: {name: [tensor_of(each) for each in arrays] for name, arrays in data.items()}, rest)
        _known.clear()
        _known[key] = _moved(work) if work.task.device.type == "cuda" else work
    return _known[key]


def _moved(work: Work) -> Work:
    """With the data on this worker's GPU: it sees no other."""
    gpu = device("cuda", 0)
    splits: dict[str, Any] = {}
    for name in ("train", "watched", "test"):
        split = getattr(work.task, name)
        if isinstance(split, InMemory):
            splits[name] = InMemory(*(mapped(lambda tensor: tensor.to(gpu), part) for part in (split.x, split.y)))
    return evolve(work, task=evolve(work.task, device=gpu, **splits))


def _check_data(work: Work) -> None:
    """Raises TaskError where the data was written to: it lies in memory that all workers of a node read."""
    if work.task.device.type != "cpu":  # a copy of this process's own
        return
    splits = (work.task.train, work.task.watched, work.task.test)
    held = (tensor for split in splits if isinstance(split, InMemory) for tensor in leaves((split.x, split.y)))
    if any(tensor._version for tensor in held):  # torch counts what is done in place, to views too
        raise TaskError(
            "the model, the loss or a metric changes the data that it is given, which the workers of a node share",
            remedy="begin with a copy, x.clone(), or an operation that is not in place",
        )


def _trained(work: Work, job: Job, start: Checkpoint | None, every: float | None, tell: "_Batches") -> None:
    saving = None if every is None else Saving(tell.keep, every)
    try:
        with computing(work.plan.threads):
            tile = job.bound(start)
            compiler = Compiler(tell) if work.plan.compiled else None
            train_tile(work.task, tile, make(work, tile, compiler, tell), tell, saving)
        _check_data(work)
        tell.flush()
    except BaseException as error:  # SystemExit too: it ends the driver as it would end a loop
        tell.flush()
        tell.messages.put(Raised.of(error))
    finally:
        tell.messages.put(None)


@define(eq=False)
class _Batches:
    """A sink that sends what happens in a second or so in one message, and checkpoints before what names them."""

    messages: Queue[Message | None] = field(factory=lambda: Queue(AHEAD))
    events: list[Event | Kept] = field(factory=list)
    sent: float = field(factory=lambda: time.monotonic() - EVERY)  # when

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        late = isinstance(event, Progress) and time.monotonic() - self.sent >= EVERY
        if late or isinstance(event, Saved | Doing):
            self.flush()

    def keep(self, tensors: Mapping[str, Tensor], about: str, /) -> str:
        """Send a checkpoint along: the driver keeps it, and knows its name."""
        # Copies, since training goes on while they are sent.
        self.events.append((arrays_of({name: tensor.clone() for name, tensor in tensors.items()}), about))
        return ""

    def flush(self) -> None:
        if self.events:
            self.messages.put([*self.events])
            self.events.clear()
            self.sent = time.monotonic()


def by_value() -> tuple[Callable[[], dict[str, str]], Callable[..., Iterator[object]]]:
    """A function that says what would compute here, and the one that tasks run.

    Functions made in a function are pickled whole: they ask on the node itself, and import Surefoot there only where
    it is the very same.
    """

    def versions() -> dict[str, str]:
        import hashlib
        import platform
        from importlib.metadata import version
        from importlib.util import find_spec
        from pathlib import Path

        found = {"Python": ".".join(platform.python_version_tuple()[:2])}
        for package in ("torch", "numpy", "surefoot"):
            try:
                found[package] = version(package).partition("+")[0]  # built for a processor or a GPU
            except Exception:
                found[package] = "none"
        code, spec = hashlib.sha256(), find_spec("surefoot")
        for folder in (spec and spec.submodule_search_locations) or ():
            for path in sorted(Path(folder).rglob("*.py")):
                code.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        found["surefoot's code"] = code.hexdigest()[:12]
        return found

    def tile(expected: dict[str, str], path: list[str], *given: Any) -> Iterator[object]:
        import platform
        import sys

        sys.path += [each for each in path if each not in sys.path]  # where a node is this very machine, or like it
        name = "surefoot.training.ray_task"
        if name not in sys.modules or sys.modules[name].trusted != expected:
            found = versions()
            if found != expected:
                yield {"node": platform.node(), **found}
                return
        from surefoot.training import ray_task

        ray_task.trusted = expected
        yield from ray_task.attend(*given)

    return versions, tile
