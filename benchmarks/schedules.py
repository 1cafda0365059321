"""What schedules cost, beside torch's own schedulers, a hand-written function and a bare NumPy formula.

    python benchmarks/schedules.py [--rounds N]

Rivals take turns within a round; figures are medians with the lowest and the highest round. No data, no model: only
the time that choosing the next value takes. The last part counts, and times nothing.
"""

import argparse
import math
import subprocess
import sys
import timeit
from collections.abc import Callable, Mapping

import numpy as np
import torch
from measure import Times, ratio, seconds, spread
from tabulate import tabulate
from torch.optim import SGD
from torch.optim import lr_scheduler as theirs

import surefoot as sf
from surefoot.adapters.torch import Scheduler

STEPS, W, C = 10_000, 500, 5_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    rounds = options.parse_args().rounds
    torch.set_num_threads(1)
    print(f"Schedules, {rounds} rounds: median [lowest, highest]\n")
    steps(rounds)
    numbers(rounds)
    curves(rounds)
    imports(rounds)
    compiled()


def turns(rounds: int, rivals: Mapping[str, Callable[[], float]]) -> Times:
    """The times of each rival, measured in turn; a first round is not counted."""
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for done in range(rounds + 1):
        for name, measure in rivals.items():
            time = measure()
            if done:
                found[name].append(time)
    return found


def steps(rounds: int) -> None:
    """One call of step(): what every training loop pays for every update."""

    def groups(n: int) -> SGD:
        return SGD([{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(n)], lr=0.1)

    def sequence(optimizer: SGD) -> theirs.LRScheduler:
        parts = [theirs.LinearLR(optimizer, 0.1, 1.0, W), theirs.CosineAnnealingLR(optimizer, STEPS)]
        return theirs.SequentialLR(optimizer, parts, [W])

    makers = {
        "surefoot, cosine": lambda o: Scheduler(o, "cosine()", steps=STEPS, count="calls"),
        "surefoot, three pieces": lambda o: Scheduler(o, three_pieces(), steps=STEPS, count="calls"),
        "CosineAnnealingLR": lambda o: theirs.CosineAnnealingLR(o, STEPS),
        "SequentialLR": sequence,
        "OneCycleLR": lambda o: theirs.OneCycleLR(o, 0.1, total_steps=STEPS * 100),
    }
    rows = []
    for n in (1, 10, 100):
        calls = 2000 // n + 200

        def timed(make: Callable[[SGD], theirs.LRScheduler], n: int = n, calls: int = calls) -> float:
            optimizer = groups(n)
            optimizer.step()
            scheduler = make(optimizer)
            return timeit.timeit(scheduler.step, number=calls) / calls * 1e6

        found = turns(rounds, {name: lambda make=make: timed(make) for name, make in makers.items()})
        for name, times in found.items():
            beside = ratio(times, found["CosineAnnealingLR"]) if name.startswith("surefoot") else ""
            rows.append([n, name, spread(times), beside])
    print(tabulate(rows, ["groups", "scheduler.step()", "µs", "× CosineAnnealingLR"]), "\n")


def three_pieces() -> sf.Schedule:
    return sf.warmup(W) >> sf.constant(over=C - W) >> sf.cosine()


def by_hand(t: int) -> float:
    if t < W:
        return 0.1 * (t + 1) / W
    if t < C:
        return 0.1
    return 0.1 * (1 + math.cos(math.pi * min(t - C, STEPS - C) / (STEPS - C))) / 2


def numbers(rounds: int) -> None:
    """curve(t) on a Python number: three pieces, each in its turn."""
    curve, places = (0.1 * three_pieces()).bind(STEPS), [100, 3000, 8000]
    assert all(abs(curve(t) - by_hand(t)) < 1e-15 for t in places)

    def timed(function: Callable[[int], float]) -> float:
        return timeit.timeit(lambda: [function(t) for t in places], number=20_000) / 20_000 / len(places) * 1e9

    found = turns(rounds, {"curve(t)": lambda: timed(curve), "by hand": lambda: timed(by_hand)})
    rows = [[name, spread(times), ratio(times, found["by hand"])] for name, times in found.items()]
    print(tabulate(rows, ["three pieces, a Python number", "ns", "× by hand"]), "\n")


def curves(rounds: int) -> None:
    """The whole curve of a million steps."""
    n, w, c = 1_000_000, 50_000, 500_000
    curve = (0.1 * (sf.warmup(w) >> sf.constant(over=c - w) >> sf.cosine())).bind(n)

    def bare() -> np.ndarray:
        t = np.arange(n, dtype=np.float64)
        falling = (1 + np.cos(np.pi * (t - c) / (n - c))) / 2
        return 0.1 * np.where(t < w, (t + 1) / w, np.where(t < c, 1.0, falling))

    def stepped() -> None:
        optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        parts = [theirs.LinearLR(optimizer, 1 / w, 1.0, w - 1), theirs.ConstantLR(optimizer, 1.0, 1)]
        parts.append(theirs.CosineAnnealingLR(optimizer, n - c))
        scheduler = theirs.SequentialLR(optimizer, parts, [w, c])
        optimizer.step()
        for _ in range(n // 10):  # a tenth, counted ten times: every step costs the same
            scheduler.step()

    np.testing.assert_allclose(curve.values(), bare(), rtol=0, atol=1e-15)
    rivals = {"curve.values()": curve.values, "bare NumPy": bare}
    found = dict(turns(rounds, {name: lambda work=work: seconds(work) for name, work in rivals.items()}))
    found["SequentialLR, stepped"] = [10 * seconds(stepped) for _ in range(rounds)]
    rows = [
        [name, spread([1000 * t for t in times]), ratio(times, found["curve.values()"])]
        for name, times in found.items()
    ]
    print(tabulate(rows, ["a million steps", "ms", "× curve.values()"]), "\n")


def imports(rounds: int) -> None:
    def timed(code: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True)) * 1000

    first = "import surefoot as sf; (0.1 * sf.cosine()).bind(100)(5)"
    codes = {
        "(nothing)": "pass",
        "import numpy": "import numpy",
        "import surefoot": "import surefoot",
        "a first curve": first,
    }
    found = turns(rounds, {name: lambda code=code: timed(code) for name, code in codes.items()})
    rows = [[name, spread(times), ratio(times, found["import numpy"])] for name, times in found.items()]
    print(tabulate(rows, ["a new process", "ms", "× import numpy"]))
    loaded = subprocess.run(
        [sys.executable, "-c", first + "; import sys; print('torch' in sys.modules)"], capture_output=True
    )
    print(f"torch loaded by a first curve: {loaded.stdout.decode().strip()}\n")


def compiled() -> None:
    """A compiled training step whose rate comes from a step tensor, counted by torch itself."""
    from torch._dynamo.utils import counters

    curve = (0.1 * three_pieces()).bind(STEPS)
    model, x = torch.nn.Linear(8, 1).double(), torch.randn(32, 8, dtype=torch.float64)
    weights = [p.detach().clone() for p in model.parameters()]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    step = torch.zeros((), dtype=torch.int64)
    weights, x, step = [w.to(device) for w in weights], x.to(device), step.to(device)

    @torch.compile(fullgraph=True)  # whatever asks the device for a number breaks the graph, and fails here
    def update(step: torch.Tensor, *weights: torch.Tensor) -> list[torch.Tensor]:
        def loss(*weights: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.linear(x, *weights).square().mean()

        rate, slopes = curve(step), torch.func.grad(loss, argnums=(0, 1))(*weights)
        return [w - rate * g for w, g in zip(weights, slopes, strict=True)]

    counters.clear()
    rates = 0
    with torch._dynamo.config.patch(error_on_recompile=True):
        for t in (0, 1, W - 1, W, C, C + 1, STEPS - 1, STEPS + 5):
            if t and device == "cuda":
                torch.cuda.set_sync_debug_mode("error")
            weights = update(step.fill_(t), *weights)
            rates += 1
    stats, breaks = counters["stats"], sum(counters["graph_break"].values())
    print(f"compiled step on {device}, rate from a step tensor, {rates} steps in every piece and past the end:")
    print(
        f"  graphs {stats['unique_graphs']}, graph breaks {breaks}, recompilations 0 (an error if there were one), ",
        end="",
    )
    print("host synchronisations " + ("0 (sync_debug_mode=error)" if device == "cuda" else "not measured: no GPU"))


if __name__ == "__main__":
    main()
