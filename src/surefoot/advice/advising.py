"""Advice: what to try first, from what is known; read from a task and a history, and measured where asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from surefoot.advice.answers import Answers, answered, filled
from surefoot.advice.chooser import Choice, changes, choose
from surefoot.advice.code import script
from surefoot.advice.diagnosis import Diagnosis, diagnose
from surefoot.advice.history import History, read_history
from surefoot.advice.measure import Measured, judged, lines
from surefoot.advice.rules import WEIGHTS, Rule
from surefoot.advice.writing import parts, picture, read_up
from surefoot.core.errors import UsageError
from surefoot.core.language import Words, words
from surefoot.core.recipe import Recipe
from surefoot.report.document import Document
from surefoot.report.picture import Picture

if TYPE_CHECKING:
    from surefoot.core.task import Task

VERSION = 1  # of the JSON form
FIRST = 3  # recipes that are measured


@frozen(eq=False, repr=False, kw_only=True)
class Advice(Document):
    """What to try first, and why. Print it; `.to_html(path)`; `.recipes`, ranked; `.code("torch")`, a script.

    Parameters: `choice`, what the rules say; `history`, a training so far, and `diagnosis`, what it shows; `measured`,
    what a comparison found.
    """

    choice: Choice
    history: History | None = None
    diagnosis: Diagnosis | None = None
    measured: Measured | None = None
    evidence: tuple[str, ...]

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Recipes to start from, ranked: hand them to `sf.compare`."""
        return self.choice.recipes

    @property
    def best(self) -> int:
        """The place of the recipe to take: that which was measured best, else the first."""
        if self.measured is None:
            return 1
        names = [recipe.name for recipe in self.recipes]
        best = self.measured.comparison.verdict.best
        return 1 if best is None else names.index(best) + 1

    def code(self, framework: str, place: int | None = None) -> str:
        """A script for "torch", "keras" or "optax" that trains with a recipe, by default the `best`, as it is."""
        place = self.best if place is None else place
        if not 1 <= place <= len(self.recipes):
            raise UsageError(f"there are recipes 1 to {len(self.recipes)}", received=place)
        clip = any(what == "clip" for what, _ in self.choice.add)
        return script(self.recipes[place - 1], self.choice.answers, framework, clip=clip)

    def relabelled(self, _: Words) -> Mapping[str, Picture]:
        return picture(self.choice, self.history, _)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain data (docs/json.md)."""
        choice = self.choice
        return {
            "surefoot": "advice",
            "version": VERSION,
            "lang": self.lang,
            "answers": attrs.asdict(choice.answers),
            "assumptions": choice.answers.assumptions(words(self.lang)),
            "recipes": [attrs.asdict(recipe) for recipe in choice.recipes],
            "schedules": [self._ranked(each) for each in choice.strategies],
            "optimizers": [self._ranked(each) for each in choice.optimizers],
            "add": [{"what": what, **self._rule(rule)} for what, rule in choice.add],
            "conflicts": [{"wins": a.id, "overruled": b.id} for a, b in choice.conflicts],
            "changes": [attrs.asdict(change) for change in changes(choice, self.evidence)],
            "history": None if self.diagnosis is None else attrs.asdict(self.diagnosis),
            "measured": None
            if self.measured is None
            else {
                "agrees": self.measured.agrees,
                "places": {name: list(places) for name, places in self.measured.places.items()},
                "comparison": self.measured.comparison.to_json(),
            },
        }

    def _ranked(self, each: Any) -> dict[str, Any]:
        return {
            "name": each.name,
            "voices": each.score,
            "for": [self._rule(rule) for rule in each.pros],
            "against": [self._rule(rule) for rule in each.cons],
            "excluded": None if each.excluded is None else self._rule(each.excluded),
        }

    def _rule(self, rule: Rule) -> dict[str, Any]:
        return {"rule": rule.id, "reason": rule.reason[self.lang], "evidence": rule.evidence, "source": rule.source}


def advise(
    of: str | Path | Task | None = None,
    /,
    *,
    lang: str = "en",
    history: str | Path | History | None = None,
    measure: bool = False,
    first: int = FIRST,
    rules: str = "all",
    comparing: dict[str, Any] | None = None,
    **answers: Any,
) -> Advice:
    """What to try first, with the reasons for and against, from rules with their sources.

    Parameters:
        of: a task whose model and data are looked at: a built-in name, a file with a `task()` function, or a `Task`.
        lang: "en" or "zh".
        history: a file of training losses (CSV, JSON, TensorBoard): what it shows is told, and taken into account.
        measure: train the `first` few recipes on the task with `compare`, and say where the rules are wrong;
            `comparing` holds further arguments of `compare`.
        rules: "all", or "textbook" for rules of thumb alone.
        answers: what is known, by the names of `Answers`: task="classification", samples=60_000, epochs=10,
            model="cnn", pretrained=True, sensitive=True, val_loss="unstable", ... They go before what is read.

    Raises UsageError for answers that are out of range or contradict each other.

    >>> advice = advise(task="classification", samples=2000, epochs=5, model="cnn", pretrained=True)
    >>> advice.recipes[0].schedule, advice.recipes[0].lr
    ('one_cycle()', 1e-05)
    """
    if measure and of is None:
        raise UsageError("there is nothing to measure on", remedy="name a task: digits, or a file with task() in it")
    if rules not in ("all", "textbook"):
        raise UsageError("rules must be 'all' or 'textbook'", received=rules)
    evidence = tuple(WEIGHTS) if rules == "all" else ("textbook",)
    _ = words(lang)
    names = {each.name for each in attrs.fields(Answers)}
    for name in answers:
        if name not in names:
            raise UsageError(f"there is no question {name!r}", remedy=f"known: {', '.join(sorted(names))}")
    found, notes = Answers(**answers), []
    task = None
    if of is not None:
        from surefoot.advice.seeing import seen
        from surefoot.tasks import load

        task = load(of)
        found, otherwise = filled(found, seen(task))
        notes += [_("{question}: yours is kept; the task itself says otherwise", question=name) for name in otherwise]
    read = diagnosis = None
    if history is not None and not isinstance(history, str | Path | History):
        raise UsageError("a history is a file, or what read_history gives", received=type(history).__name__)
    if history is not None:
        read = history if isinstance(history, History) else read_history(history, _)
        diagnosis = diagnose(read, _)
        found, otherwise = filled(found, answered(Answers(), diagnosis.answers))
        notes += [_("{question}: yours is kept; the history says otherwise", question=name) for name in otherwise]
    choice = choose(found, evidence)
    measured = _measured(choice, task, first, lang, comparing or {}) if measure else None
    head, *rest = parts(choice, evidence, notes, measure, _)
    of_measuring = [] if measured is None else ["## " + _("Measured"), *lines(measured, _), "## " + _("By the rules")]
    said = [*read_up(read, diagnosis, _), head, *of_measuring, *rest]
    return Advice(
        lang,
        "\n\n".join(said),
        picture(choice, read, _),
        choice=choice,
        history=read,
        diagnosis=diagnosis,
        measured=measured,
        evidence=evidence,
    )


def _measured(choice: Choice, task: Any, first: int, lang: str, comparing: dict[str, Any]) -> Measured:
    from surefoot.studies import compare

    recipes: Collection[Recipe] = choice.recipes[: max(first, 2)]
    epochs = {} if choice.answers.epochs is None else {"epochs": choice.answers.epochs}
    found = compare(task, list(recipes), **{"lang": lang, **epochs, **comparing})
    return judged(found, [recipe.name for recipe in recipes])
