"""Replay of recorded curves: what they cost, and what a race finds on real ones."""

import gzip
import json
import math
import os
from collections import defaultdict
from pathlib import Path

import pytest

from surefoot.search import Arm, Ask, Move, Rates, Recorded, Space, Terms, drive, race

DATA = Path(os.environ.get("SUREFOOT_DEEPOBS", "not here"))
A, B = Arm(0.1), Arm(1.0)


def test_it_goes_on_and_a_run_that_diverges_costs_what_it_took():
    ground = Recorded({A: [0.0, 0.1, 0.2, 0.3, 0.4], B: [0.0, 0.5, math.nan, math.nan, math.nan]}, {A: [9, 8, 7, 6, 5]})
    answer = ground.train(Ask((Move(A, 2), Move(B, 1))))
    assert answer.spent == 3 / 4
    (seen,) = answer.seen[Move(A, 2)]
    assert (seen.looks, seen.losses, seen.diverged) == (((1, 0.1), (2, 0.2)), (8, 7), None)
    (seen,) = answer.seen[Move(B, 1)]
    assert (seen.looks, seen.diverged) == (((1, 0.5),), None)
    answer = ground.train(Ask((Move(A, 4), Move(B, 4))))
    assert answer.seen[Move(B, 4)][0].diverged == 2
    assert answer.spent == (4 + 2) / 4
    assert ground.train(Ask((Move(A, 3),))).spent == 6 / 4


def curves(problem):
    """Of every optimizer and rate what the first seed measured, more being better; and whether that is accuracy."""
    with gzip.open(DATA / f"{problem}.json.gz") as file:
        runs = json.load(file)["runs"]
    accuracy = "test_accuracies" in runs[0]
    found = {}
    for run in runs:
        if run["seed"] != 42:
            continue
        losses = [_number(each) for each in run["test_losses"]]
        values = [_number(each) for each in run["test_accuracies"]] if accuracy else [-each for each in losses]
        values = [
            math.nan if math.isnan(loss) or value is None else value for value, loss in zip(values, losses, strict=True)
        ]
        arm = Arm(run["learning_rate"], (("optimizer", run["optimizer"]), ("schedule", "constant()")))
        found[arm] = (values, losses)
    return found, accuracy


def _number(given):
    return math.nan if given is None else given


@pytest.mark.skipif(not DATA.is_dir(), reason="the recorded runs of DeepOBS are not here (SUREFOOT_DEEPOBS)")
@pytest.mark.parametrize("problem", ["cifar10_3c3d", "fmnist_2c2d", "mnist_vae", "quadratic_deep"])
def test_five_full_runs_find_what_a_whole_grid_finds(problem):
    recorded, accuracy = curves(problem)
    assert len(recorded) == 108
    rates = defaultdict(list)
    for arm in recorded:
        rates[arm["optimizer"]].append(arm.lr)
    space = Space({name: Rates.of(each) for name, each in rates.items()})
    values, losses = ({arm: pair[k] for arm, pair in recorded.items()} for k in (0, 1))
    ground = Recorded(values, losses)
    outcome = drive(race(space, Terms(ground.horizon, 5.0)), ground)
    spent = sum(ground.made.values()) / ground.horizon
    assert spent <= 5.0
    ends = {arm: values[-1] for arm, (values, _) in recorded.items() if all(map(math.isfinite, values[1:]))}
    best = max(ends.values())
    assert best - ends[outcome.ranking[0]] <= (0.01 if accuracy else 0.02 * abs(best))
