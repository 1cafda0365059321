"""A process of the pool: trains the tiles it is given and tells of them."""

import math
import os
import pickle
import shutil
import threading
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

import cloudpickle
from attrs import evolve, frozen
from torch import Tensor

from surefoot.core.errors import SurefootError
from surefoot.core.record import Doing, Event, Observation, Progress, Saved
from surefoot.core.run import Run
from surefoot.core.units import Clock
from surefoot.training.checkpoint import Checkpoint, Save
from surefoot.training.compiler import Compiler
from surefoot.training.lockstep import train_tile
from surefoot.training.memory import keep_freed_memory
from surefoot.training.parcel import read_checkpoint, unpack, write_checkpoint
from surefoot.training.place import Work, computing, make
from surefoot.training.policy import Entry, bind
from surefoot.training.tile import Pause, Tile


@frozen(eq=False)
class Job:
    """A tile as it travels: policies hold functions, so they are bound again. `start`: the file of a checkpoint."""

    tile: int
    bundles: Sequence[Sequence[tuple[Run, Clock, Sequence[Observation]]]]
    start: Path | None
    pauses: Mapping[int, Pause]

    def bound(self, start: Checkpoint | None) -> Tile:
        """The tile, which goes on from a checkpoint that was read."""
        bundles = [
            [Entry(run, bind(run.recipe, clock), past) for run, clock, past in bundle] for bundle in self.bundles
        ]
        return Tile(self.tile, bundles, start, self.pauses)


@frozen(eq=False)
class Done:
    """The tile is trained."""


@frozen(eq=False)
class Raised:
    """Training raised: the exception, pickled, and its traceback as text."""

    error: bytes
    text: str

    @classmethod
    def of(cls, error: BaseException) -> "Raised":
        return cls(_portable(error), "".join(traceback.format_exception(error)))

    def unpacked(self, where: str = "In a process of the pool") -> BaseException:
        """The exception, to be raised in the process that records."""
        error: BaseException = pickle.loads(self.error)
        if not isinstance(error, SurefootError):
            error.add_note(f"{where}:\n{self.text}")
        return error


@frozen(eq=False)
class Unusable:
    """The work was pickled, but cannot be unpickled here."""

    why: str


Message = list[Event] | Done | Raised | Unusable


def main(handle: int, folder: str) -> None:
    """Serve the pool at the other end of a pipe until it ends."""
    attend(Connection(handle), Path(folder))


def attend(connection: Connection, folder: Path, work: Work | None = None) -> None:
    """Serve the pool with this work, or with the one that was packed."""
    jobs: SimpleQueue[Path] = SimpleQueue()  # where each is written
    threading.Thread(target=_listen, args=(connection, jobs, folder), daemon=True).start()
    keep_freed_memory()
    try:
        work = work or unpack(folder)
    except Exception as why:  # a module that is not found here, or anything that a user's own unpickling raises
        _send(connection, Unusable(f"{type(why).__name__}: {why}"))
    else:
        _serve(work, connection, jobs, folder)


def _listen(connection: Connection, jobs: SimpleQueue[Path], folder: Path) -> None:
    """Take jobs from the pipe. Its end is the end of the pool's process, whatever this one is in the midst of."""
    try:
        while True:
            jobs.put(connection.recv())
    except (EOFError, OSError):
        for _ in range(3):  # a process that was killed could not; and this one may be writing there
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def _serve(work: Work, connection: Connection, jobs: SimpleQueue[Path], folder: Path) -> None:
    tell = _Batches(connection)
    compiler = Compiler(tell) if work.plan.compiled else None
    with computing(work.plan.threads):
        while True:
            try:
                _train(work, pickle.loads(jobs.get().read_bytes()), compiler, tell, folder)
            except BaseException as error:  # SystemExit too: it ends the pool as it would end a loop
                tell.flush()
                _send(connection, Raised.of(error))
                return
            tell.flush()
            _send(connection, Done())


def _train(work: Work, job: Job, compiler: Compiler | None, tell: "_Batches", folder: Path) -> None:
    tile = job.bound(None if job.start is None else read_checkpoint(job.start))
    saving = work.saving
    if saving and math.isfinite(saving.every):  # else what is kept is of runs that pause: no tile starts from there
        saving = evolve(saving, save=_Keep(saving.save, folder, job.tile))
    train_tile(work.task, tile, make(work, tile, compiler, tell), tell, saving)


@frozen(eq=False)
class _Keep:
    """Keeps a copy of what is saved where the pool can start the tile again from, should this process die."""

    save: Save
    folder: Path
    tile: int

    def __call__(self, tensors: Mapping[str, Tensor], about: str, /) -> str:
        name = self.save(tensors, about)
        checkpoint = Checkpoint.of(tensors, about)
        write_checkpoint(checkpoint, self.folder / copy_name(self.tile, checkpoint.step))
        return name


def copy_name(tile: int, step: int) -> str:
    """The file of a tile's checkpoint within the pool's folder."""
    return f"{tile}-{step}.pt"


class _Batches:
    """A sink that sends the events of a stride in one message."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Progress | Saved | Doing):
            self.flush()

    def flush(self) -> None:
        if self.events:
            _send(self.connection, self.events)
            self.events = []


def _send(connection: Connection, message: Message) -> None:
    try:
        connection.send(message)
    except OSError:  # nobody is there any more: the listening thread clears up and ends this process
        threading.Event().wait()


def _portable(error: BaseException) -> bytes:
    """The exception, or one that names it where it does not survive the journey."""
    try:
        pickled: bytes = cloudpickle.dumps(error)
        cloudpickle.loads(pickled)
    except Exception:
        return cloudpickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))  # type: ignore[no-any-return]
    return pickled
