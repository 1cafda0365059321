"""Rules as data: what must hold, what is recommended, why, and from which source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from attrs import fields, frozen

WEIGHTS = {"textbook": 1, "practice": 2, "measured": 3}  # voices of a rule, by its evidence


@frozen
class Source:
    """What a rule rests on, and what of it was read."""

    title: str
    read: str
    url: str = ""


@frozen(kw_only=True)
class Rule:
    """A rule of the chooser; see the head of rules.yaml."""

    id: str
    when: tuple[Mapping[str, Any], ...]  # one of them must hold
    evidence: str
    source: str
    reason: Mapping[str, str]  # by language
    prefer: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    overrules: tuple[str, ...] = ()
    settled: Mapping[str, str] | None = None

    @property
    def weight(self) -> int:
        return WEIGHTS[self.evidence]

    def holds(self, known: Mapping[str, Any]) -> bool:
        """Whether all of `when` is so; what is not known (None) holds only where the rule lists null."""
        return any(all(known[name] in _listed(wanted) for name, wanted in each.items()) for each in self.when)


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in their order."""
    known = {each.name for each in fields(Rule)}
    made = []
    for entry in read("rules.yaml"):
        assert set(entry) <= known, entry
        lists: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
        }
        made.append(Rule(**lists | {"when": tuple(_listed(entry["when"]))}))
    return tuple(made)


@cache
def sources() -> Mapping[str, Source]:
    """The sources by their names."""
    return {name: Source(**entry) for name, entry in read("sources.yaml").items()}


def in_force(holding: Iterable[Rule]) -> tuple[list[Rule], list[tuple[Rule, Rule]]]:
    """The rules that keep their voice, and the conflicts: (who wins, who is overruled)."""
    holding = list(holding)
    by_id = {rule.id: rule for rule in holding}
    conflicts = [(rule, by_id[loser]) for rule in holding for loser in rule.overrules if loser in by_id]
    silent = {loser.id for _, loser in conflicts}
    return [rule for rule in holding if rule.id not in silent], conflicts


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def read(name: str) -> Any:
    """The data in a file of this folder."""
    return yaml.safe_load((files("surefoot.advice") / name).read_text(encoding="utf-8"))
