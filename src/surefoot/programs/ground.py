"""Programs as a ground of the race: those that are asked for run, the others wait, and losers are stopped."""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable

from attrs import define, field

from surefoot.core.errors import SurefootError, UsageError
from surefoot.programs.command import Command
from surefoot.programs.executor import OUTPUT, Executor, Handle, ended_with
from surefoot.programs.journal import Journal, Key
from surefoot.programs.program import Program, folder_name
from surefoot.programs.reading import Events, Lines, Look, Source
from surefoot.search import Answer, Arm, Ask, Move, Seen

DEATHS = 2  # of a program: then it is given up
BROKEN = 3  # programs given up with not a look among all: then it is the script, not a rate


@define(eq=False)
class Programs:
    """A ground of programs that report a metric.

    A program runs until it has reported as often as is asked of it; then its process group is stopped (SIGSTOP), and
    continued (SIGCONT) when more is asked. What the race drops is ended: SIGTERM, and SIGKILL after `grace` seconds. A
    metric that is not finite is divergence; so is a program that ends with an error twice. One that has reported all
    that a whole run has may go on for `grace` seconds, to write down what it learned.

    Parameters: `metric`, read from a `source`; `looks`, reports of a whole run; `sign`, 1 where more is better and -1
    where less is; `paused`, how many may wait with their memory: of more the worst are ended, and begin again when they
    are asked for; `note`, hears what people should know.

    Raises UsageError where a program ends before it has reported enough, SurefootError where all programs fail.
    """

    command: Command
    metric: str
    executor: Executor
    journal: Journal
    looks: int
    sign: int = -1
    source: Source = "lines"
    paused: int = 8
    grace: float = 10.0
    note: Callable[[str], None] = field(default=lambda said: None)
    programs: dict[Key, Program] = field(factory=dict, init=False)
    asked: dict[Key, int] = field(factory=dict, init=False)
    ending: list[tuple[Program, Handle, float]] = field(factory=list, init=False)  # and when they are killed

    def train(self, ask: Ask) -> Answer:
        for decision in ask.decisions:
            if decision.kind in ("dropped", "diverged"):
                self._end(program for (arm, _), program in self.programs.items() if arm == decision.arm)
        wanted = {move: tuple(self._program(move.arm, seed) for seed in move.seeds) for move in ask.moves}
        self._run([(program, move.stop) for move, programs in wanted.items() for program in programs])
        self._check_any()
        for program in self.programs.values():
            if program.failed is not None:
                self.journal.fail(program.key, program.failed)
        seen = {move: self._seen(move, programs) for move, programs in wanted.items()}
        return Answer(seen, self.cost())

    def cost(self, seeds: Collection[int] | None = None) -> float:
        """What these seeds, or all, have cost so far, in full runs."""
        return sum(looks for (_, seed), looks in self.asked.items() if seeds is None or seed in seeds) / self.looks

    def close(self) -> None:
        """End every program. What was asked of a whole run that is still writing is waited for no longer."""
        self._end(self.programs.values())
        while self.ending:
            self._bury()
            time.sleep(self.executor.interval)
        self.executor.close()

    def kill(self) -> None:
        """End every program at once."""
        for handle in [*(each for _, each, _ in self.ending), *(p.handle for p in self.programs.values() if p.handle)]:
            handle.kill()
        self.executor.close()

    def _seen(self, move: Move, programs: Iterable[Program]) -> tuple[Seen, ...]:
        seen = []
        for program in programs:
            each = program.seen(move.stop, self.sign)
            cost = move.stop if each.diverged is None else each.diverged
            # What was asked for, not what was made: a program may have gone further before it was stopped, and what
            # a race decides must not hang on that.
            self.asked[program.key] = max(self.asked.get(program.key, 0), cost)
            seen.append(each)
        return tuple(seen)

    def _program(self, arm: Arm, seed: int) -> Program:
        key = (arm, seed)
        if key not in self.programs:
            looks, failed = list(self.journal.looks.get(key, ())), self.journal.failed.get(key)
            folder = self.journal.folder.absolute() / "runs" / folder_name(key, self.command.places())
            self.programs[key] = Program(key, folder, looks, failed)
            self._recover(self.programs[key])
        return self.programs[key]

    def _recover(self, program: Program) -> None:
        """Take in what was printed, and not read before this process's predecessor was killed: a program that goes on
        from checkpoints of its own will not report it again."""
        if self.source == "lines" and (printed := program.folder / OUTPUT).exists():
            self._take(program, Lines(self.metric, counting=False).read(printed.read_bytes(), over=True))

    def _run(self, wanted: Iterable[tuple[Program, int]]) -> None:
        waiting = deque((program, stop) for program, stop in wanted if not program.has(stop))
        running: list[tuple[Program, int]] = []
        while waiting or running:
            while waiting and len(running) < self.executor.workers:
                self._go_on(waiting[0][0])
                running.append(waiting.popleft())
            running = [(program, stop) for program, stop in running if self._is_running(program, stop)]
            self._bury()
            if running:
                time.sleep(self.executor.interval)

    def _go_on(self, program: Program) -> None:
        if program.handle is not None:
            program.handle.resume()
            program.paused = False
            return
        while any(each is program for each, _, _ in self.ending):  # two of them would write to one folder
            self._bury()
            time.sleep(self.executor.interval)
        program.folder.mkdir(parents=True, exist_ok=True)
        arm, seed = program.key
        program.reading = Lines(self.metric) if self.source == "lines" else Events(self.metric, program.folder)
        program.paused, program.since = False, None
        environment = {"SUREFOOT_FOLDER": str(program.folder), "PYTHONUNBUFFERED": "1"}
        program.handle = self.executor.launch(
            self.command.filled(arm, seed, program.folder), environment, program.folder
        )

    def _is_running(self, program: Program, stop: int) -> bool:
        """Listen to a program; whether it is to run on."""
        assert program.handle is not None
        status = self._listen(program, program.handle)
        if program.has(stop):
            return self._is_finishing(program, status)
        if status is None:
            return True
        handle, program.handle = program.handle, None
        if status == 0:
            raise self._too_few(program)
        program.deaths += 1
        if program.deaths < DEATHS:
            self.note(f"{program.folder.name} ended with {ended_with(status)} and is started again")
            self._go_on(program)
            return True
        program.failed = f"{ended_with(status)}\n{handle.tail()}"
        self.note(f"{program.folder.name} ended with {ended_with(status)} again and is given up")
        self._check_any(early=True)
        return False

    def _is_finishing(self, program: Program, status: int | None) -> bool:
        """What becomes of a program that has reported enough; whether it is to run on for a moment."""
        if status is not None:
            program.handle = None
            return False
        if program.diverged is None and len(program.looks) < self.looks:
            assert program.handle is not None
            program.handle.pause()
            program.paused = True
            self._make_room()
            return False
        program.since = program.since or time.monotonic()
        if program.diverged is None and time.monotonic() < program.since + self.grace:
            return True
        self._end([program])
        return False

    def _listen(self, program: Program, handle: Handle) -> int | None:
        """Take in what a program reported; its exit status where it has ended."""
        assert program.reading is not None
        printed, status = handle.read()
        self._take(program, program.reading.read(printed, over=status is not None))
        return status

    def _take(self, program: Program, looks: Iterable[Look]) -> None:
        for look in program.take(looks, self.looks):
            self.journal.look(program.key, look)

    def _make_room(self) -> None:
        """End the worst of those that wait, where they are too many."""
        waiting = [program for program in self.programs.values() if program.paused]
        most = self.paused
        if self.executor.room is not None:
            most = min(most, max(0, self.executor.room - self.executor.workers))
        waiting.sort(key=lambda program: self.sign * program.looks[-1].value, reverse=True)
        self._end(waiting[most:])

    def _end(self, programs: Iterable[Program]) -> None:
        for program in programs:
            if program.handle is not None:
                program.handle.stop()
                self.ending.append((program, program.handle, time.monotonic() + self.grace))
                program.handle, program.paused = None, False

    def _bury(self) -> None:
        left = []
        for program, handle, deadline in self.ending:
            if self._listen(program, handle) is not None:
                continue
            if time.monotonic() > deadline:
                handle.kill()
            else:
                left.append((program, handle, deadline))
        self.ending = left

    def _check_any(self, *, early: bool = False) -> None:
        """Raise SurefootError where every program failed, or some of the first before any had reported anything."""
        every = self.programs.values()
        failed = [program for program in every if program.failed is not None]
        few = len(failed) >= BROKEN and not any(program.looks for program in every)
        if failed and (few if early else len(failed) == len(every)):
            how, _, said = (failed[-1].failed or "").partition("\n")
            raise SurefootError(
                f"every program failed; the last, {failed[-1].folder.name}, with {how}. Its last lines were:\n{said}"
            )

    def _too_few(self, program: Program) -> UsageError:
        assert program.reading is not None
        made = len(program.looks)
        times = {0: "never", 1: "once"}.get(made, f"{made} times")
        report = f'print a line such as {{"epoch": 1, "{self.metric}": 0.5}} for each look'
        longer = f"give --looks {made}, or let it train longer: early stopping is the race's work here"
        return UsageError(
            f"the program ended after it had reported {self.metric} {times}, and {self.looks} looks are a whole run",
            received=program.reading.heard(),
            remedy=longer if made else report,
        )
