"""A recipe: what to train with. Plain text and numbers, so that it can be stored, compared and printed as it is."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from surefoot.core.errors import RecipeError
from surefoot.core.text import number


def _hyper(given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, Mapping | tuple):
        raise RecipeError("hyper must map names to numbers or schedules", received=given)
    pairs = dict(given)
    if "lr" in pairs:
        raise RecipeError("the learning rate of a recipe is lr, its shape is schedule", received={"lr": pairs["lr"]})
    return tuple(sorted((str(name), str(value)) for name, value in pairs.items()))


@frozen
class Recipe:
    """An optimizer, its peak learning rate and the shape of its schedule.

    Parameters:
        name: shown in tables; unique in a comparison.
        optimizer: a rule or its text: "adam", "sgd(momentum=0.9)", "keras.Adam()".
        lr: the peak learning rate; None takes the optimizer's own default.
        schedule: a shape or its text: "warmup('5%') >> cosine()". It multiplies `lr`.
        hyper: other hyperparameters: a number, or a schedule in the unit of the hyperparameter, by name:
            {"momentum": "one_cycle_momentum()", "weight_decay": 0.01}. Behind an @ stand the parameters that are
            meant: {"weight_decay@vectors": 0, "lr@head.*": 0.01} (see docs/recipes.md).

    Raises RecipeError for a name that is empty or a rate that is negative or not finite. What the texts say is checked
    when the recipe meets a task.

    >>> Recipe("warm Adam", optimizer="adam", lr=1e-3, schedule="warmup('5%') >> cosine()").lr
    0.001
    """

    name: str
    optimizer: str = field(converter=str)
    lr: float | None = None
    schedule: str = field(default="constant()", converter=str)
    hyper: tuple[tuple[str, str], ...] = field(default=(), converter=_hyper)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise RecipeError("a recipe needs a name", received=self.name)
        if self.lr is not None:
            check_rate(self.lr, f"the learning rate of {self.name!r}")


def check_rate(value: object, what: str = "a learning rate") -> float:
    """The rate as a float. Raises RecipeError unless it is a finite number, 0 or above."""
    rate = number(value)
    if rate is None or rate < 0:
        raise RecipeError(f"{what} must be a finite number, 0 or above", received=value, remedy="try 0.1 or 1e-3")
    return rate
