"""The race over recorded curves, beside successive halving, Hyperband, whole rows and the full grid.

    python benchmarks/replay.py DIR [--budgets 2.5 5] [--draws N]

DIR holds gzip JSON files, one a problem: `{"problem", "runs": [{"optimizer", "learning_rate", "seed", "test_losses",
"test_accuracies"?}]}`, index 0 before training, null where a value is not finite. All optimizers × rates of the seed
that has most of them are one space; rates are joined by rounding to three digits; the other seeds say how much is luck.
What such data lacks, forks that cool and fresh seeds, is left out of the race. Every policy resumes paused rows, ranks
on test accuracy where there is one and on test loss else, and pays for what it trains; its regret is what its pick ends
at against the best row.
"""

import argparse
import gzip
import json
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from attrs import frozen
from tabulate import tabulate

from surefoot.search import Arm, Move, Rates, Recorded, Seen, Space, Terms, drive, race, standing

LEFT_OUT, ACCURACY, LOSS = 0.15, 0.01, 0.02  # of the rows; what counts as near the best: absolute, and relative
FIRST, ETA = 0.01, 3  # the first rung of successive halving; the factor of Hyperband

Curves = Mapping[Arm, list[float]]  # more is better; index 0 before training


class Found(NamedTuple):
    pick: Arm
    cost: float


Policy = Callable[[Curves, random.Random], Found]


@frozen(eq=False)
class Problem:
    """Recorded curves. `spread`: the standard deviation of the best row's end over its other seeds."""

    name: str
    curves: Curves
    accurate: bool
    spread: float

    def regret(self, found: Found, among: Curves) -> float:
        """What the pick's end lacks of the best one's: accuracy, or a share of the loss."""
        best = max(map(_end, among.values()))
        lacking = best - _end(among[found.pick])
        return lacking if self.accurate else lacking / abs(best)

    def holds(self, found: Found, among: Curves) -> bool:
        return self.regret(found, among) <= (ACCURACY if self.accurate else LOSS)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, metavar="DIR")
    options.add_argument("--budgets", type=float, nargs="+", default=[2.5, 5.0])
    options.add_argument("--draws", type=int, default=200)
    given = options.parse_args()
    problems = [read(path) for path in sorted(given.folder.glob("*.json.gz"))]
    if not problems:
        raise SystemExit(f"no *.json.gz in {given.folder}")
    print("Left out, since recorded curves have neither: forks that cool, fresh seeds.\n")
    for problem in problems:
        rows = []
        policies: dict[str, Policy] = {}
        for budget in given.budgets:
            policies[f"race, budget {budget:g}"] = raced(budget)
            cost = raced(budget)(problem.curves, random.Random(0)).cost
            policies[f"  halving of random rows, {cost:.1f} runs"] = afforded(halving, cost)
            policies[f"  random rows whole, {cost:.1f} runs"] = whole(cost)
        policies |= {"successive halving, all rows": halving, "Hyperband": hyperband, "full grid": whole(math.inf)}
        for name, policy in policies.items():
            rows.append(
                [name, *judged(problem, policy, given.draws, fixed="random" not in name and name != "Hyperband")]
            )
        unit = "accuracy" if problem.accurate else "of the loss"
        print(f"{problem.name}: {len(problem.curves)} rows; the best row's spread over seeds: {problem.spread:.4f}")
        heads = ["", "full runs", "pick", f"regret ({unit})", "in spreads", "within reach", "of random subsets"]
        print(tabulate(rows, headers=heads, disable_numparse=True) + "\n")
    summary(problems, given.budgets)


def judged(problem: Problem, policy: Policy, draws: int, *, fixed: bool) -> list[str]:
    """Cost, pick, regret (the median of draws where the policy draws), and on how many random subsets it holds."""
    times = 1 if fixed else draws
    found = [policy(problem.curves, random.Random(k)) for k in range(times)]
    regret = statistics.median(problem.regret(each, problem.curves) for each in found)
    cost = statistics.median(each.cost for each in found)
    within = sum(problem.holds(each, problem.curves) for each in found) / times
    kept = 0
    for k in range(draws):
        draw = random.Random(k)
        some = {arm: curve for arm, curve in problem.curves.items() if draw.random() >= LEFT_OUT}
        kept += problem.holds(policy(some, draw), some)
    scale = problem.spread if problem.accurate else problem.spread / abs(max(map(_end, problem.curves.values())))
    pick = str(found[0].pick) if fixed else f"(of {times} draws)"
    return [f"{cost:.2f}", pick, f"{regret:.4f}", f"{regret / scale:.1f}", f"{within:.0%}", f"{kept / draws:.0%}"]


def summary(problems: list[Problem], budgets: list[float]) -> None:
    """All problems at once."""
    rows = []
    for name, policy in [(f"race, budget {b:g}", raced(b)) for b in budgets] + [("successive halving", halving)]:
        found = [policy(problem.curves, random.Random(0)) for problem in problems]
        within = sum(problem.holds(each, problem.curves) for problem, each in zip(problems, found, strict=True))
        costs = [each.cost for each in found]
        rows.append([name, f"{statistics.mean(costs):.2f}", f"{max(costs):.2f}", f"{within} of {len(problems)}"])
    print(tabulate(rows, headers=["all problems", "full runs", "at most", "within reach"], disable_numparse=True))


def raced(budget: float) -> Policy:
    """Surefoot's race."""

    def policy(curves: Curves, draw: random.Random) -> Found:
        ground = Recorded(curves)
        rates: dict[str, list[float]] = {}
        for arm in curves:
            rates.setdefault(arm["optimizer"], []).append(arm.lr)
        space = Space({name: Rates.of(each) for name, each in rates.items()})
        outcome = drive(race(space, Terms(ground.horizon, budget)), ground)
        return Found(outcome.ranking[0], sum(ground.made.values()) / ground.horizon)

    return policy


def halving(curves: Curves, draw: random.Random) -> Found:
    """Plain successive halving: all rows to 1 % of the horizon, the better half to twice that, and so on to the end."""
    ground, alive = Recorded(curves), list(curves)
    stop = max(1, round(FIRST * ground.horizon))
    while True:
        order = _ranked(ground, alive, stop)
        if stop == ground.horizon:
            return Found(order[0], sum(ground.made.values()) / ground.horizon)
        alive, stop = order[: math.ceil(len(alive) / 2)], min(2 * stop, ground.horizon)


def hyperband(curves: Curves, draw: random.Random) -> Found:
    """Hyperband (Li et al., 2018), η = 3: brackets of random rows, from many short to few whole."""
    ground = Recorded(curves)
    most = int(math.log(ground.horizon, ETA))
    ends: list[Arm] = []
    for bracket in range(most, -1, -1):
        count = math.ceil((most + 1) / (bracket + 1) * ETA**bracket)
        alive = draw.sample(list(curves), min(count, len(curves)))
        for rung in range(bracket, -1, -1):
            stop = ground.horizon if rung == 0 else max(1, round(ground.horizon / ETA**rung))
            order = _ranked(ground, alive, stop)
            alive = order[: max(1, len(alive) // ETA)]
        ends.append(order[0])
    best = max(ends, key=lambda arm: _end(curves[arm]))
    return Found(best, sum(ground.made.values()) / ground.horizon)


def afforded(policy: Policy, cost: float) -> Policy:
    """A policy on as many random rows as it can afford."""

    def on_some(curves: Curves, draw: random.Random) -> Found:
        rows = list(curves)
        draw.shuffle(rows)
        low, high = 1, len(rows)
        while low < high:
            middle = (low + high + 1) // 2
            fits = policy({arm: curves[arm] for arm in rows[:middle]}, draw).cost <= cost
            low, high = (middle, high) if fits else (low, middle - 1)
        return policy({arm: curves[arm] for arm in rows[:low]}, draw)

    return on_some


def whole(cost: float) -> Policy:
    """Random rows, whole: the full grid where cost is no limit."""

    def policy(curves: Curves, draw: random.Random) -> Found:
        some = draw.sample(list(curves), min(len(curves), max(1, int(min(cost, 1e9)))))
        return Found(max(some, key=lambda arm: _end(curves[arm])), float(len(some)))

    return policy


def read(path: Path) -> Problem:
    """A problem from its file."""
    with gzip.open(path, "rt") as file:
        data = json.load(file)
    runs = data["runs"]
    accurate = all("test_accuracies" in run for run in runs)
    seed = Counter(run["seed"] for run in runs).most_common(1)[0][0]
    curves, others = {}, {}
    for run in runs:
        arm = Arm(float(f"{run['learning_rate']:.3g}"), (("optimizer", run["optimizer"]),))
        seen = run["test_accuracies"] if accurate else run["test_losses"]
        curve = [math.nan if value is None else value if accurate else -value for value in seen]
        if run["seed"] == seed:
            curves[arm.having(schedule="constant()")] = curve
        else:
            others.setdefault(arm.having(schedule="constant()"), []).append(_end(curve))
    known = {arm: ends for arm, ends in others.items() if len(ends) > 2}
    best = max(known, key=lambda arm: _end(curves[arm]))
    return Problem(data["problem"], curves, accurate, statistics.stdev(known[best]))


def _ranked(ground: Recorded, rows: list[Arm], stop: int) -> list[Arm]:
    moves = {arm: Move(arm, stop) for arm in rows}
    seen: Mapping[Move, tuple[Seen, ...]] = ground.answer(moves.values())
    return sorted(rows, key=lambda arm: standing(seen[moves[arm]], stop), reverse=True)


def _end(curve: list[float]) -> float:
    return curve[-1] if math.isfinite(curve[-1]) else -math.inf


if __name__ == "__main__":
    main()
