"""Tune a program: any command that takes a learning rate and reports a metric, raced as tasks are."""

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from surefoot.core.errors import UsageError
from surefoot.core.language import Words, words
from surefoot.core.task import Goal
from surefoot.programs import Command, Executor, Journal, Local, Programs, Source
from surefoot.search import Arm, Ask, Decision, Outcome, Space, Terms, drive, race, standing
from surefoot.studies.program_space import goal_of, space_of
from surefoot.studies.tuned_program import Tried, TunedProgram, named

FRESH = 3


def tune_program(
    command: str,
    metric: str,
    *,
    looks: int | None = None,
    goal: Goal | None = None,
    space: Space | None = None,
    budget: float = 12.0,
    seeds: int | Sequence[int] = 1,
    fresh: int | None = None,
    workers: int | None = None,
    paused: int = 8,
    grace: float = 10.0,
    source: Source = "lines",
    out: str | Path = "surefoot-runs",
    resume: bool = False,
    progress: bool = True,
    lang: str = "en",
    executor: Executor | None = None,
) -> TunedProgram:
    """Search a program for its best learning rate, schedule and whatever else its command has places for.

    Parameters:
        command: the program and its arguments, with places in braces: "python train.py --lr {lr} --seed {seed}".
        metric: what it reports, in JSON lines on standard output or as a scalar of TensorBoard.
        looks: how often a whole run reports it: its epochs, as a rule.
        goal: whether "min" or "max" of the metric is best; guessed from its name where not given.
        space: what is searched (`program_space.space_of`).
        budget: what the search may cost, in full runs.
        fresh: how many fresh seeds the winner and its rivals are confirmed on, on top of the budget; 3 where the
            command has {seed}, else none.
        seeds: how many every run has, or which.
        workers: programs that run at once; the number of cores where not given.
        paused: programs that may wait in memory, stopped, until it is decided whether they go on.
        grace: seconds that a program has to end when it is asked to.
        source: "lines", or "tensorboard" for event files in the run's own folder, {folder}.
        out: the folder of the search's own folder. resume: go on with the latest search of this command in it; the
            space, the budget and the seeds may be others, and what was seen is seen.
        executor: where programs run; on this machine where not given.

    Raises UsageError before anything runs, and for a program that reports too little; SurefootError where every
    program fails.

    >>> import tempfile
    >>> script = "import json, sys; print(json.dumps({'loss': abs(float(sys.argv[1]) - 0.1)}))"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _written = Path(folder, "train.py").write_text(script)
    ...     command = f"{sys.executable} -S {folder}/train.py {{lr}}"
    ...     tune_program(command, "loss", looks=1, budget=9, fresh=0, out=folder, progress=False).best.name
    'lr 0.14'
    """
    _ = words(lang)
    say: Callable[[str], None] = _say if progress else lambda line: None
    filled = Command.of(command)
    fresh = _fresh(filled, say, _) if fresh is None else fresh
    whole = _checked(looks, seeds, fresh, workers, paused, grace)
    goal, space = goal or _guessed(metric, say, _), space or space_of(command)
    first = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    others = tuple(range(max(first) + 1, max(first) + 1 + fresh))
    filled.check(space, {*first, *others})
    terms = Terms(whole, budget, seeds=first, fresh=others)
    next(race(space, terms))  # refuses what makes no sense before anything is written
    header = {"surefoot": "programs", "version": 1, "command": command, "metric": metric}
    header |= {"looks": whole, "source": source}
    journal = (Journal.resume if resume else Journal.begin)(Path(out), header)
    where, sign = executor or Local(workers), 1 if goal == "max" else -1
    ground = Programs(filled, metric, where, journal, whole, sign, source, paused, grace, say)
    heard = _Listener(say, ground, _)
    try:
        outcome = drive(race(space, terms), ground, heard)
        ground.close()
    finally:
        ground.kill()
        journal.close()
    decisions = (*heard.decisions, *outcome.decisions)
    tried = _tried(outcome, ground, terms)
    best = next((each.arm for each in tried[:1] if each.is_whole), None)
    return TunedProgram(
        metric=metric,
        goal=goal,
        looks=whole,
        tried=tuple(tried),
        decisions=decisions,
        names=named([*(each.arm for each in tried), *(each.arm for each in decisions)]),
        spent=ground.cost(first),
        confirming=ground.cost(others),
        budget=budget,
        fresh=others,
        command="" if best is None else _line(filled, best, first[0], journal.folder),
        folder=journal.folder,
        lang=lang,
    )


def _checked(
    looks: int | None, seeds: int | Sequence[int], fresh: int, workers: int | None, paused: int, grace: float
) -> int:
    """The looks of a whole run. Raises UsageError for numbers that make no sense."""
    if looks is None:
        raise UsageError(
            "how often a whole run reports the metric is not known", remedy="give it: --looks 20 for 20 epochs"
        )
    if looks < 1:
        raise UsageError("a whole run needs at least one look", received=looks)
    if (seeds < 1) if isinstance(seeds, int) else not seeds:
        raise UsageError("every run needs a seed", received=seeds, remedy="ask for 1 or more")
    if not isinstance(seeds, int) and len(set(seeds)) < len(seeds):
        raise UsageError("seeds are given twice", received=list(seeds))
    if workers is not None and workers < 1:
        raise UsageError("at least one program must run at once", received=workers)
    for name, value in (("fresh", fresh), ("paused", paused), ("grace", grace)):
        if not value >= 0:
            raise UsageError(f"{name} must be 0 or above", received=value)
    return looks


def _fresh(command: Command, say: Callable[[str], None], _: Words) -> int:
    if "seed" in command.places():
        return FRESH
    say(_("The command has no {seed}, so that the winner is not confirmed on fresh seeds.", seed="{seed}"))
    return 0


def _guessed(metric: str, say: Callable[[str], None], _: Words) -> Goal:
    goal = goal_of(metric)
    more = _("More {metric} is taken to be better (--goal min says otherwise).", metric=metric)
    less = _("Less {metric} is taken to be better (--goal max says otherwise).", metric=metric)
    say(more if goal == "max" else less)
    return goal


def _line(command: Command, arm: Arm, seed: int, folder: Path) -> str:
    """The command of an arm as a line for a shell; a folder of its own is there where it wants one."""
    winner = folder / "winner"
    if "folder" in command.places():
        winner.mkdir(exist_ok=True)
    return " ".join(map(_quoted, command.filled(arm, seed, winner)))


def _quoted(argument: str) -> str:
    """An argument for a shell; schedules, which have single quotes, in double ones.

    >>> print(_quoted("warmup('5%') >> cosine()"), _quoted("a b"))
    "warmup('5%') >> cosine()" 'a b'
    """
    plain = "'" in argument and not set('"$`\\!') & set(argument)
    return f'"{argument}"' if plain else shlex.quote(argument)


class _Listener:
    """Hears what a race decides, and tells people."""

    def __init__(self, say: Callable[[str], None], ground: Programs, _: Words) -> None:
        self.say, self.ground, self.words = say, ground, _
        self.decisions: list[Decision] = []

    def __call__(self, ask: Ask) -> None:
        _ = self.words
        self.decisions += ask.decisions
        names = named([decision.arm for decision in self.decisions])
        for decision in ask.decisions:
            if decision.kind == "diverged":
                self.say(_("{name}: diverged at look {look}", name=names[decision.arm], look=decision.step))
        stop = max(move.stop for move in ask.moves)
        said = _("{count} programs to look {look} of {looks}", count=len(ask.moves), look=stop, looks=self.ground.looks)
        spent = _("{spent} full runs spent", spent=f"{self.ground.cost():.1f}")
        best = "" if ask.best is None else " · " + _("best so far: {name}", name=names.get(ask.best, str(ask.best)))
        self.say(f"{said} · {spent}{best}")


def _tried(outcome: Outcome, ground: Programs, terms: Terms) -> list[Tried]:
    """Everything that was tried, best first: what fresh seeds were spent on, then the rest by how far it came and how
    well it stood there, then what was lost."""
    names = named(list(dict.fromkeys(arm for arm, _ in ground.programs)))
    rivals = {arm: place for place, arm in enumerate(outcome.rivals)}

    def place(each: Tried) -> tuple[bool, int, int, float]:
        value = 0.0 if each.value is None else -ground.sign * each.value
        return each.arm in outcome.diverged, rivals.get(each.arm, len(rivals)), -each.looks, value

    return sorted((_one(arm, name, arm in outcome.diverged, ground, terms) for arm, name in names.items()), key=place)


def _one(arm: Arm, name: str, lost: bool, ground: Programs, terms: Terms) -> Tried:
    looks = min(ground.asked[arm, seed] for seed in terms.seeds)
    confirmed = bool(terms.fresh) and all((arm, seed) in ground.asked for seed in terms.fresh)
    seeds = (*terms.seeds, *terms.fresh) if confirmed else terms.seeds
    failure = next((failed for seed in seeds if (failed := ground.programs[arm, seed].failed)), "")
    if lost:
        fate = "failed" if failure else "diverged"
    else:
        fate = "confirmed" if confirmed else "whole" if looks == terms.horizon else "dropped"
    return Tried(
        name=name,
        arm=arm,
        looks=looks,
        value=_value(ground, arm, terms.seeds, looks),
        fresh=tuple(_value(ground, arm, [seed], terms.horizon) for seed in terms.fresh) if confirmed else (),
        fate=fate,
        failure=failure,
    )


def _value(ground: Programs, arm: Arm, seeds: Sequence[int], stop: int) -> float | None:
    """The metric as the race ranks it; None where it diverged."""
    value, _ = standing([ground.programs[arm, seed].seen(stop, ground.sign) for seed in seeds], stop)
    return ground.sign * value if np.isfinite(value) else None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
