"""Studies made of given numbers: for analysis, reports and the store."""

import numpy as np

from surefoot.core.history import Facts, History, Study
from surefoot.core.recipe import Recipe
from surefoot.core.record import Observation
from surefoot.core.run import Run


def facts(**options):
    given = {"task": "made", "source": "", "about": "", "watched": "validation", "rank": "accuracy", "goal": "max"}
    given |= {"metrics": ("accuracy",), "samples": {"train": 320, "validation": 80}, "parameters": 100}
    given |= {"batch_size": 32, "epochs": 10, "steps_per_epoch": 10, "last_batch": "keep", "device": "cpu"}
    given |= {"fingerprint": "f" * 32, "seeds": (0, 1, 2), "trainer": "auto"}
    return Facts(**{**given, **options})


def study(curves, *, recipes=None, status="done", **options):
    """A study from `{name: [curve of each seed]}`; a curve is the accuracy at each look, shorter where it diverged."""
    known = facts(**{"seeds": tuple(range(len(next(iter(curves.values()))))), **options})
    runs = []
    for name, each in curves.items():
        recipe = (recipes or {}).get(name) or Recipe(name, "sgd(momentum=0.9)", 0.1, "cosine()")
        for seed, curve in enumerate(each):
            seen = tuple(
                Observation(10 * (i + 1), {"loss": 1.1 - value, "accuracy": value, "train_loss": 1 - value})
                for i, value in enumerate(curve)
            )
            whole = len(curve) == known.epochs
            lost = None if whole else 10 * len(curve) + 3
            state = "done" if whole else "diverged" if status == "done" else "running"
            losses = np.ones(lost or known.steps, dtype=np.float32)
            run = Run(len(runs), recipe, seed)
            runs.append(History(run, state, seen, losses, lost if state == "diverged" else None, 0.5))
    return Study(7, "compare", "2026-01-02T03:04:05+00:00", status, known, {"torch": "2"}, tuple(runs), (), 3.0)


def ramp(end, *, start=0.1, looks=10):
    """A curve that rises in a straight line."""
    return np.linspace(start, end, looks).tolist()
