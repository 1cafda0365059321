"""How much the driver of a Ray cluster can record: simulated workers that train nothing send what trained rows say.

    python benchmarks/scale.py [--workers 10,100,1000] [--stages N] [--rounds N]

A stage is 640 updates of one row, ten looks, 21 records, told in one message, as one that takes less than a second, or
in 11, as one that takes longer; with `checkpoints` it ends in one of 100 000 numbers, which the driver writes to its
disk. What arrives goes the way of real messages: a stream from Ray, each record let through once, the SQLite file,
progress. `alone` leaves Ray out: messages are unpickled and recorded. The rates are medians of the rounds with the
lowest and the highest.
"""

import argparse
import io
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import spread
from tabulate import tabulate

from surefoot.core.history import Facts
from surefoot.core.recipe import Recipe
from surefoot.core.record import Event, Finished, Losses, Observation, Observed, Paused, Progress
from surefoot.core.run import Run
from surefoot.core.units import Clock
from surefoot.store import FILE, Store
from surefoot.studies.progress import Watcher
from surefoot.training import Entry, Plan, Saving, bind
from surefoot.training.arrays import arrays_of
from surefoot.training.cluster import Cluster, Needs, Ref, Stream, connected
from surefoot.training.on_ray import AHEAD, Driver
from surefoot.training.place import Work
from surefoot.training.ray_task import Message
from surefoot.training.tile import Pause, Tile
from surefoot.training.told import Told

STEPS, EPOCH, NUMBERS = 640, 64, 100_000
RECORDS = 2 * STEPS // EPOCH + 1  # losses and looks, and how it ended
RECIPE = Recipe("simulated", "sgd", 0.1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--workers", default="10,100,1000")
    options.add_argument("--stages", type=int, default=1000, help="of a round; at least one for each worker")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    table = []
    with connected(None) as cluster:
        print(f"Ray {cluster.ray.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"an empty task of Ray: {spread([empty(cluster) for _ in range(given.rounds)])} ms")
        print(f"a task that says one thing: {spread([saying(cluster) for _ in range(given.rounds)])} ms")
        for workers in map(int, given.workers.split(",")):
            for parts, saved in ((11, False), (1, False), (1, True)):
                stages = max(workers, given.stages // (5 if saved else 1))
                ways = {"alone": Alone(parts, saved), "Ray": Simulated(cluster, workers, parts, saved)}
                taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
                for _ in range(given.rounds):
                    for name, way in ways.items():
                        taken[name].append(driven(way, workers, stages, saved))
                rows = {name: [stages / wall for wall, _ in times] for name, times in taken.items()}
                busy = [100 * cpu / wall for wall, cpu in taken["Ray"]]
                records = [RECORDS * rate for rate in rows["Ray"]]
                told = [spread(rates) for rates in (*rows.values(), records, busy)]
                table.append([workers, parts, "yes" if saved else "no", *told])
    heads = [
        "workers",
        "messages",
        "checkpoints",
        "stages/s, alone",
        "stages/s, Ray",
        "records/s, Ray",
        "driver's processor, %",
    ]
    print(tabulate(table, headers=heads, disable_numparse=True))


def empty(cluster: Cluster, tasks: int = 2000) -> float:
    """Milliseconds of a task that does nothing, of many at once."""

    def nothing() -> None:
        pass

    remote = cluster.ray.remote(nothing)
    cluster.ray.get([remote.remote() for _ in range(10)])
    began = time.perf_counter()
    cluster.ray.get([remote.remote() for _ in range(tasks)])
    return 1000 * (time.perf_counter() - began) / tasks


def saying(cluster: Cluster, tasks: int = 1000) -> float:
    """Milliseconds of a task that says one thing, as a stage that trains for no time would."""

    def something() -> Iterator[int]:
        yield 1

    task, left, most = cluster.task(something, Needs(1)), tasks, cluster.room(Needs(1)) + AHEAD
    began, streams = time.perf_counter(), set[Stream]()
    while left or streams:
        while left and len(streams) < most:
            streams.add(task.remote())
            left -= 1
        for stream in cluster.ready(streams):
            try:
                cluster.message(stream)
            except StopIteration:
                streams.remove(stream)
    return 1000 * (time.perf_counter() - began) / tasks


def driven(way: "Alone | Simulated", workers: int, stages: int, saved: bool) -> tuple[float, float]:
    """The seconds that a round takes, and of the driver's processor."""
    runs = [Run(k, RECIPE, k, str(k)) for k in range(stages)]
    policy = bind(RECIPE, Clock(2 * STEPS, EPOCH))
    pauses = [{run.index: Pause(STEPS)} for run in runs]
    tiles = [Tile(run.index, [[Entry(run, policy)]], None, pauses[run.index]) for run in runs]
    plan = Plan("loop", "ray", False, 1, 1, [[[k]] for k in range(stages)])
    facts = Facts(
        task="simulated", source="", about="", watched="validation", rank="loss", goal="min", metrics=(), samples={},
        parameters=NUMBERS, batch_size=1, epochs=20, steps_per_epoch=EPOCH, last_batch="keep", device="cpu",
        fingerprint="", seeds=tuple(range(stages)), trainer="loop",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / FILE) as store:
        study = store.begin("compare", facts, {}, runs)
        store.plan(study, plan.to_json())
        record, watcher = store.sink(study), Watcher("simulated", runs, io.StringIO())

        def sink(event: Event) -> None:
            record(event)
            watcher(event)

        saving = Saving(store.checkpoints.write, 30.0) if saved and store.checkpoints else None
        work = Work(None, plan, (), tiles, saving)  # type: ignore[arg-type]
        began, used = time.perf_counter(), time.process_time()
        driver = Driver(work, Told(sink), way.cluster(workers), Needs(1), way.begin)
        driver.run()
        wall, cpu = time.perf_counter() - began, time.process_time() - used
        assert all(run.status == ("paused" if saved else "done") for run in store.load(study).runs)
    return wall, cpu


def messages(parts: int, saved: bool) -> Callable[[int], Iterator[Message]]:
    """What the worker of a run says."""
    values = np.linspace(1.0, 0.5, EPOCH)
    checkpoint = arrays_of({"weights": torch.arange(float(NUMBERS))}), "{}"

    def said(run: int) -> Iterator[Message]:
        stage = [*steps(run)]
        yield from stage if parts > 1 else [[event for message in stage for event in message]]

    def steps(run: int) -> Iterator[list[Any]]:
        for step in range(0, STEPS, EPOCH):
            seen = Observation(step + EPOCH, {"loss": 0.5, "accuracy": 0.75, "train_loss": 0.6})
            progress = Progress(step + EPOCH, STEPS, 1, 1, f"loop, step {step + EPOCH} of {STEPS}")
            yield [Losses(run, step, values), Observed(run, seen), progress]
        over: list[Any] = [checkpoint, Paused(run, STEPS, 1.0, "")] if saved else [Finished(run, 1.0)]
        yield [*over, Progress(STEPS, STEPS, 0, 1, "loop")]

    return said


class Alone:
    """Streams of messages that are here already, pickled."""

    def __init__(self, parts: int, saved: bool) -> None:
        self.said = messages(parts, saved)

    def cluster(self, workers: int) -> Any:
        return Here(workers)

    def begin(self, job: bytes, start: Ref) -> Stream:
        index = pickle.loads(job).tile
        return iter([pickle.dumps(message) for message in self.said(index)])


class Here:
    """A cluster that is not one: all streams have always something to say."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def check(self) -> bool:
        return True

    def room(self, needs: Needs) -> int:
        return self.workers

    def ready(self, streams: Any) -> list[Stream]:
        return [*streams]

    def message(self, stream: Stream) -> object:
        return pickle.loads(next(stream))

    def put(self, thing: object) -> Ref:
        return thing


class Simulated:
    """Workers of Ray that train nothing: one process, which says what they would say, each in a stream of its own."""

    def __init__(self, cluster: Cluster, workers: int, parts: int, saved: bool) -> None:
        class Workers:
            def __init__(self) -> None:
                self.said = messages(parts, saved)

            async def there(self) -> bool:
                return True

            async def train(self, job: bytes) -> Any:
                for message in self.said(pickle.loads(job).tile):
                    yield message

        self.connection = cluster
        remote = cluster.ray.remote(Workers).options(num_cpus=0, max_concurrency=workers + 8)
        self.workers = remote.remote()
        cluster.ray.get(self.workers.there.remote())

    def cluster(self, workers: int) -> Cluster:
        return type("Many", (Cluster,), {"room": lambda self, needs: workers})(
            self.connection.ray, self.connection.head, True
        )

    def begin(self, job: bytes, start: Ref) -> Stream:
        return self.workers.train.options(num_returns="streaming").remote(job)


if __name__ == "__main__":
    main()
