"""What a search over a program found."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from attrs import frozen
from tabulate import tabulate

from surefoot.analysis import Interval, Summary, Verdict, judge
from surefoot.core.language import Words, words
from surefoot.core.task import Goal
from surefoot.search import Arm, Decision


@frozen(kw_only=True)
class Tried:
    """An arm that was tried.

    Parameters: `value`, the metric where it was last compared, over the last fifth of the looks up to there: `looks`;
    `fresh`, at the end, by fresh seed, None where one diverged; `fate`, "confirmed", "whole", "dropped", "diverged" or
    "failed"; `failure`, how its program ended and its last lines, where it ended with an error.
    """

    name: str
    arm: Arm
    looks: int
    value: float | None
    fresh: tuple[float | None, ...] = ()
    fate: str
    failure: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it came to its end."""
        return self.fate in ("confirmed", "whole")


@frozen(kw_only=True)
class Judging:
    """What arms are judged by."""

    rank: str
    goal: Goal


@frozen(kw_only=True, slots=False)
class TunedProgram:
    """What a search over a program found.

    `.best` is what won, None where everything diverged; `.tried` all that was tried, best first; `.decisions` what was
    dropped when and why; `.spent` what the search cost, in full runs, and `.confirming` what fresh seeds cost on top;
    `.command` the winner's command line, ready to paste. `.table()` is text, `.to_json()` plain data.
    """

    metric: str
    goal: Goal
    looks: int
    tried: tuple[Tried, ...]
    decisions: tuple[Decision, ...]
    names: Mapping[Arm, str]
    spent: float
    confirming: float
    budget: float
    fresh: tuple[int, ...]
    command: str
    folder: Path
    lang: str = "en"

    @property
    def best(self) -> Tried | None:
        first = next(iter(self.tried), None)
        return first if first is not None and first.is_whole else None

    @cached_property
    def verdict(self) -> Verdict | None:
        """Comparisons with the best on fresh seeds; None where fewer than two were wanted."""
        rivals = [each for each in self.tried if each.fresh]
        if len(self.fresh) < 2 or not rivals:
            return None
        return judge(Judging(rank=self.metric, goal=self.goal), [_summary(each) for each in rivals], self.words)

    @property
    def words(self) -> Words:
        return words(self.lang)

    def sentence(self) -> str:
        """What can be said of the winner."""
        _ = self.words
        if self.verdict is not None:
            return self.verdict.sentence
        if self.best is None or self.best.value is None:
            return _("Every run diverged: look for lower rates, or an error in the program.")
        return _(
            "{name} leads with {metric} {value}; without two fresh seeds nothing says how much of that is luck.",
            name=self.best.name,
            metric=self.metric,
            value=f"{self.best.value:.4g}",
        )

    def table(self) -> str:
        """What was tried, the verdict, what it cost and the winner's command, as text."""
        _ = self.words
        best, ties = (None, ()) if self.verdict is None else (self.verdict.best, self.verdict.ties)
        heads = ["", _("tried"), self.metric, _("at look"), _("on fresh seeds"), _("fate")]
        cells = [
            [
                "★" if each.name == best else "=" if each.name in ties else "",
                each.name,
                "–" if each.value is None else f"{each.value:.4g}",
                str(each.looks),
                _fresh(each),
                _fates(_)[each.fate],
            ]
            for each in self.tried
        ]
        cost = _(
            "Cost: {spent} full runs of {looks} looks of a budget of {budget}, and {fresh} to confirm on fresh seeds.",
            spent=f"{self.spent:.1f}",
            fresh=f"{self.confirming:.1f}",
            looks=self.looks,
            budget=f"{self.budget:g}",
        )
        parts = [tabulate(cells, headers=heads, tablefmt="simple", disable_numparse=True), self.sentence(), cost]
        if self.command:
            parts.append(_("The winner: {command}", command=self.command))
        return "\n\n".join([*parts, _("What programs printed is in {folder}.", folder=self.folder)])

    def to_json(self) -> dict[str, Any]:
        """The same as data."""
        verdict = self.verdict
        return {
            "surefoot": "tune-program",
            "version": 1,
            "metric": self.metric,
            "goal": self.goal,
            "looks": self.looks,
            "best": None if self.best is None else self.best.name,
            "ties": [] if verdict is None else list(verdict.ties),
            "sentence": self.sentence(),
            "command": self.command,
            "spent": self.spent,
            "confirming": self.confirming,
            "budget": self.budget,
            "fresh_seeds": list(self.fresh),
            "tried": [
                {
                    "name": each.name,
                    "lr": each.arm.lr,
                    "choices": dict(each.arm.choices),
                    "looks": each.looks,
                    "value": each.value,
                    "fresh": list(each.fresh),
                    "fate": each.fate,
                    "failure": each.failure,
                }
                for each in self.tried
            ],
            "decisions": [
                {"kind": each.kind, "name": self.names[each.arm], "look": each.step, "why": each.why}
                for each in self.decisions
            ],
            "folder": str(self.folder),
        }

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__


def named(arms: list[Arm]) -> dict[Arm, str]:
    """Arms by what they differ in: the rate, and those choices that are not the same in all."""
    different = {name for arm in arms for name, value in arm.choices if any(other[name] != value for other in arms)}
    return {
        arm: " · ".join([*(value for name, value in arm.choices if name in different), f"lr {arm.lr:g}"])
        for arm in arms
    }


def _fates(_: Words) -> dict[str, str]:
    return {
        "confirmed": _("confirmed"),
        "whole": _("trained whole"),
        "dropped": _("dropped"),
        "diverged": _("diverged"),
        "failed": _("ended with an error"),
    }


def _fresh(tried: Tried) -> str:
    found = Interval.of([value for value in tried.fresh if value is not None])
    if found is None:
        return "–"
    spread = "" if found.high is None else f" ± {found.high - found.mean:.2g}"
    lost = tried.fresh.count(None)
    return f"{found.mean:.4g}{spread}" + (f" (−{lost})" if lost else "")


def _summary(tried: Tried) -> Summary:
    return Summary(
        name=tried.name,
        seeds=len(tried.fresh),
        finals=tried.fresh,
        final=Interval.of([value for value in tried.fresh if value is not None]),
        best=None,
        test=None,
        early=None,
        to_target=None,
        reached=0,
        wobble=None,
        gain=None,
        diverged=tuple(tried.looks for value in tried.fresh if value is None),
        seconds=0.0,
    )
