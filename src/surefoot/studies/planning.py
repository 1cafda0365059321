"""What a comparison would train: the stage tree, the work that it saves, the time it would take."""

from collections.abc import Iterator
from typing import Any, Self

from attrs import frozen

from surefoot.core.language import words
from surefoot.core.record import Event, Note
from surefoot.studies.setting import Setting
from surefoot.training import Plan, Stage, Wanted, choose, forest, separate


@frozen(eq=False)
class Planned:
    """A plan to look at: nothing was trained but a few updates.

    Parameters: `roots`, the stages of the recipes, the same for every seed; `plan`, how they would be trained; `notes`,
    what was found out on the way.
    """

    setting: Setting
    roots: tuple[Stage, ...]
    plan: Plan
    notes: tuple[str, ...]
    lang: str = "en"

    @classmethod
    def of(cls, setting: Setting, wanted: Wanted, lang: str = "en") -> Self:
        notes: list[str] = []

        def sink(event: Event) -> None:
            if isinstance(event, Note):
                notes.append(event.text)

        seed = setting.entries[0].run.seed
        policies = [entry.policy for entry in setting.entries if entry.run.seed == seed]
        roots = forest(policies) if wanted.share else separate(policies)
        return cls(setting, roots, choose(setting.task, setting.entries, sink, wanted), tuple(notes), lang)

    @property
    def names(self) -> list[str]:
        """The recipes, in order."""
        return list(dict.fromkeys(entry.run.recipe.name for entry in self.setting.entries))

    @property
    def apart(self) -> int:
        """Updates of all runs, each on its own."""
        return len(self.setting.entries) * self.setting.task.steps

    @property
    def together(self) -> int:
        """Updates where every stage is trained once."""
        return len(self.setting.facts.seeds) * sum(root.updates for root in self.roots)

    @property
    def saved(self) -> float:
        """The share of the updates that need not be made."""
        return 1 - self.together / self.apart

    @property
    def seconds(self) -> float | None:
        """The time it would take by the few updates that were timed."""
        return self.plan.expected

    def tree(self) -> str:
        """The stages, each with the updates it makes and the recipes that it is."""
        lines: list[str] = []
        for root in self.roots:
            lines += self._lines(root, "", "")
        return "\n".join(lines)

    def __str__(self) -> str:
        _, facts, names = words(self.lang), self.setting.facts, self.names
        heading = _(
            "{task}: {recipes} × {seeds}, {steps} updates each",
            task=facts.task,
            recipes=_.plural("{count} recipe", "{count} recipes", len(names)),
            seeds=_.plural("{count} seed", "{count} seeds", len(facts.seeds)),
            steps=facts.steps,
        )
        work = _(
            "Work: {together} of {apart} updates: sharing saves {saved} %, since runs with the same past are trained "
            "once.",
            together=f"{self.together:,}".replace(",", " "),
            apart=f"{self.apart:,}".replace(",", " "),
            saved=f"{100 * self.saved:.1f}",
        )
        lines = [heading, "", self.tree(), "", work]
        if self.seconds is not None:
            lines.append(_("Time: about {seconds} s.", seconds=f"{self.seconds:.3g}"))
        return "\n".join([*lines, *(_("note: {text}", text=note) for note in self.notes)])

    def to_json(self) -> dict[str, Any]:
        """The same as data."""
        facts = self.setting.facts
        return {
            "surefoot": "plan",
            "version": 1,
            "task": facts.task,
            "seeds": list(facts.seeds),
            "steps": facts.steps,
            "stages": [self._data(root) for root in self.roots],
            "updates": {"apart": self.apart, "together": self.together, "saved": self.saved},
            "plan": {"trainer": self.plan.trainer, "place": self.plan.place, "compiled": self.plan.compiled},
            "seconds": self.seconds,
            "notes": list(self.notes),
        }

    def _members(self, stage: Stage) -> list[str]:
        return [self.names[k] for k in stage.members]

    def _lines(self, stage: Stage, first: str, rest: str) -> Iterator[str]:
        yield f"{first}{stage.start}–{stage.stop}  {', '.join(self._members(stage))}"
        for child in stage.children:
            branch, below = ("└─ ", "   ") if child is stage.children[-1] else ("├─ ", "│  ")
            yield from self._lines(child, rest + branch, rest + below)

    def _data(self, stage: Stage) -> dict[str, Any]:
        children = [self._data(child) for child in stage.children]
        return {"start": stage.start, "stop": stage.stop, "recipes": self._members(stage), "children": children}
