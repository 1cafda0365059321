"""One sitting of a study: begun or resumed, planned, trained, recorded."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from attrs import evolve, frozen

from surefoot.core.errors import StoreError
from surefoot.core.history import Status, Study
from surefoot.core.record import Event, Note, Sink
from surefoot.store import Reopened, Store
from surefoot.studies.progress import Watcher
from surefoot.studies.setting import Setting
from surefoot.studies.unfinished import is_finished
from surefoot.tasks import Prepared
from surefoot.training import Checkpoint, Compiler, Entry, Look, Plan, Saving, Wanted, choose, train

FRESH = Reopened(None)


@frozen(eq=False)
class Session:
    """What a sitting needs to know.

    Parameters: `setting`, what is trained; `wanted`, how to train where no plan is stored; `every`, the
    seconds between checkpoints; `progress`, whether to show it, in the language `lang`; `look`, which makes of a study
    whoever wants to see its rows. Notes are stored, in English.
    """

    store: Store
    setting: Setting
    environment: Mapping[str, str]
    wanted: Wanted
    every: float
    progress: bool
    lang: str = "en"
    kind: str = "compare"
    look: Callable[[Study], Look] | None = None

    @property
    def task(self) -> Prepared:
        return self.setting.task

    @property
    def entries(self) -> Sequence[Entry]:
        return self.setting.entries

    def begin(self, *notes: str) -> Study:
        """A new study, trained."""
        study = self.store.begin(self.kind, self.setting.facts, self.environment, [entry.run for entry in self.entries])
        found = dict.fromkeys(line for entry in self.entries for line in entry.policy.check())
        return self._sitting(study, FRESH, (*notes, *self.task.notes, *found))

    def resume(self) -> Study:
        """The latest study of these very runs, trained to its end; a new one where there is none."""
        same = self.store.find([entry.run.key for entry in self.entries])
        known = [study for study in same if study.kind == self.kind]
        if not known:
            what = "nothing to resume: nothing of these recipes, seeds and data was begun here before"
            return self.begin(f"{what} with surefoot {self.kind}")
        study = self.store.load(known[0].id)
        if is_finished(study):
            return study
        left = self.store.reopen(study.id)
        return self._sitting(study.id, left, (_what_is_left(left), *left.notes, *changes(study, self.environment)))

    def _sitting(self, study: int, left: Reopened, notes: Sequence[str]) -> Study:
        runs = [entry.run for entry in self.entries]
        record, watcher = self.store.sink(study), Watcher(self.task.name, runs, lang=self.lang)

        def sink(event: Event) -> None:
            record(event)
            if self.progress:
                watcher(event)

        status: Status = "failed"
        began, plan = time.perf_counter(), None
        try:
            for note in (*notes, *self.store.notes):
                sink(Note(note))
            compiler = Compiler(sink)
            plan = self._plan(study, left, sink, compiler)
            self._train(study, plan, left, sink, compiler)
            status = "done"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            watcher.close()
            with suppress(*([] if status == "done" else [StoreError])):  # what went wrong first is what is told
                self.store.finish(study, status, time.perf_counter() - began, str(plan or ""))
        return self.store.load(study)

    def _plan(self, study: int, left: Reopened, sink: Sink, compiler: Compiler) -> Plan:
        if left.plan is not None:
            return Plan(**left.plan).moved(self.wanted)
        plan = choose(self.task, self.entries, sink, self.wanted, compiler)
        self.store.plan(study, plan.to_json())
        return plan

    def _train(self, study: int, plan: Plan, left: Reopened, sink: Sink, compiler: Compiler) -> None:
        recorded = self.store.load(study)
        past = {history.run.index: history.observations for history in recorded.runs}
        entries = [evolve(entry, past=past[entry.run.index]) for entry in self.entries]
        kept = self.store.checkpoints
        starts = {}
        if kept is not None:
            named = {tile: name for tile, (_, name) in left.stages.items() if name is not None}
            starts = {tile: Checkpoint.of(*kept.read(name)) for tile, name in named.items()}
        saving = Saving(kept.write, self.every, self.look and self.look(recorded)) if kept is not None else None
        finished = left.finished
        train(self.task, entries, plan, sink, starts=starts, finished=finished, saving=saving, compiler=compiler)


def _what_is_left(left: Reopened) -> str:
    if left.plan is None:
        return "resumed: nothing had been trained"
    steps = [step for step, _ in left.stages.values() if step]
    going_on = f"; {len(steps)} go on from step {', '.join(map(str, sorted(set(steps))))}" if steps else ""
    return f"resumed: {len(left.finished)} of {len(left.plan['tiles'])} tiles were finished{going_on}"


def changes(study: Study, environment: Mapping[str, str]) -> list[str]:
    """What is not as it was when a study was begun."""
    return [
        f"resumed with {name} {environment.get(name)} what was begun with {was}: numbers may differ in the last digits"
        for name, was in study.environment.items()
        if environment.get(name) != was
    ]
