"""Whole trainings of a small convolutional model, whole processes, against two plain processes that share the runs.

    python benchmarks/conv.py [--rounds N] [--epochs N] [--samples N] [--seeds N] [--profile]

The task `conv`: two recipes, Adam and SGD with momentum, each with several seeds, watched on a validation set after
every epoch; Fashion-MNIST where it is installed, else as many random pixels. In turn, from the start of the processes
to their end: `surefoot.compare` by its own plan, with its compiler's cache empty, and two processes of one thread that
train half of the runs each, with fused optimizers of torch. Convolutions are arithmetic: stacking rows saves little of
it, so what is asked is that the plan is never slower. `--profile`: where a step of the loop trainer takes longer than
a plain one.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import torch.nn.functional as F
from measure import ratio, spread
from plain import images as fashion
from tabulate import tabulate
from torch import Tensor, nn
from whole import FASHION

BATCH, CLASSES, WATCHED = 64, 10, 10_000
KINDS = ("adam", "momentum")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--epochs", type=int, default=2)
    options.add_argument("--samples", type=int, default=50_000)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--profile", action="store_true")
    options.add_argument("--part", choices=["surefoot", "0", "1"], help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.profile:
        profile(given.samples)
    elif given.part == "surefoot":
        ours(given.samples, given.epochs, given.seeds)
    elif given.part:
        plain(given.samples, given.epochs, given.seeds, int(given.part))
    else:
        compared(given)


def compared(given: argparse.Namespace) -> None:
    sizes = [f"--{name}={getattr(given, name)}" for name in ("samples", "epochs", "seeds")]
    rival, surefoot, said = [], [], ""
    for _ in range(given.rounds):
        rival.append(together(sizes, "0", "1")[0])
        with tempfile.TemporaryDirectory() as folder:
            took, said = together(sizes, "surefoot", TORCHINDUCTOR_CACHE_DIR=folder)
            surefoot.append(took)
        print(f"plain {rival[-1]:.1f} s, surefoot {took:.1f} s", file=sys.stderr, flush=True)
    runs = len(KINDS) * given.seeds
    steps = given.epochs * (given.samples // BATCH)
    print(f"{runs} runs of {steps} updates, batches of {BATCH}, {torch.get_num_threads()} threads; whole processes, s")
    lines = [["two plain processes", spread(rival)], ["surefoot compare", spread(surefoot)]]
    lines.append(["times as fast, paired", ratio(rival, surefoot)])
    print(tabulate(lines, disable_numparse=True))
    print(said.strip())


def together(sizes: list[str], *parts: str, **environment: str) -> tuple[float, str]:
    """Seconds until all parts are over, and what the last said."""
    began = time.perf_counter()
    command = [sys.executable, __file__, *sizes, "--part"]
    inherited = {**os.environ, **environment}
    running = [subprocess.Popen([*command, part], stdout=subprocess.PIPE, text=True, env=inherited) for part in parts]
    said = [process.communicate()[0] for process in running]
    assert not any(process.returncode for process in running)
    return time.perf_counter() - began, said[-1]


def model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, CLASSES)),
    )


def images(samples: int) -> tuple[Tensor, Tensor]:
    if FASHION.is_dir():
        x, y = fashion(FASHION, "train")
        return x[: samples + WATCHED].view(-1, 1, 28, 28), y[: samples + WATCHED]
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(samples + WATCHED, 1, 28, 28, generator=generator)
    return x, torch.randint(0, CLASSES, (len(x),), generator=generator)


def ours(samples: int, epochs: int, seeds: int) -> None:
    import surefoot as sf

    (x, y), n = images(samples), samples
    task = sf.Task(
        name="conv", model=model, loss="cross_entropy", batch_size=BATCH, epochs=epochs, last_batch="drop",
        train=(x[:n], y[:n]), validation=(x[n:], y[n:]), metrics=["accuracy"],
    )  # fmt: skip
    recipes = [sf.Recipe("adam", "adam", 1e-3), sf.Recipe("momentum", "sgd(momentum=0.9)", 0.01)]
    found = sf.compare(task, recipes, seeds=seeds, out=None, progress=False)
    print("\n".join(text for text in map(str, found.study.notes) if "trained by" in text))


def plain(samples: int, epochs: int, seeds: int, half: int) -> None:
    torch.set_num_threads(1)
    (x, y), n = images(samples), samples
    for kind, seed in [(kind, seed) for kind in KINDS for seed in range(seeds)][half::2]:
        torch.manual_seed(seed)
        module = model()
        optimizer = optimizer_of(kind, module, fused=True)
        for _ in range(epochs):
            for index in torch.randperm(n)[: n // BATCH * BATCH].split(BATCH):
                plain_step(module, optimizer, x[index], y[index])
            with torch.no_grad():
                outputs = module(x[n:])
                print(kind, seed, float(F.cross_entropy(outputs, y[n:])), float((outputs.argmax(1) == y[n:]).sum()))


def optimizer_of(kind: str, module: nn.Module, **how: bool) -> torch.optim.Optimizer:
    if kind == "adam":
        return torch.optim.Adam(module.parameters(), lr=1e-3, **how)
    return torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, **how)


def plain_step(module: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    loss = F.cross_entropy(module(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def profile(samples: int, rounds: int = 40) -> None:
    """Milliseconds of what a step of the loop trainer does beside a plain one's work, on one thread."""
    from surefoot.optimizers import adam, set_hyper, torch_optimizer
    from surefoot.training.randomness import key, keyed

    torch.set_num_threads(1)
    x, y = (tensor[:BATCH] for tensor in images(samples))
    rule, noise = adam(), torch.tensor(key(0, 0))
    plainly, looped = model(), model()
    fast = optimizer_of("adam", plainly, fused=True)
    slow = torch_optimizer(rule, list(looped.parameters()))

    def keyed_forward() -> None:
        with keyed(noise):
            F.cross_entropy(looped(x), y)

    plain_step(plainly, fast, x, y)
    plain_step(looped, slow, x, y)
    pieces = {
        "a plain step": lambda: plain_step(plainly, fast, x, y),
        "torch.optim fused": fast.step,
        "torch.optim as a loop": slow.step,
        "forward": lambda: F.cross_entropy(plainly(x), y),
        "forward within keyed": keyed_forward,
        "set_hyper": lambda: set_hyper(slow, rule, rule.hyper),
        "manual_seed": lambda: torch.manual_seed(1),
        "noise": lambda: torch.tensor(key(0, 1)),
    }
    times: dict[str, list[float]] = {name: [] for name in pieces}
    for _ in range(rounds):
        for name, work in pieces.items():
            began = time.perf_counter()
            for _ in range(5):
                work()
            times[name].append(1000 * (time.perf_counter() - began) / 5)
    lines = [[name, f"{statistics.median(taken):.3f}", f"{min(taken):.3f}"] for name, taken in times.items()]
    print(tabulate(lines, headers=["ms", "median", "least"], disable_numparse=True))


if __name__ == "__main__":
    main()
