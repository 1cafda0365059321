"""One sitting of a search: begun or resumed, raced, trained, recorded."""

import time
from collections.abc import Sequence
from contextlib import suppress

import psutil
from attrs import define, evolve, field

from surefoot.core.errors import StoreError
from surefoot.core.history import Status, Study
from surefoot.core.record import Event, Note, Progress
from surefoot.search import Arm, Terms, drive, race
from surefoot.store import Store
from surefoot.studies.ground import Recorded, Trained
from surefoot.studies.legs import Roster
from surefoot.studies.moment import Moment
from surefoot.studies.progress import Watcher
from surefoot.studies.question import Question, clock_of, terms_of
from surefoot.studies.session import changes
from surefoot.studies.setting import environment
from surefoot.studies.space import recipe_of
from surefoot.training import Plan, Wanted, choose
from surefoot.training.cluster import reached

KIND = "tune"


@define(eq=False)
class Search:
    """What a sitting needs to know. `moments`: how the best known changed while it went on."""

    store: Store
    question: Question
    wanted: Wanted
    progress: bool
    lang: str = "en"
    moments: list[Moment] = field(factory=list)

    def begin(self, *notes: str) -> Study:
        """A new search, made."""
        told: list[Event] = []
        entries = self.question.setting.entries  # what a search begins with: all is trained as is best for these
        plan = choose(self.question.setting.task, entries, told.append, self.wanted)
        share = self.question.share((plan.expected or 0.0) / len(entries) or 1.0)
        if self.question.seconds is not None:
            self.question.check(share)
        facts = self.question.facts(share)
        study = self.store.begin(KIND, facts, environment(), [])
        self.store.plan(study, evolve(plan, tiles=()).to_json())
        early = [event for event in told if isinstance(event, Note)]
        return self._sitting(study, [*map(Note, (*notes, *self.question.setting.task.notes)), *early])

    def resume(self) -> Study:
        """The latest search that asked the same, made to its end; a new one where there is none."""
        known = [s for s in self.store.studies() if s.kind == KIND and self.question.is_of(s.facts)]
        known = [s for s in known if self.store.planned(s.id)]  # else it was killed before anything was trained
        if not known:
            return self.begin("nothing to resume: no such search was begun here before")
        study = known[-1]
        if study.status == "done":
            return self.store.load(study.id)
        notes = (*self.store.take_back(study.id), *changes(study, environment()))
        return self._sitting(study.id, [Note("resumed: the race goes over what was recorded"), *map(Note, notes)])

    def _sitting(self, study: int, notes: Sequence[Note]) -> Study:
        status: Status = "failed"
        began = time.perf_counter()
        recorded, task = self.store.load(study), self.question.setting.task
        plan = Plan(**(self.store.planned(study) or {})).moved(self.wanted)
        roster = Roster(clock_of(recorded.facts), len(task.watched), task.content())
        watcher, terms = Watcher(task.name, roster.runs, lang=self.lang), terms_of(recorded.facts)
        memory = Recorded.of(recorded, {run: step for run, (step, _) in self.store.states(study).items()})
        record, whole = self.store.sink(study), _Whole(roster, terms)

        def sink(event: Event) -> None:
            memory(event)
            record(event)
            if self.progress:
                watcher(whole.told(event))

        try:
            for note in (*notes, *map(Note, self.store.notes)):
                sink(note)
            rank, sign = recorded.facts.rank, 1 if recorded.facts.goal == "max" else -1
            with reached(plan), Trained(roster, memory, rank, sign, task, self.store, study, plan, sink) as ground:
                outcome = drive(race(self.question.space, terms), ground, lambda ask: self._note(ask.best, roster))
            self._note(next(iter(outcome.rivals or outcome.ranking), None), roster, confirmed=bool(outcome.rivals))
            self.store.let_go(study)
            status = "done"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            watcher.close()
            with suppress(*([] if status == "done" else [StoreError])):  # what went wrong first is what is told
                self.store.finish(study, status, time.perf_counter() - began, str(plan))
        return self.store.load(study)

    def _note(self, best: Arm | None, roster: Roster, *, confirmed: bool = False) -> None:
        """Write down from when on what was known for best."""
        if best is None:
            return
        recipe = recipe_of(best)
        if confirmed or not self.moments or self.moments[-1].recipe != recipe:
            seconds = time.time() - psutil.Process().create_time()
            self.moments.append(Moment(seconds, roster.spent, recipe, confirmed))


@define(eq=False)
class _Whole:
    """Progress of a search: what was trained before counts, and what may still come."""

    roster: Roster
    terms: Terms
    first: int = 0
    base: int = -1

    def told(self, event: Event) -> Event:
        if not isinstance(event, Progress):
            return event
        if self.base != self.roster.updates:
            self.base, self.first = self.roster.updates, event.done
        most = self.terms.budget + self.terms.rivals * len(self.terms.fresh)
        done = self.base + max(0, event.done - self.first)
        return evolve(event, done=done, total=max(done + 1, round(most * self.terms.horizon)))
