"""Optuna: a recipe as a trial suggests it, and the race as a pruner."""

import math
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from surefoot.core.errors import UsageError
from surefoot.core.recipe import Recipe
from surefoot.search import Seen, Space, Terms, standing
from surefoot.search.ladder import rungs
from surefoot.search.standing import Standing

try:
    import optuna
except ModuleNotFoundError as missing:
    raise UsageError(
        f"this needs Optuna, which is not installed (no module {missing.name!r})",
        remedy="run pip install 'surefoot[optuna]'",
    ) from None

FEWEST = 2  # that go on at a rung: one that is alone at the top, and fails late, leaves nothing


def suggest(trial: optuna.trial.BaseTrial, space: Space) -> Recipe:
    """A recipe of the space, as the trial suggests it.

    The trial's parameters are `optimizer`, `schedule`, `lr` on a log scale (`lr of <optimizer>` where optimizers have
    rates of their own) and the other choices by their names, which become hyperparameters of the recipe.

    >>> from surefoot.search import Rates
    >>> space = Space({"sgd": Rates(1e-3, 1.0), "adam": Rates(1e-5, 1e-2)}, ["cosine()", "constant()"])
    >>> trial = optuna.trial.FixedTrial({"optimizer": "adam", "schedule": "cosine()", "lr of adam": 0.001})
    >>> suggest(trial, space)
    Recipe(name='trial 0', optimizer='adam', lr=0.001, schedule='cosine()', hyper=())
    """
    optimizer = trial.suggest_categorical(space.first, list(space.branches))
    schedule = trial.suggest_categorical("schedule", list(space.schedules))
    rates = space.branches[optimizer]
    name = "lr" if all(each == rates for each in space.branches.values()) else f"lr of {optimizer}"
    if rates.listed:
        lr = trial.suggest_categorical(name, list(rates.listed))
    else:
        lr = trial.suggest_float(name, rates.low, rates.high, log=True)
    hyper = {name: trial.suggest_categorical(name, list(values)) for name, values in space.others.items()}
    return Recipe(f"trial {trial.number}", optimizer, lr, schedule, hyper)


@frozen(eq=False)
class RacePruner(optuna.pruners.BasePruner):
    """Prunes as the race drops: at rungs twice as long each time, the worse half of the trials that came to a rung.

    Rungs: ⌈0.01·horizon⌋, twice that, … below the horizon. A trial is judged once at each, on the mean of what it
    reported in the last fifth of its steps, and goes on where fewer than half of those that came there, or fewer than
    two, stand better. Only trials of the same schedule are compared, since schedules show what they are worth at their
    ends. A value that is not finite prunes at once.

    Parameters:
        horizon: steps of a whole trial, as given to `trial.report(value, step)`; steps are counted from 1.
        grain: steps between two reports.
        alike: the parameter that trials must have in common to be compared.

    Raises RecipeError for a horizon or grain that is not above 0.

    >>> RacePruner(horizon=100).rungs
    (1, 2, 4, 8, 16, 32, 64)
    """

    horizon: int
    grain: int = 1
    alike: str = "schedule"
    rungs: tuple[int, ...] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        terms = Terms(self.horizon, budget=1, grain=self.grain)
        object.__setattr__(self, "rungs", tuple(rungs(terms, whole=True)[:-1]))

    def prune(self, study: optuna.study.Study, trial: optuna.trial.FrozenTrial) -> bool:
        """Whether the trial is to end at the step that it reported last."""
        step = trial.last_step
        if step is None:
            return False
        if not math.isfinite(trial.intermediate_values[step]):
            return True
        before = max((each for each in trial.intermediate_values if each < step), default=0)
        rung = max((each for each in self.rungs if before < each <= step), default=None)
        if rung is None:
            return False
        sign = 1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else -1
        mine = _standing(trial.intermediate_values, rung, sign)
        others = [_standing(other.intermediate_values, rung, sign) for other in self._rivals(study, trial, rung)]
        return sum(other > mine for other in others) >= max(FEWEST, math.ceil((len(others) + 1) / 2))

    def _rivals(
        self, study: optuna.study.Study, trial: optuna.trial.FrozenTrial, rung: int
    ) -> Sequence[optuna.trial.FrozenTrial]:
        """The other trials of its kind that came to the rung."""
        return [
            other
            for other in study.get_trials(deepcopy=False)
            if other.number != trial.number
            and other.last_step is not None
            and other.last_step >= rung
            and other.params.get(self.alike) == trial.params.get(self.alike)
        ]


def _standing(values: Mapping[int, float], rung: int, sign: int) -> Standing:
    looks = sorted(values.items())
    until = [look for look in looks if look[0] <= rung] or looks[:1]
    lost = next((step for step, value in until if not math.isfinite(value)), None)
    return standing([Seen(tuple((step, sign * value) for step, value in until), diverged=lost)], rung)
