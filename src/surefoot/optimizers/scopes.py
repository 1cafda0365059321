"""Hyperparameters of chosen parameters: `weight_decay@*.bias` is the weight decay of the parameters so named.

What stands behind the @ is a pattern for parameter names (`head.*`), `vectors` (parameters of at most one axis: biases,
normalisation) or `matrices` (all others), or several of these with | between them.
"""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from attrs import frozen

from surefoot.core.errors import RecipeError

AT, OR = "@", "|"
V = TypeVar("V")
_BY_AXES: dict[str, Callable[[int], bool]] = {"vectors": lambda axes: axes < 2, "matrices": lambda axes: axes >= 2}


@frozen
class Part:
    """Parameters that have the same hyperparameters. `keys`: under which name each of these has its value."""

    params: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]

    def hyper(self, moves: Mapping[str, V]) -> dict[str, V]:
        """The hyperparameters of these parameters, by the rule's names."""
        return {name: moves[key] for name, key in self.keys}


def base(name: str) -> str:
    """The rule's hyperparameter: `base("lr@head.*")` is "lr".

    >>> base("lr@head.*"), base("lr")
    ('lr', 'lr')
    """
    return name.partition(AT)[0]


def parts(names: Iterable[str], axes: Mapping[str, int]) -> tuple[Part, ...]:
    """The parameters of a model, sorted by which hyperparameters are theirs.

    Parameters: `names`, of all hyperparameters, those with an @ too; `axes`, the number of axes of each parameter.
    Raises RecipeError for a pattern that no parameter matches, and where two of one hyperparameter meet.

    >>> [part.params for part in parts(["lr", "weight_decay", "weight_decay@vectors"], {"w": 2, "b": 1})]
    [('w',), ('b',)]
    """
    names = list(names)
    for name in names:
        if base(name) not in names:
            raise RecipeError(f"there is no hyperparameter {base(name)!r}", received=name)
    plain = [name for name in names if AT not in name]
    chosen = {name: _matching(name, axes) for name in names if AT in name}
    sorted_out: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for param in axes:
        keys = {name: name for name in plain}
        for name, matched in chosen.items():
            if param in matched:
                if (before := keys[base(name)]) != base(name):
                    raise RecipeError(f"{param!r} is matched by both {before} and {name}", remedy="make one narrower")
                keys[base(name)] = name
        sorted_out.setdefault(tuple(keys.items()), []).append(param)
    return tuple(Part(tuple(params), keys) for keys, params in sorted_out.items())


def _matching(name: str, axes: Mapping[str, int]) -> set[str]:
    patterns = [each.strip() for each in name.partition(AT)[2].split(OR)]
    matched = {param for param, count in axes.items() for pattern in patterns if _matches(pattern, param, count)}
    if not matched:
        raise RecipeError(f"{name}: no parameter of the model is meant", remedy=f"its parameters: {_some(axes)}")
    return matched


def _matches(pattern: str, param: str, axes: int) -> bool:
    return _BY_AXES[pattern](axes) if pattern in _BY_AXES else fnmatchcase(param, pattern)


def _some(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:20]) + (f", and {len(every) - 20} more" if len(every) > 20 else "")
