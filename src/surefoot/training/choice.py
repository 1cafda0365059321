"""Choosing a trainer by trying: a few updates of each, and compilation counted against the updates to come."""

import statistics
import time
from collections.abc import Sequence

import torch
from attrs import define, evolve, field

from surefoot.core.errors import RecipeError
from surefoot.core.record import Note, Sink
from surefoot.tasks import Prepared
from surefoot.training.cluster import Needs, slots
from surefoot.training.compiler import Compiler, compiler_found
from surefoot.training.cuda_graph import Graphs
from surefoot.training.device import rounding_on
from surefoot.training.fused import FusedTrainer
from surefoot.training.layout import divide, layout_of, tiled
from surefoot.training.loop import LoopTrainer
from surefoot.training.memory import give_back_memory, is_out_of_memory, keep_freed_memory, rows_that_fit
from surefoot.training.place import computing, cores
from surefoot.training.plan import AUTO, PlaceName, Plan, Wanted
from surefoot.training.policy import Entry
from surefoot.training.process import can_fork
from surefoot.training.trainer import Row, Trainer, Updates, order
from surefoot.training.tree import bundled
from surefoot.training.trial import CannotStackError

PATIENCE, UPDATES = 0.1, 20  # seconds and updates to time one way of training, at most
SOON = 2.0  # seconds: a training that is over so soon is not worth comparing
COMPILATION, EACH = 5.0, 0.3  # seconds that a compilation takes from nothing: at least, and for a parameter of a kind
GAIN = 2.5  # compile where the training would otherwise take so many times longer than compiling
ARITHMETIC = 1.7  # times as long for twice the samples: a step is arithmetic
POOL, FORKED = 5.0, 0.3  # seconds until the processes of a pool are at work: new programs, copies of this one
DOUBT = 1.15  # threads that wait for each other lose more on a machine that has other work than in a short trial


def choose(
    task: Prepared,
    entries: Sequence[Entry],
    sink: Sink,
    wanted: Wanted = AUTO,
    compiler: Compiler | None = None,
) -> Plan:
    """The plan for these runs: what was asked for where it was, what is fastest where it was not.

    The sink is told what was taken and why. Rows that cannot be stacked go to the loop. `compiler` keeps what was
    compiled on the way. A cluster is only taken where it was asked for; it is asked what room it has.
    """
    if wanted.place == "pool" and task.device.type != "cpu":
        raise RecipeError(
            "a pool of processes works on the processor", received=str(task.device), remedy="--place here"
        )
    room = slots(wanted.address, Needs.of(task.device, 1)) if wanted.place == "ray" else cores()
    keep_freed_memory()
    with computing(torch.get_num_threads()):
        return _Choice(task, entries, sink, wanted, compiler or Compiler(sink), room).made()


@define(eq=False)
class _Choice:
    task: Prepared
    entries: Sequence[Entry]
    sink: Sink
    wanted: Wanted
    compiler: Compiler
    room: int  # tiles that can be trained at a time, elsewhere
    rows: list[Row] = field(init=False)
    bundles: list[list[int]] = field(init=False)
    work: float = field(init=False)  # the updates to be made as a share of all that runs on their own would make
    seconds: dict[Plan, float] = field(factory=dict)  # of the whole training, by plan
    threads: int = field(factory=torch.get_num_threads)

    def __attrs_post_init__(self) -> None:
        self.rows = [entry.row() for entry in self.entries]
        stages = bundled(self.entries, share=self.wanted.share)
        self.bundles = [bundle for bundle, _ in stages]
        self.work = sum(stage.updates for _, stage in stages) / (self.task.steps * len(self.rows))

    def made(self) -> Plan:
        elsewhere = self.wanted.place in ("pool", "ray")  # there a processor of its own is better for a row than a slot
        stackable = self.wanted.trainer == "auto" and len(self.rows) > 1
        stackable = stackable and not (elsewhere and self.task.device.type == "cpu")
        if told := rounding_on(self.task.device):
            self._tell(told)
        if self.wanted.trainer == "fused" or (stackable and not self._is_arithmetic()):
            self._try_fused()
        if not self.seconds or (self.wanted.trainer == "auto" and min(self.seconds.values()) > SOON):
            self._try_loop()
        best = min(self.seconds, key=lambda plan: self.seconds[plan])
        if len({str(plan) for plan in self.seconds}) > 1 or (self.wanted.trainer == "auto" and best.trainer == "fused"):
            self._tell(self._reasons(best))
        return evolve(best, expected=self.seconds[best] or None)

    def _try_fused(self) -> None:
        most = self.wanted.most or self._rows_that_fit()
        if self.wanted.place == "ray" and not self.wanted.most:
            most = min(most, -(-len(self.rows) // self.room))  # a tile for each at least
        try:
            for rule in (row.rule for row in self.rows):
                if not rule.stackable:
                    raise CannotStackError(f"{rule} has no rule for stacks")
            trainer, plan = self._stacked(most)
        except CannotStackError as why:
            self._tell(f"the rows of this task cannot be stacked, so the loop trains them one by one ({why})")
            return
        if self.wanted.place in ("pool", "ray"):
            self.seconds = {self._elsewhere(plan): 0.0}
            return
        if self.threads > 1:
            self._time(trainer, evolve(plan, threads=1))
        if self._is_to_be_compiled(COMPILATION + EACH * len(trainer.params) * len(trainer.layout)):
            self._try_compiled(evolve(plan, compiled=True))

    def _rows_that_fit(self) -> int:
        try:
            return rows_that_fit(self.task, self.rows)
        except Exception as failure:
            if not is_out_of_memory(failure):
                raise
        give_back_memory()
        return 1

    def _stacked(self, most: int) -> tuple[FusedTrainer, Plan]:
        """A stack of the first tile, of fewer rows where they do not fit the memory."""
        while True:
            tiles = divide(self.rows, self.bundles, tiled(layout_of(self.rows), most))
            plan = Plan("fused", "here", False, self.threads, most, tiles)
            rows = [self.rows[k] for k in plan.runs(0)]
            try:
                trainer = FusedTrainer(self.task, rows, graphs=Graphs(self.sink))
                self._time(trainer, plan)
            except Exception as failure:
                if len(rows) == 1 or not is_out_of_memory(failure):
                    raise
            else:
                return trainer, plan
            give_back_memory()  # not within the handler: what failed holds the memory of the frames it came through
            most = len(rows) // 2
            self._tell(f"out of memory with {len(rows)} rows at once: going on with {most}")

    def _is_to_be_compiled(self, compiling: float) -> bool:
        kind = self.task.device.type
        if self.wanted.compiled is False or not (kind == "cpu" or compiler_found(kind)):
            return False
        if self.wanted.compiled is None and min(self.seconds.values()) < GAIN * compiling:
            return False
        if not compiler_found(kind):
            self._tell("no C++ compiler was found (g++ or clang++), so the fused trainer goes on without one")
            return False
        return True

    def _is_arithmetic(self) -> bool:
        """Whether, on a processor, twice the samples take about twice the time: then there is little around the
        arithmetic of a step, and that is all that rows could share."""
        size = self.task.batch_size
        if self.task.device.type != "cpu" or size == 1:
            return False
        trainer = LoopTrainer(self.task, self.rows[:1])
        with computing(1):
            times = [[self._measured(trainer, self.rows[:1], part) for part in (size // 2, size)] for _ in range(2)]
        half, whole = (min(each) for each in zip(*times, strict=True))
        if whole < ARITHMETIC * half:
            return False
        self._tell(
            f"twice the samples take {whole / half:.2f} times as long: a step is arithmetic, which rows do not share, "
            "so stacking them was not tried"
        )
        return True

    def _try_compiled(self, plan: Plan) -> None:
        tile = [self.rows[k] for k in plan.runs(0)]
        with computing(plan.threads):
            seeds = max(len({self.rows[k].seed for k in plan.runs(each)}) for each in range(len(plan.tiles)))
            layout = tiled(layout_of(self.rows), plan.most)
            trainer = FusedTrainer(self.task, tile, layout, self.compiler, seeds, graphs=Graphs(self.sink))
            self._time(trainer, plan)
        if self.compiler.failed:
            del self.seconds[plan]
        elif self.wanted.compiled:
            self.seconds = {plan: self.seconds[plan]}

    def _try_loop(self) -> None:
        """One row after another here, or in a process per core, here or in a cluster."""
        here = Plan("loop", "here", False, self.threads, 1, [[bundle] for bundle in self.bundles])
        far = self._elsewhere(here)
        processes = min(self.room, len(self.bundles))
        only = {"here": here, "pool": far, "ray": far}.get(self.wanted.place)
        if self.wanted.place != "ray" and (processes == 1 or self.task.device.type != "cpu"):
            only = here
        if only and self.wanted.trainer == "loop" and not self.wanted.timed:
            self.seconds[only] = 0.0
            return
        trainer = LoopTrainer(self.task, self.rows[:1])
        for threads in {self.threads, 1}:
            self._time(trainer, evolve(here, threads=threads))
        if not only:
            for several in (plan for plan in self.seconds if plan.trainer == "loop" and plan.threads > 1):
                self.seconds[several] *= DOUBT
        if only is not here:
            rounds = -(-len(self.bundles) // processes)  # of one bundle for each process
            alone = self.seconds[evolve(here, threads=1)]
            begin = FORKED if far.place == "pool" and can_fork(self.task) else POOL
            self.seconds[far] = begin + alone * rounds / len(self.bundles)
        if only is far:
            self.seconds = {far: self.seconds[far]}

    def _elsewhere(self, plan: Plan) -> Plan:
        place: PlaceName = "ray" if self.wanted.place == "ray" else "pool"
        return evolve(plan, place=place, threads=1, address=self.wanted.address)

    def _time(self, trainer: Trainer, plan: Plan) -> None:
        """Put down how long the training would take: the median of some updates, times all there are."""
        rows = [self.rows[k] for k in (plan.runs(0) if plan.trainer == "fused" else [0])]
        with computing(plan.threads):
            seconds = self._measured(trainer, rows, self.task.batch_size)
        tiles = len(plan.tiles) if plan.trainer == "fused" else len(self.rows)
        share = 1.0 if plan.compiled else self.work  # a compiled step trains the slots of rows to come, too
        self.seconds[plan] = seconds * tiles * self.task.steps * share

    def _measured(self, trainer: Trainer, rows: Sequence[Row], size: int) -> float:
        """The seconds of an update with batches of a size: the median of some."""
        orders = {row.seed: order(self.task, row.seed, 0) for row in rows}
        batch = {seed: samples[:size].unsqueeze(0) for seed, samples in orders.items()}
        updates = Updates(0, batch, [{**row.hyper} for row in rows])
        took: list[float] = []
        trainer.advance(updates)
        began = time.perf_counter()
        while not took or (len(took) < UPDATES and time.perf_counter() - began < PATIENCE):
            start = time.perf_counter()
            trainer.advance(updates)
            took.append(time.perf_counter() - start)
        return statistics.median(took)

    def _reasons(self, best: Plan) -> str:
        fastest: dict[str, float] = {}
        for plan, seconds in sorted(self.seconds.items(), key=lambda pair: pair[1]):
            fastest.setdefault(str(plan), seconds)
        took = fastest.pop(str(best))
        others = (
            ", ".join(f"{name} {seconds:.3g} s" for name, seconds in fastest.items()) or "over too soon to try others"
        )
        compiling = f"; compiling took {self.compiler.seconds:.1f} s" if self.compiler.seconds else ""
        threads = f"{best.threads} thread{'s' if best.threads > 1 else ''}"
        return f"trained by: {best}, {threads}, about {took:.3g} s by a few updates ({others}){compiling}"

    def _tell(self, text: str) -> None:
        self.sink(Note(text))
