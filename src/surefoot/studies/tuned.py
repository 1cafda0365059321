"""What a search found: driven again over what was recorded of it, and told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import attrs
import yaml
from attrs import evolve, field, frozen
from matplotlib.figure import Figure
from tabulate import tabulate

from surefoot.core.errors import SurefootError
from surefoot.core.history import History, Study
from surefoot.core.language import Words, words
from surefoot.core.recipe import Recipe
from surefoot.report import Comparison
from surefoot.report.fonts import pictures
from surefoot.report.page import as_html
from surefoot.report.race import Track, tree
from surefoot.report.table import filled, rows
from surefoot.search import Answer, Arm, Ask, Decision, Outcome, Space, Terms, drive, race
from surefoot.search.finals import is_at_edge
from surefoot.studies.ground import Recorded, Replayed, UnfinishedError
from surefoot.studies.legs import Roster
from surefoot.studies.moment import Moment
from surefoot.studies.question import clock_of, space_of, terms_of
from surefoot.studies.space import FIRST, SCHEDULE, recipe_of
from surefoot.studies.telling import sentences

VERSION = 1  # of the JSON form


@frozen(eq=False, repr=False)
class Tuned:
    """What a search found.

    `.best` is the recipe to take, `.ties` those that could be as good; `.comparison` is of the winner and its rivals on
    fresh seeds; `.decisions` say what was tried, dropped when and why; `.cost` in full runs; `.table()` is text,
    `.plot()` the picture of the race, `.to_html()` a page, `.to_json()` plain data. In a notebook it shows itself.
    """

    study: Study
    space: Space
    terms: Terms
    outcome: Outcome | None  # None: the search is not finished
    asked: tuple[tuple[Ask, Answer], ...]
    decisions: tuple[Decision, ...]
    roster: Roster = field(repr=False)
    moments: Sequence[Moment] = ()
    lang: str = "en"

    @classmethod
    def of(cls, study: Study, moments: Sequence[Moment] = (), lang: str = "en") -> Self:
        """From a study as recorded, finished or not."""
        facts = study.facts
        paused = {run.run.index: len(run.losses) for run in study.runs if run.status != "failed"}
        space, terms = space_of(facts), terms_of(facts)
        roster = Roster(clock_of(facts), facts.samples[facts.watched])
        ground = _Heard(roster, Recorded.of(study, paused), facts.rank, 1 if facts.goal == "max" else -1)
        decisions: list[Decision] = []
        outcome = None
        try:
            outcome = drive(race(space, terms), ground, lambda ask: decisions.extend(ask.decisions))
            decisions += outcome.decisions
        except UnfinishedError:
            pass
        return cls(study, space, terms, outcome, tuple(ground.heard), tuple(decisions), roster, moments, lang)

    @property
    def words(self) -> Words:
        return words(self.lang)

    @property
    def cost(self) -> float:
        """What it took, in full runs: the search and the fresh seeds."""
        return self.roster.spent

    @property
    def searched(self) -> float:
        """What the search took, without the fresh seeds."""
        return next((answer.spent for ask, answer in reversed(self.asked) if not self._is_fresh(ask)), 0.0)

    @property
    def is_found(self) -> bool:
        """Whether there is an arm to take."""
        return bool(self._candidates)

    @property
    def tried(self) -> tuple[Arm, ...]:
        """The arms that were trained, in the order in which they were first asked for."""
        return tuple(dict.fromkeys(move.arm for ask, _ in self.asked for move in ask.moves))

    @property
    def best(self) -> Recipe:
        """The recipe to take: the leader on fresh seeds, or of those that tie with it the first whose rate is not next
        to one that diverged. Raises SurefootError where nothing was found."""
        return recipe_of(self.winner)

    @property
    def winner(self) -> Arm:
        """The arm to take."""
        if not self._candidates:
            raise SurefootError(" ".join(sentences(self)))
        if self.comparison is None or self.comparison.verdict.best is None:
            return self._candidates[0]
        names = {recipe_of(arm).name: arm for arm in self._candidates}
        verdict = self.comparison.verdict
        tied = [names[name] for name in verdict.ranking if name in (verdict.best, *verdict.ties)]
        return next((arm for arm in tied if not self.is_at_edge(arm)), tied[0])

    @property
    def ties(self) -> tuple[str, ...]:
        """The names of the recipes that could be as good, by the fresh seeds."""
        verdict = None if self.comparison is None else self.comparison.verdict
        return () if verdict is None else tuple(n for n in (verdict.best, *verdict.ties) if n and n != self.best.name)

    @cached_property
    def comparison(self) -> Comparison | None:
        """The winner and its rivals on fresh seeds, compared; None where there were none."""
        fresh = self.terms.fresh
        runs = self._runs(fresh, [arm for ask, _ in self.asked if self._is_fresh(ask) for arm in _arms(ask)])
        if not runs:
            return None
        return Comparison.of(evolve(self.study, runs=runs, facts=evolve(self.study.facts, seeds=fresh)), self.lang)

    def whole(self) -> list[tuple[Arm, float]]:
        """The arms that were trained whole to be chosen from, and what each ended at, best first."""
        facts, ranking = self.study.facts, () if self.outcome is None else self.outcome.ranking
        found = []
        for arm in ranking:
            runs = self._runs(self.terms.seeds, [arm])
            if runs and all(run.status == "done" for run in runs):
                ends = [run.observations[-1].values[facts.rank] for run in runs]
                found.append((arm, sum(ends) / len(ends)))
        return found

    def edge(self, branch: str) -> float | None:
        """The lowest rate of an optimizer that diverged; None where none did."""
        diverged = [d.arm.lr for d in self.decisions if d.kind == "diverged" and d.arm[FIRST] == branch]
        return min(diverged, default=None)

    def is_at_edge(self, arm: Arm) -> bool:
        """Whether its optimizer diverged at twice the rate of an arm, or below."""
        return is_at_edge(arm, (d.arm for d in self.decisions if d.kind == "diverged"), FIRST)

    def in_language(self, lang: str) -> Self:
        """The same in another language."""
        return evolve(self, lang=lang)

    def table(self) -> str:
        """What was found, as text: whole runs, the verdict on fresh seeds, and what was tried and dropped."""
        _, facts = self.words, self.study.facts
        cells = [
            ["★" if self.is_found and arm == self.winner else "", recipe_of(arm).name, f"{value:.4f}"]
            for arm, value in self.whole()
        ]
        parts = []
        if cells:
            ends = _("{metric} at the end", metric=facts.rank)
            heading = _("Trained whole, and chosen from (★: what fresh seeds say):")
            heading = heading if self.comparison else _("Trained whole, and chosen from:")
            parts = [heading, tabulate(cells, headers=["", _("recipe"), ends])]
        if self.comparison is not None and len(self.comparison.summaries) > 1:
            parts += [_("On fresh seeds:"), self.comparison.table()]
        elif self.comparison is not None:
            parts += [
                _("On fresh seeds:"),
                tabulate(rows(self.comparison)[1], rows(self.comparison)[0], disable_numparse=True),
            ]
        return "\n\n".join([*parts, *(filled(text, self.lang, "  ") for text in sentences(self))])

    def tracks(self) -> list[Track]:
        """What became of every arm, for the picture."""
        last = {move.arm: move.stop for ask, _ in self.asked if not self._is_fresh(ask) for move in ask.moves}
        ends = {d.arm: (d.kind, d.step) for d in self.decisions if d.kind in ("dropped", "diverged")}
        best = self.winner if self.is_found else None
        found = []
        for arm, stop in last.items():
            kind, step = ends.get(arm, ("kept", stop))
            whole = arm[SCHEDULE] if stop == self.terms.horizon else ""
            end: Any = kind
            found.append(Track(arm[FIRST], arm.lr, min(step, stop) or 1, end, whole, arm == best))
        return found

    def plot(self) -> Figure:
        """The picture of the race."""
        with pictures(self.lang):
            return tree(self.tracks(), self.terms.horizon, self.lang)

    def to_png(self, path: str | Path) -> None:
        """The picture of the race, written to `path`."""
        with pictures(self.lang):
            self.plot().savefig(path, format="png", dpi=130)

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as one self-contained page; written to `path` where one is given."""
        shown = self.comparison or Comparison.of(evolve(self.study, runs=self._finalists()), self.lang)
        page = as_html(shown, sentences(self), self.plot())
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def to_yaml(self, path: str | Path) -> None:
        """The recipe to take as a recipe file, for `surefoot train` and `surefoot compare`."""
        facts, best = self.study.facts, self.best
        entry = {"name": best.name, "optimizer": best.optimizer, "lr": best.lr, "schedule": best.schedule}
        held = {"batch_size": facts.batch_size, "epochs": facts.epochs, "recipes": [entry | dict(best.hyper)]}
        Path(path).write_text(yaml.safe_dump(held, sort_keys=False, allow_unicode=True, width=1000), encoding="utf-8")

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data; docs/json.md describes it."""
        found = self.is_found
        done = next((moment for moment in reversed(self.moments) if moment.confirmed), None)
        return {
            "surefoot": "tune",
            "version": VERSION,
            "id": self.study.id,
            "task": self.study.facts.task,
            "status": self.study.status,
            "seconds": self.study.seconds,
            "trainer": self.study.trainer,
            "budget": self.terms.budget,
            "cost": {"search": self.searched, "fresh": self.cost - self.searched, "whole": self.cost},
            "best": attrs.asdict(self.best) if found else None,
            "ties": list(self.ties) if found else [],
            "said": sentences(self),
            "whole": [{"recipe": attrs.asdict(recipe_of(arm)), "value": value} for arm, value in self.whole()],
            "confirmed": None if done is None else {"seconds": done.seconds},
            "comparison": self.comparison.to_json() if self.comparison else None,
            "incumbents": [
                {"seconds": m.seconds, "spent": m.spent, "recipe": attrs.asdict(m.recipe)} for m in self.moments
            ],
            "decisions": [
                {"kind": d.kind, "recipe": recipe_of(d.arm).name, "step": d.step, "why": d.why} for d in self.decisions
            ],
            "notes": list(self.study.notes),
        }

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return self.to_html()

    @property
    def _candidates(self) -> Sequence[Arm]:
        """Those that were confirmed, best first; where fresh seeds lost them all, those that came next."""
        if self.outcome is None:
            return ()
        return self.outcome.rivals or [arm for arm in self.outcome.ranking if arm not in self.outcome.diverged]

    def _is_fresh(self, ask: Ask) -> bool:
        return bool(self.terms.fresh) and all(move.seeds == self.terms.fresh for move in ask.moves)

    def _runs(self, seeds: Sequence[int], arms: Iterable[Arm]) -> tuple[History, ...]:
        known = {run.run.index: run for run in self.study.runs}
        wanted = [self.roster.known.get((arm, seed, 0)) for arm in arms for seed in seeds]
        return tuple(known[index] for index in wanted if index in known)

    def _finalists(self) -> tuple[History, ...]:
        ranking = () if self.outcome is None else self.outcome.ranking
        return self._runs(self.terms.seeds, ranking)


@attrs.define(eq=False)
class _Heard(Replayed):
    """A replayed ground that remembers what it answered."""

    heard: list[tuple[Ask, Answer]] = field(factory=list)

    def train(self, ask: Ask) -> Answer:
        answer = super().train(ask)
        self.heard.append((ask, answer))
        return answer


def _arms(ask: Ask) -> list[Arm]:
    return list(dict.fromkeys(move.arm for move in ask.moves))
