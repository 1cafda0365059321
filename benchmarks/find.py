"""What `find` suggests, and what that is worth: against whole runs on a dense grid of rates.

    python benchmarks/find.py [--tasks digits,diabetes] [--optimizers "sgd;sgd(momentum=0.9);adam"] [--seeds N]
                              [--grid-seeds N] [--a-decade N] [--budget RUNS]

For every task and optimizer: `find` with one seed after another, and the classic ramp beside it; then whole runs at
every rate of a grid over the interval of all of them and a decade to either side, and at every suggestion. A suggestion
is good where it ends within .01 of the best rate's metric, or 2 % of its loss. Last: the loss times ten, by plain SGD.
"""

import argparse
import statistics
import sys
import time

import numpy as np
from attrs import evolve
from tabulate import tabulate

import surefoot as sf
from surefoot.tasks import load

CLOSE, SHARE = 0.01, 0.02  # of accuracy (or R²), and of the loss


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--tasks", default="digits,diabetes")
    options.add_argument("--optimizers", default="sgd;sgd(momentum=0.9);adam")
    options.add_argument("--seeds", type=int, default=6, help="calls of find")
    options.add_argument("--grid-seeds", type=int, default=6, help="seeds of the whole runs")
    options.add_argument("--a-decade", type=int, default=8, help="rates of the grid")
    options.add_argument("--budget", type=float, default=0.5)
    given = options.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # a task may take minutes: what is measured is shown
    for task in given.tasks.split(","):
        for optimizer in given.optimizers.split(";"):
            measure(task, optimizer, given)
    times_ten(given.seeds)


def measure(task: str, optimizer: str, given: argparse.Namespace) -> None:
    began = time.perf_counter()
    found = [
        sf.find(task, optimizer, [seed], budget=given.budget, ramp=True, progress=False) for seed in range(given.seeds)
    ]
    took = (time.perf_counter() - began) / given.seeds
    low = min(each.interval[0] for each in found) / 3
    high = max(each.interval[1] for each in found) * 3
    count = given.a_decade
    first, last = (round(count * np.log10(rate)) for rate in (low, high))
    grid = [float(f"{10 ** (k / count):.6g}") for k in range(first, last + 1)]
    ends = whole_runs(task, optimizer, [*grid, *(each.suggestion for each in found)], given.grid_seeds)
    goal = {"max": 1, "min": -1}[ends.facts.goal]
    best = max(grid, key=lambda rate: goal * ends.rank[rate])
    calmest = min(grid, key=lambda rate: ends.loss[rate])
    lines, good = [], 0
    for seed, each in enumerate(found):
        behind = goal * (ends.rank[best] - ends.rank[each.suggestion])
        more = ends.loss[each.suggestion] / ends.loss[calmest] - 1
        good += behind <= CLOSE or more <= SHARE
        ramp = each.ramps[0]
        covers = "yes" if each.interval[0] <= best <= each.interval[1] else "no"
        interval = f"{shown(each.interval[0])} … {shown(each.interval[1])}"
        line = [seed, shown(each.suggestion), interval, covers, f"{behind:.4f}", f"{more:+.1%}", f"{each.cost:.2f}"]
        lines.append([*line, shown(ramp.steepest), shown(ramp.valley)])
    heads = [
        "seed",
        "suggestion",
        "interval",
        "covers",
        f"{ends.facts.rank} lost",
        "loss",
        "cost",
        "steepest",
        "valley",
    ]
    said = [each.suggestion for each in found]
    print(
        f"\n{task}, {optimizer}: the best of {len(grid)} rates, {given.grid_seeds} seeds, whole runs: {shown(best)}",
        end="",
    )
    print(f" ({ends.facts.rank} {ends.rank[best]:.4f}); by loss {shown(calmest)} ({ends.loss[calmest]:.4f})")
    near = [rate for rate in grid if goal * (ends.rank[best] - ends.rank[rate]) <= CLOSE]
    print(f"within {CLOSE} of the best: {shown(min(near))} … {shown(max(near))}; {took:.1f} s a call")
    print(tabulate(lines, headers=heads, disable_numparse=True))
    print(f"suggestions: factor {max(said) / min(said):.2f} from lowest to highest; good: {good} of {len(found)}")
    for name in ("steepest", "valley"):
        rates = [rate for each in found if (rate := getattr(each.ramps[0], name))]
        print(f"the ramp's {name}: factor {max(rates) / min(rates):.2f}" if rates else f"the ramp's {name}: nothing")


class Ends:
    """What whole runs ended at, by rate: means over seeds; a rate that diverged on one is infinitely bad."""

    def __init__(self, study: sf.Comparison) -> None:
        self.facts = study.facts
        self.rank: dict[float, float] = {}
        self.loss: dict[float, float] = {}
        worst = -np.inf if self.facts.goal == "max" else np.inf
        for _, runs in study.recipes():
            whole = all(run.status == "done" for run in runs)
            rate = runs[0].run.recipe.lr
            last = [run.observations[-1].values for run in runs] if whole else []
            self.rank[rate] = statistics.mean(each[self.facts.rank] for each in last) if whole else worst
            self.loss[rate] = statistics.mean(each["loss"] for each in last) if whole else np.inf


def whole_runs(task: str, optimizer: str, rates: list[float], seeds: int) -> Ends:
    recipes = [sf.Recipe(f"lr {rate!r}", optimizer, rate) for rate in dict.fromkeys(rates)]
    return Ends(sf.compare(task, recipes, seeds, out=None, progress=False).study)


def times_ten(seeds: int) -> None:
    """Digits with ten times the loss: plain SGD's suggestion should be a tenth."""
    import torch

    def ten(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return 10 * torch.nn.functional.cross_entropy(outputs, targets)

    digits = load("digits", None)
    ratios = []
    for seed in range(seeds):
        plain = sf.find(digits, "sgd", [seed], progress=False)
        scaled = sf.find(evolve(digits, loss=ten, metrics=["accuracy"]), "sgd", [seed], progress=False)
        ratios.append(plain.suggestion / scaled.suggestion)
    print("\ndigits, plain SGD, loss × 10: suggestion ÷", ", ".join(f"{ratio:.3f}" for ratio in ratios))


def shown(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3g}"


if __name__ == "__main__":
    main()
