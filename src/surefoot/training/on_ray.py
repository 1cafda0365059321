"""The place `ray`: tiles as tasks of a Ray cluster; what they tell is handed on by this process alone.

The data lies in the object store once; a node fetches it once. Checkpoints come to this process, which keeps them: a
tile whose worker dies starts again from the last one, which lies in the object store of this machine.
"""

import pickle
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, evolve, field

from surefoot.core.errors import SurefootError, TaskError, UsageError, brief
from surefoot.core.record import Note, Paused, Progress, Saved, Sink
from surefoot.optimizers import TorchClass
from surefoot.training.arrays import array_of, arrays_of, tensor_of
from surefoot.training.cluster import LOOK, Cluster, DiedError, Needs, Ref, Stream, connected
from surefoot.training.journey import DEATHS, Journey
from surefoot.training.parcel import packed
from surefoot.training.place import Whole, Work, cores
from surefoot.training.ray_task import Kept, Message, by_value
from surefoot.training.told import Told
from surefoot.training.worker import Raised, Unusable

AHEAD = 8  # tasks that wait in the cluster for room, so that it is used at once


def on_ray(work: Work, sink: Sink) -> None:
    """Train the tiles on a cluster; the sink is called in this process only.

    A tile whose worker or node dies starts again from its last checkpoint; one that gets nowhere is given up. What
    training raises is raised here. Raises UsageError where the cluster cannot be reached or would compute otherwise,
    TaskError for a task that cannot be sent, SurefootError where the cluster is lost.
    """
    if work.saving is not None and work.saving.look is not None:
        raise UsageError("who wants to see the rows themselves has to train here", remedy="--place here")
    needs = Needs.of(work.task.device, work.plan.threads)
    with connected(work.plan.address) as cluster:
        if cluster.local:
            sink(Note(f"no address of a cluster was given: a Ray of this machine's {cores()} processors trains"))
        key, parcel = cluster.placed(_what(work), lambda: _parcel(work))
        versions, tile = by_value()
        task, expected = cluster.task(tile, needs), versions()
        every = work.saving.every if work.saving else None

        def begin(job: bytes, start: Ref) -> Stream:
            return task.remote(expected, [*sys.path], key, parcel, job, start, every)

        Driver(work, Told(sink), cluster, needs, begin, expected).run()


def _what(work: Work) -> tuple[object, ...]:
    """What tasks need of the work beside their tiles: where it is the same, it is placed once. A step that is not
    compiled takes its layout from its tile."""
    rules = (entry.policy.rule for tile in work.tiles for entry in tile.entries)
    classes = tuple(sorted({rule.path for rule in rules if isinstance(rule, TorchClass)}))
    return work.task, evolve(work.plan, tiles=()), work.layout if work.plan.compiled else None, classes


def _parcel(work: Work) -> object:
    data, rest = _packed(evolve(work, saving=None))
    return {name: [array_of(t) for t in tensors] for name, tensors in data.items()}, rest


def _packed(work: Work) -> Any:
    try:
        return packed(work)
    except Exception as why:  # pickling runs code of the user's
        raise TaskError(f"the task cannot be sent to a cluster ({brief(why)})", remedy=ELSEWHERE) from why


ELSEWHERE = "take --place here, or mend what cannot be pickled"


@define(eq=False)
class _Task:
    """A tile in the cluster. `kept`, `name`: the checkpoint that was sent last, and what it is called where it is
    kept."""

    journey: Journey
    kept: Kept | None = None
    name: str | None = None


@define(eq=False)
class Driver:
    """Hands out tiles and records what is told of them.

    Parameters: `begin`, starts a task from a pickled job and where the tile starts; `expected`, the versions of what
    computes.
    """

    work: Work
    told: Told
    cluster: Cluster
    needs: Needs
    begin: Callable[[bytes, Ref], Stream]
    expected: Mapping[str, str] = field(factory=dict)
    whole: Whole = field(init=False)
    waiting: deque[Journey] = field(init=False)
    at_work: dict[Stream, _Task] = field(factory=dict)
    starts: dict[int, Ref] = field(factory=dict)  # in the object store: where tiles start from
    news: tuple[int, Progress] | None = None  # the last of this round
    room: int = 0
    looked: float = 0.0  # when

    def __attrs_post_init__(self) -> None:
        self.whole = Whole(self.work.tiles, self.told)
        self.waiting = deque(Journey(tile) for tile in self.work.tiles)

    def run(self) -> None:
        """Train all tiles."""
        try:
            while self.waiting or self.at_work:
                self._look()
                self._employ()
                for stream in self._heard():
                    self._hear(stream)
                self._progress()
        finally:
            for stream in self.at_work:
                self.cluster.cancel(stream)

    def _look(self) -> None:
        if time.monotonic() - self.looked < LOOK:
            return
        if self.cluster.check():
            room = self.cluster.room(self.needs)
            if room == 0 and (self.room or not self.looked):
                self.told(Note("no node of the cluster has room for a task: waiting for one"))
            self.room = room
        self.looked = time.monotonic()

    def _employ(self) -> None:
        while self.waiting and self.room and len(self.at_work) < self.room + AHEAD:
            journey = self.waiting.popleft()
            tile = journey.tile
            if tile.start and tile.index not in self.starts:
                tensors, about = tile.start.parts()
                self.starts[tile.index] = self.cluster.put((arrays_of(tensors), about))
            stream = self.begin(pickle.dumps(journey.job(self.told)), self.starts.get(tile.index))
            self.at_work[stream] = _Task(journey)

    def _heard(self) -> list[Stream]:
        if not self.at_work:
            time.sleep(LOOK)
            return []
        return self.cluster.ready(self.at_work)

    def _hear(self, stream: Stream) -> None:
        """One message of a task, or its end."""
        task = self.at_work[stream]
        try:
            message: Message = self.cluster.message(stream)  # type: ignore[assignment]
        except StopIteration:
            self.starts.pop(task.journey.tile.index, None)
            del self.at_work[stream]
        except DiedError as how:
            self._died(stream, str(how))
        else:
            self._take(task, message)

    def _take(self, task: _Task, message: Message) -> None:
        match message:
            case dict():
                raise _differs(message, self.expected)
            case Raised():
                raise message.unpacked("On a node of the cluster")
            case Unusable(why=why):
                raise TaskError(f"the task cannot be read on a node of the cluster ({why})", remedy=ELSEWHERE)
        index = task.journey.tile.index
        for event in message:
            match event:
                case Progress():
                    self.whole.parts[index] = event
                    self.news = index, event
                case (_, _):
                    task.kept, task.name = event, None
                case Saved():
                    self.whole.tell(index, evolve(event, checkpoint=self._name(task)))
                    self.starts[index] = self.cluster.put(task.kept)
                    task.journey.saved(event.step)
                    task.kept = None  # it lies in this machine's object store now, and need not lie there twice
                case Paused(run=run) if event.checkpoint is not None and run not in self.told.over:
                    self.whole.tell(index, evolve(event, checkpoint=self._name(task)))
                case _:
                    self.whole.tell(index, event)

    def _progress(self) -> None:
        """Once for all that was heard in a round: it adds up all tiles, and the store commits what it was told."""
        if self.news is not None:
            self.whole.tell(*self.news)
        self.news = None

    def _name(self, task: _Task) -> str:
        """Keep the checkpoint that was sent last, once."""
        assert task.kept is not None
        assert self.work.saving is not None
        if task.name is None:
            arrays, about = task.kept
            task.name = self.work.saving.save({name: tensor_of(array) for name, array in arrays.items()}, about)
        return task.name

    def _died(self, stream: Stream, how: str) -> None:
        journey = self.at_work.pop(stream).journey
        self.cluster.cancel(stream)
        journey.deaths += 1
        while not self.cluster.check():  # with its head, all of a cluster dies: that is no fault of a tile
            time.sleep(1)
        if journey.deaths < DEATHS:
            self.told(Note(f"{journey}: its worker died ({how}); it starts again from step {journey.step or 0}"))
            self.waiting.appendleft(journey)
        else:
            journey.give_up("its worker", how, self.told, self.whole)
            self.starts.pop(journey.tile.index, None)


def _differs(found: dict[str, str], expected: Mapping[str, str]) -> SurefootError:
    node = found["node"]
    parts = [
        f"{name} {found.get(name)} there, {mine} here" for name, mine in expected.items() if found.get(name) != mine
    ]
    return UsageError(
        f"node {node} of the cluster would compute with other code: {'; '.join(parts)}",
        remedy="install the same version of everything on every node, and restart its workers with `ray stop`, "
        "`ray start`",
    )
