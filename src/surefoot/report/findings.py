"""What a comparison found, as data: computed once, drawn many times."""

from __future__ import annotations

from typing import Any, Self

import attrs
from attrs import field, frozen

from surefoot.analysis import Reading, Summary, Verdict, judge, readings, summarize, target_of
from surefoot.core.errors import SurefootError
from surefoot.core.history import Study
from surefoot.core.language import Words, words
from surefoot.core.recipe import Recipe

VERSION = 1  # of the JSON form


@frozen
class Best:
    """The leader of a comparison, and the recipes it ties with: those that could be as good."""

    recipe: Recipe
    ties: tuple[str, ...]
    lang: str = field(default="en", eq=False, repr=False)

    def __str__(self) -> str:
        if not self.ties:
            return self.recipe.name
        _ = words(self.lang)
        return _("{name} (ties with {ties})", name=self.recipe.name, ties=_(", ").join(self.ties))


@frozen(eq=False, repr=False)
class Findings:
    """A study with its verdict: what tables, figures and pages are drawn from, in the language `lang`."""

    study: Study
    target: float | None
    summaries: tuple[Summary, ...]
    verdict: Verdict
    readings: tuple[Reading, ...]
    lang: str = "en"

    @classmethod
    def of(cls, study: Study, lang: str = "en") -> Self:
        """What a study found."""
        target, _ = target_of(study), words(lang)
        found = summarize(study, target)
        verdict = judge(study.facts, found, _)
        read = readings(study.facts, found, verdict, target, _)
        return cls(study, target, tuple(found), verdict, tuple(read), lang)

    @property
    def words(self) -> Words:
        """The sentences of its language."""
        return words(self.lang)

    def in_language(self, lang: str) -> Self:
        """The same in another language: "en" or "zh". Raises UsageError for one that is not there."""
        return type(self).of(self.study, lang)

    @property
    def best(self) -> Best:
        """The leader. Raises SurefootError where no recipe came to its end on every seed."""
        if self.verdict.best is None:
            raise SurefootError(self.verdict.sentence)
        return Best(self.recipe(self.verdict.best), self.verdict.ties, self.lang)

    def recipe(self, name: str) -> Recipe:
        """A recipe by its name."""
        return next(run.run.recipe for run in self.study.runs if run.run.recipe.name == name)

    def ranked(self) -> list[Summary]:
        """The summaries from best to worst."""
        by_name = {summary.name: summary for summary in self.summaries}
        return [by_name[name] for name in self.verdict.ranking]

    def to_json(self) -> dict[str, Any]:
        """All numbers of the comparison as plain data; docs/json.md describes it."""
        return {
            "surefoot": "comparison",
            "version": VERSION,
            "id": self.study.id,
            "created": self.study.created,
            "status": self.study.status,
            "seconds": self.study.seconds,
            "trainer": self.study.trainer,
            "facts": attrs.asdict(self.study.facts),
            "environment": dict(self.study.environment),
            "target": self.target,
            "verdict": attrs.asdict(self.verdict),
            "recipes": [
                {"recipe": attrs.asdict(self.recipe(s.name)), "summary": attrs.asdict(s)} for s in self.ranked()
            ],
            "readings": [attrs.asdict(reading) for reading in self.readings],
            "notes": list(self.study.notes),
        }
