"""A process per core, each with a tile of its own; what they tell is handed on by this one alone.

Processes share nothing but read-only files and a pipe with this one, so that none can block another by dying.
"""

import pickle
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path

from attrs import define, evolve, field

from surefoot.core.record import Note, Saved, Sink
from surefoot.training.journey import DEATHS, Journey
from surefoot.training.parcel import pack, write_checkpoint
from surefoot.training.place import Whole, Work, cores, here
from surefoot.training.process import Process, can_fork, forked, spawned
from surefoot.training.scratch import scratch
from surefoot.training.told import Told
from surefoot.training.worker import Done, Message, Raised, Unusable, copy_name

LOOK = 1.0  # seconds between two looks whether processes live, should a pipe not tell


def pool(work: Work, sink: Sink) -> None:
    """Train the tiles in processes, one per core; the sink is called in this one only.

    A tile whose process dies starts again from its last checkpoint; one that gets nowhere is given up. What training
    raises is raised here. A task that cannot be pickled is trained here.
    """
    told = Told(sink)
    with scratch() as folder:
        fork = can_fork(work.task) and not work.plan.compiled
        why = "" if fork else _not_packed(work, folder)
        why = why or _Pool(work, folder, told, fork).run()
    if why:
        sink(Note(f"the task cannot be sent to other processes, so this one trains its tiles one by one ({why})"))
        here(work, told)


def _not_packed(work: Work, folder: Path) -> str:
    if not hasattr(signal, "pthread_sigmask"):
        return "this system has no pipes that a new process inherits"
    try:
        pack(work, folder)
    except Exception as why:  # pickling runs code of the user's
        return f"{type(why).__name__}: {why}"
    return ""


@define(eq=False)
class _Pool:
    work: Work
    folder: Path
    told: Told
    fork: bool
    whole: Whole = field(init=False)
    waiting: deque[Journey] = field(init=False)
    at_work: dict[Process, Journey] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.whole = Whole(self.work.tiles, self.told)
        self.waiting = deque(Journey(tile) for tile in self.work.tiles)

    def run(self) -> str:
        """Train all tiles; or a line that says why the work is of no use to the processes."""
        try:
            for _ in range(min(cores(), len(self.waiting))):
                self._employ()
            while self.at_work:
                for worker in self._heard():
                    if why := self._hear(worker):
                        return why
            return ""
        finally:
            for worker in self.at_work:
                worker.kill()
            for worker in self.at_work:
                worker.end()

    def _employ(self) -> None:
        """Begin a process, with a tile."""
        with _deaf():
            if self.fork:
                process = forked(evolve(self.work, tiles=(), compiler=None), self.folder, list(self.at_work))
            else:
                process = spawned(self.folder, self.work.plan.threads)
            self._give(process)

    def _give(self, worker: Process) -> None:
        """Give a process the next tile."""
        journey = self.at_work[worker] = self.waiting.popleft()
        tile, start = journey.tile, self._checkpoint(journey)
        if tile.start and start and not start.exists():
            write_checkpoint(tile.start, start)
        job = self.folder / f"{tile.index}.job"
        job.write_bytes(pickle.dumps(journey.job(self.told, start)))
        with suppress(OSError):  # it is dead already, which is noticed where it is listened to
            worker.connection.send(job)

    def _checkpoint(self, journey: Journey) -> Path | None:
        return None if journey.step is None else self.folder / copy_name(journey.tile.index, journey.step)

    def _heard(self) -> list[Process]:
        """The processes that have said something or are dead."""
        # A process that a worker has forked may hold the worker's end of the pipe open after its death.
        ready = wait([worker.connection for worker in self.at_work], LOOK)
        return [worker for worker in self.at_work if worker.connection in ready or worker.is_over()]

    def _hear(self, worker: Process) -> str:
        """One message of a process; where it says that the work is of no use to it, why."""
        journey = self.at_work[worker]
        try:
            message: Message | None = worker.connection.recv() if worker.connection.poll() else None
        except (EOFError, OSError):
            message = None
        match message:
            case None:
                self._died(worker)
            case Done():
                self._done(worker)
            case Raised():
                raise message.unpacked()
            case Unusable(why=why):
                return why
            case events:
                for event in events:
                    if isinstance(event, Saved):
                        self._saved(journey, event)
                    self.whole.tell(journey.tile.index, event)
        return ""

    def _saved(self, journey: Journey, event: Saved) -> None:
        self._forget(journey)
        journey.saved(event.step)

    def _forget(self, journey: Journey) -> None:
        if old := self._checkpoint(journey):
            old.unlink(missing_ok=True)

    def _done(self, worker: Process) -> None:
        self._forget(self.at_work.pop(worker))
        if self.waiting:
            self._give(worker)
        else:
            worker.end()

    def _died(self, worker: Process) -> None:
        journey, how = self.at_work.pop(worker), worker.end()
        journey.deaths += 1
        if journey.deaths < DEATHS:
            self._note(f"{journey}: its process died ({how}); it starts again from step {journey.step or 0}")
            self.waiting.appendleft(journey)
        else:
            journey.give_up("its process", how, self.told, self.whole)
            self._forget(journey)
        if self.waiting:
            self._employ()

    def _note(self, text: str) -> None:
        self.told(Note(text))


@contextmanager
def _deaf() -> Iterator[None]:
    """A process that is begun within never hears what terminals and schedulers send to all at once: it ends with this
    one, after this one has cleared up, or clears up itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
