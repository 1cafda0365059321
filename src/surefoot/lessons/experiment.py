"""The experiment of the source: three learning-rate policies on one network; its claims beside what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from surefoot.analysis.summary import series, share
from surefoot.analysis.wording import observed
from surefoot.core.errors import UsageError
from surefoot.core.language import LANGUAGES, Words
from surefoot.lessons.claims import Claim, claims
from surefoot.lessons.lesson import Lesson, Table, columns, parameter
from surefoot.report.picture import Line, Panel, Picture

if TYPE_CHECKING:
    from surefoot.analysis import Reading, Summary
    from surefoot.core.history import Facts, History, Study
    from surefoot.core.recipe import Recipe
    from surefoot.core.task import Task
    from surefoot.report import Comparison

CURVES = ("validation", "test")
GUESSING = 1.5  # times the accuracy of guessing: below it nothing was learned


@frozen(eq=False)
class Policy:
    """One policy: what it did over its seeds; arrays `[epochs]`: the rate in each epoch, the means after each.

    Parameters: `rates`, at the first update of each epoch; `loss`, `accuracy`: over the seeds that came so far, NaN
    where none did.
    """

    name: str
    rates: NDArray[np.float64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    summary: Summary


@frozen(eq=False)
class Found:
    """The comparison: fixed SGD, decaying SGD and Adam, in this order; the verdict and the readings by language."""

    facts: Facts
    sizes: tuple[int, ...]
    policies: tuple[Policy, ...]
    verdict: Mapping[str, str]
    readings: Mapping[str, tuple[Reading, ...]]
    claims: tuple[Claim, ...]
    seconds: float

    @property
    def early(self) -> int:
        """How many epochs count as early."""
        return share(self.facts.epochs)

    @property
    def guessing(self) -> bool:
        """Whether no policy ends much above what guessing one of the classes gives: nothing was learned."""
        ends = [each.accuracy[-1] for each in self.policies if np.isfinite(each.accuracy[-1])]
        return bool(ends) and max(ends) < GUESSING / self.sizes[-1]

    @property
    def agreed(self) -> tuple[int, int, int]:
        """How many claims of the source this run bears out, contradicts, and leaves open."""
        outcomes = [claim.outcome for claim in self.claims]
        return outcomes.count("agrees"), outcomes.count("disagrees"), outcomes.count("open")


@frozen(kw_only=True)
class Experiment(Lesson):
    """SGD at a fixed rate, SGD with a decaying rate, and Adam: the same network, compared over several seeds."""

    name: ClassVar[str] = "experiment"
    task: str = parameter("digits", "What is learned.", choices=("digits", "fashion-mnist", "mnist"))
    data: str = attrs.field(
        default="", converter=str, metadata={"help": "The folder of the task's files; not for digits.", "choices": ()}
    )
    seeds: int = parameter(3, "Trainings of each policy.", low=1, high=50)
    epochs: int = parameter(10, "Epochs.", low=1, high=1000)
    batch_size: int = parameter(32, "Samples in an update.", low=1)
    lr: tuple[float, ...] = parameter(
        (0.01, 0.1, 0.001), "Rates: fixed SGD's, decaying SGD's first, Adam's.", low=1e-12, high=1e6
    )
    curves: str = parameter("validation", "Where it is looked: on test, as in the source, or not.", choices=CURVES)

    def __attrs_post_init__(self) -> None:
        if len(self.lr) != 3:
            raise UsageError(f"lr of {self.name} must be three numbers, one a policy", received=list(self.lr))

    def run(self) -> Found:
        from surefoot.studies import compare
        from surefoot.studies.recipes import RecipeSet
        from surefoot.tasks import load

        chosen = RecipeSet(
            self.recipes(), self.batch_size, self.epochs, "test" if self.curves == "test" else "validation"
        )
        # Timing the trainers would cost more than the digits, and let chance choose how their sums are rounded.
        how: dict[str, Any] = {"trainer": "fused", "place": "here", "compile": False} if self.task == "digits" else {}
        task = load(self.task, self.data or None)
        return _found(compare(task, chosen, self.seeds, out=None, progress=False, **how), _sizes(task))

    def recipes(self) -> list[Recipe]:
        """Those of the set "source" at the rates asked for, under short names that serve in every language."""
        from surefoot.studies.recipes import load_recipes

        fixed, decay, adam = load_recipes("source").recipes
        names = (f"SGD {self.lr[0]:g}", f"SGD {self.lr[1]:g}·exp(−0.1·epoch)", f"Adam {self.lr[2]:g}")
        return [
            evolve(recipe, name=name, lr=lr)
            for recipe, name, lr in zip((fixed, decay, adam), names, self.lr, strict=True)
        ]

    def tables(self, found: Found, _: Words, /) -> Mapping[str, Table]:
        return {"rates": self._rates(found, _), "results": _results(found, _)}

    def _rates(self, found: Found, _: Words) -> Table:
        epochs = sorted({e for e in (1, 2, 3, 5, 10, 20, 50, 100, self.epochs) if e <= self.epochs})
        rows = [(each.name, *each.rates[np.array(epochs) - 1]) for each in found.policies]
        headings = [_("learning rate in epoch"), *map(str, epochs)]
        return Table(headings, columns(rows, "{}", *["{:.4g}"] * len(epochs)))

    def pictures(self, found: Found, _: Words, /) -> Mapping[str, Picture]:
        epochs = np.arange(1, self.epochs + 1)
        panels = []
        for quantity in ("loss", "accuracy"):
            shown = observed(_, found.facts.watched, quantity)
            lines = [
                Line(epochs, getattr(each, quantity), each.name, i, marks=True) for i, each in enumerate(found.policies)
            ]
            panels.append(
                Panel(
                    title=_title(found.facts.watched, quantity, _),
                    x=_("epoch"),
                    y=shown,
                    lines=lines,
                    log_y=quantity == "loss",
                )
            )
        return {
            "curves": Picture(_("Left: the loss after each epoch; right: the accuracy; a line for each policy"), panels)
        }


def _title(watched: str, quantity: str, _: Words) -> str:
    if watched == "test":
        return _("Test loss") if quantity == "loss" else _("Test accuracy")
    return _("Validation loss") if quantity == "loss" else _("Validation accuracy")


def _results(found: Found, _: Words) -> Table:
    from surefoot.report.table import interval, mean

    tested = any(each.summary.test for each in found.policies)
    rows = []
    for each in found.policies:
        s = each.summary
        first = "–" if s.early is None else f"{s.early:.4g}"
        wobble = "–" if s.wobble is None else f"{s.wobble:.2g}"
        lost = f"{len(s.diverged)}/{s.seeds}"
        rows.append([each.name, first, interval(s.final), *([mean(s.test)] if tested else []), wobble, lost])
    watched = found.facts.watched
    headings = [
        _("policy"), _("early loss"), observed(_, watched, "accuracy"), *([_("test accuracy")] if tested else []),
        _("wobble"), _("diverged"),
    ]  # fmt: skip
    return Table(headings, rows)


def _found(comparison: Comparison, sizes: tuple[int, ...]) -> Found:
    study = comparison.study
    spoken = {lang: comparison.in_language(lang) for lang in LANGUAGES}
    summaries = {summary.name: summary for summary in comparison.summaries}
    return Found(
        study.facts,
        sizes,
        tuple(_policy(study, runs, summaries[name]) for name, runs in study.recipes()),
        {lang: each.verdict.sentence for lang, each in spoken.items()},
        {lang: each.readings for lang, each in spoken.items()},
        claims(study),
        study.seconds,
    )


def _policy(study: Study, runs: list[History], summary: Summary) -> Policy:
    from surefoot.report.figures import rate_of

    rates = np.asarray(rate_of(study, runs[0])[:: study.facts.steps_per_epoch], dtype=np.float64)
    return Policy(summary.name, rates, _mean(study, runs, "loss"), _mean(study, runs, "accuracy"), summary)


def _mean(study: Study, runs: list[History], quantity: str) -> NDArray[np.float64]:
    curves = [series(study, run, quantity) for run in runs]
    at = [[curve[epoch] for curve in curves if epoch < len(curve)] for epoch in range(study.facts.epochs)]
    return np.array([np.mean(values) if values else np.nan for values in at])


def _sizes(task: Task) -> tuple[int, ...]:
    """How many numbers go into the network, and come out of each of its layers."""
    import torch

    with torch.random.fork_rng(devices=[]):  # making a model draws its weights
        linear = [part for part in task.model() if isinstance(part, torch.nn.Linear)]
    return (linear[0].in_features, *(part.out_features for part in linear))
