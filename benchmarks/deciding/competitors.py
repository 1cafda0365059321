"""Each way to choose as whole processes, and what it knew at every moment."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import psutil

from deciding.setting import SPACE, Choice, Setting

SCRIPTS = {"grid": "grid", "Optuna": "by_optuna", "Ray Tune": "by_ray"}  # modules of this folder
PROCESSES = {"grid": 2, "Optuna": 2, "Ray Tune": 1}
NAMES = (*SCRIPTS, "Surefoot")
GRACE = 60  # seconds beyond its time in which a rival may end by itself
LIBRARIES = {"Optuna": "optuna", "Ray Tune": "ray"}  # what each needs beside Surefoot
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}  # nobody reads what they write


@attrs.frozen
class Ran:
    """One competitor in one round: what it took, and from which second on it held what for best.

    `trials`: how many runs it reported; None where it does not say. `confirmed`: when its verdict was confirmed.
    """

    name: str
    round: int
    seconds: float
    incumbents: list[tuple[float, Choice]]
    trials: int | None = None
    confirmed: float | None = None

    @classmethod
    def read(cls, stored: dict[str, Any]) -> "Ran":
        return cls(**{**stored, "incumbents": [(when, Choice(**choice)) for when, choice in stored["incumbents"]]})


def rival(name: str, setting: Setting, allowed: float | None, folder: Path, turn: int) -> Ran:
    """The grid, Optuna or Ray Tune, for as many seconds as allowed."""
    told = attrs.evolve(setting, folder=str(folder), until=None if allowed is None else time.time() + allowed)
    commands = [
        [sys.executable, "-m", f"deciding.{SCRIPTS[name]}", attrs.evolve(told, worker=worker).text()]
        for worker in range(PROCESSES[name])
    ]
    path = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    more = {"OMP_NUM_THREADS": "1", "PYTHONPATH": path, **QUIET}
    seconds, lines = watched(commands, more, folder, None if allowed is None else allowed + GRACE)
    reports = [(when, json.loads(line)) for when, line in lines if line.startswith("{")]
    return Ran(name, turn, seconds, leaders(reports, setting.goal), len({report["trial"] for _, report in reports}))


def surefoot(command: Sequence[str], more: Sequence[str], setting: Setting, folder: Path, turn: int) -> Ran:
    """`surefoot tune`, with its compiler's cache empty. `more`: further options of its."""
    size = ["--epochs", str(setting.epochs), "--batch-size", str(setting.batch_size)]
    data = [] if setting.data is None else ["--data", setting.data]
    tune = [*command, "tune", setting.task, "--space", str(SPACE), *size, *data, "--out", str(folder), "--json", *more]
    seconds, lines = watched([tune], {"TORCHINDUCTOR_CACHE_DIR": str(folder / "compiler")}, folder, None)
    document = json.loads("".join(line for _, line in lines))
    held = [(moment["seconds"], _choice(moment["recipe"])) for moment in document["incumbents"]]
    confirmed = (document.get("confirmed") or {}).get("seconds")
    if max([when for when, _ in held] + [confirmed or 0]) > seconds:
        raise ValueError(
            f"the process took {seconds:.2f} s, and says that it knew something later: {held}, {confirmed}"
        )
    return Ran("Surefoot", turn, seconds, held, confirmed=confirmed)


def _choice(recipe: dict[str, Any]) -> Choice:
    if recipe.get("hyper"):
        raise ValueError(f"the plain loop has no place for the hyperparameters {recipe['hyper']}")
    return Choice(recipe["optimizer"], rounded(recipe["lr"]), recipe["schedule"])


def rounded(lr: float) -> float:
    """To four digits: what differs by less is retrained once."""
    return float(f"{lr:.4g}")


def leaders(reports: Iterable[tuple[float, dict[str, Any]]], goal: str) -> list[tuple[float, Choice]]:
    """From which moment on which choice led, by the latest value of every trial; a trial need not be over to lead."""
    latest: dict[str, tuple[float, Choice]] = {}
    found: list[tuple[float, Choice]] = []
    for when, report in reports:
        choice = Choice(report["optimizer"], rounded(report["lr"]), report["schedule"])
        value = report["value"] if goal == "max" else -report["value"]
        latest[report["trial"]] = (value if value == value else float("-inf"), choice)
        _, leader = max(latest.values(), key=lambda entry: entry[0])
        if not found or found[-1][1] != leader:
            found.append((when, leader))
    return found


def watched(
    commands: Sequence[Sequence[str]], more: dict[str, str], folder: Path, limit: float | None
) -> tuple[float, list[tuple[float, str]]]:
    """Seconds from before the first process starts to the last one's end; and their lines, with when each came.

    Whoever still runs after `limit` seconds is stopped. Raises RuntimeError for one that fails by itself.
    """
    lines: list[tuple[float, str]] = []
    stopped = False
    environment = {**os.environ, **more}
    with (folder / "errors").open("w+") as errors:
        began = time.perf_counter()
        asked = {"stdout": subprocess.PIPE, "stderr": errors, "env": environment, "text": True}
        running = [subprocess.Popen(command, **asked) for command in commands]

        def listen(process: subprocess.Popen[str]) -> None:
            for line in process.stdout:
                lines.append((time.perf_counter() - began, line))

        threads = [threading.Thread(target=listen, args=[process]) for process in running]
        for thread in threads:
            thread.start()
        try:
            for process in running:
                process.wait(None if limit is None else max(0.0, limit - (time.perf_counter() - began)))
        except subprocess.TimeoutExpired:
            stopped = True
        finally:
            for process in running:
                stop(process)
        took = time.perf_counter() - began
        for thread in threads:
            thread.join()
        errors.seek(0)
        if not stopped and any(process.returncode for process in running):
            raise RuntimeError(f"{' '.join(commands[0])} failed:\n{errors.read()[-3000:]}")
    return took, lines


def stop(process: subprocess.Popen[str]) -> None:
    """End a process, where it still runs, with all that it started."""
    if process.poll() is None:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for member in family:
            member.terminate()
        for member in psutil.wait_procs(family, timeout=10)[1]:
            member.kill()
        process.wait()
