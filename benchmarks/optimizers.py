"""One optimizer step of a population, against K optimizers of torch and against the memory's rate.

    python benchmarks/optimizers.py [--rounds N] [--sizes mlp,tiny,wide] [--threads N]

Adam and SGD with momentum, a rate of its own for each row that moves from step to step, in one process and in turn,
round by round; medians with the lowest and the highest, in milliseconds for all rows:
(a) K optimizers of `torch.optim` as they are by default on a processor, a loop; (b) K with `fused=True`; (c) `update`,
interpreted; (d) `CompiledUpdate`; (e) the same where all parameters of a row lie in one buffer; (f) the floor: the
bytes that must move (momentum 20, Adam 28 a parameter: read weight, gradient and state, write weight and state) at the
rate at which this machine adds one array to another in place, both together as large as what the step touches, so that
caches help both alike. Coefficients are part of (c), (d) and (e): computed for all rows in every step.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from measure import ratio, seconds, spread
from tabulate import tabulate
from torch import Tensor, nn

from surefoot.optimizers import Rule, adam, init, sgd, update
from surefoot.optimizers.compiled import CompiledUpdate

SIZES = {  # rows, and the shapes of the parameters of each
    "mlp": (64, [(64, 784), (64,), (10, 64), (10,)]),  # 50 890
    "tiny": (512, [(16, 8), (16,), (1, 16), (1,)]),  # 161
    "wide": (16, [(1024, 1024), (1024,)]),  # 1 049 600
}
RULES: dict[str, tuple[Rule, int]] = {"adam": (adam(), 4), "momentum": (sgd(momentum=0.9), 3)}  # arrays it touches
STRETCH = 0.1  # seconds that a thing is measured for in a round

Step = Callable[[int], object]  # update number t


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--sizes", default=",".join(SIZES))
    options.add_argument("--threads", type=int, default=0)
    given = options.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    table = [measured(size, kind, given.rounds) for size in given.sizes.split(",") for kind in RULES]
    print(f"one step of all rows, float32, {torch.get_num_threads()} threads; ms, and times as fast, paired")
    heads = ["", "(a) torch loop", "(b) torch fused", "(c) interpreted", "(d) compiled", "(e) one buffer", "(f) floor"]
    print(tabulate(table, headers=[*heads, "b / d", "b / e", "d / f"], disable_numparse=True))


def measured(size: str, kind: str, rounds: int) -> list[str]:
    count, shapes = SIZES[size]
    rule, arrays = RULES[kind]
    numbers = count * sum(map(np.prod, shapes))
    steps = {
        "a": rival(kind, count, shapes, fused=False),
        "b": rival(kind, count, shapes, fused=True),
        "c": ours(rule, count, shapes, fast=False),
        "d": ours(rule, count, shapes, fast=True),
        "e": ours(rule, count, [(numbers // count,)], fast=True),
        "f": stream(numbers * arrays // 2),
    }
    more = (8 * arrays - 4) / (6 * arrays)  # bytes of a step to bytes of the stream
    times: dict[str, list[float]] = {name: [] for name in steps}
    for one in range(rounds + 1):
        for name, step in steps.items():
            took = 1000 * timed(step) * (more if name == "f" else 1)
            if one:  # the first round warms up
                times[name].append(took)
    pairs = [("b", "d"), ("b", "e"), ("d", "f")]
    what = f"{kind}, {count} × {numbers // count}"
    return [what, *map(spread, times.values()), *(ratio(times[x], times[y]) for x, y in pairs)]


def timed(step: Step) -> float:
    """Seconds of a step, over a stretch."""
    once = seconds(lambda: step(1))
    repeats = max(2, min(1000, int(STRETCH / once)))
    began = time.perf_counter()
    for t in range(1, repeats + 1):
        step(t)
    return (time.perf_counter() - began) / repeats


def rival(kind: str, count: int, shapes: list[tuple[int, ...]], *, fused: bool) -> Step:
    """K optimizers, each given its rate before the step, as a scheduler would."""
    optimizers: list[torch.optim.Optimizer] = []
    for _ in range(count):
        params = [nn.Parameter(torch.randn(shape)) for shape in shapes]
        for p in params:
            p.grad = torch.randn_like(p)
        how = {"fused": True} if fused else {"foreach": False}
        if kind == "adam":
            optimizers.append(torch.optim.Adam(params, lr=1e-3, **how))
        else:
            optimizers.append(torch.optim.SGD(params, lr=1e-3, momentum=0.9, **how))
    rates = rates_of(count)

    def step(t: int) -> None:
        for optimizer, rate in zip(optimizers, rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate / t
            optimizer.step()

    return step


def ours(rule: Rule, count: int, shapes: list[tuple[int, ...]], *, fast: bool) -> Step:
    params = {str(place): torch.randn(count, *shape) for place, shape in enumerate(shapes)}
    grads: dict[str, Tensor] = {name: torch.randn_like(p) for name, p in params.items()}
    rows = [rule.filled({"lr": rate}) for rate in rates_of(count)]
    state, rates = init(rule, params, rows), np.array(rates_of(count))
    if not fast:
        return lambda t: update(rule, params, grads, state, [{**row, "lr": row["lr"] / t} for row in rows], t)
    compiled = CompiledUpdate(rule, params, state, rows)
    return lambda t: compiled(params, grads, state, {**rule.hyper, "lr": rates / t}, t)


def rates_of(count: int) -> list[float]:
    return [1e-3 * (1 + row / count) for row in range(count)]


def stream(numbers: int) -> Step:
    a, b = torch.zeros(numbers), torch.rand(numbers)
    return lambda t: a.add_(b)


if __name__ == "__main__":
    main()
