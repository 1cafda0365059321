"""Every lesson with its defaults, as a whole process: seconds, of several rounds. Asked: under 20 on two cores."""

import os
import subprocess
import sys

from measure import seconds, spread
from tabulate import tabulate

from surefoot.lessons import LESSONS

ROUNDS, LIMIT = 3, 20.0


def command(*arguments: str) -> list[float]:
    """How long a command takes, from its start to its end, in every round."""
    code = f"from surefoot.cli import main; main({list(arguments)!r})"
    process = [sys.executable, "-c", code]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "env": os.environ}
    return [seconds(lambda: subprocess.run(process, **quiet)) for _ in range(ROUNDS)]


if __name__ == "__main__":
    rows = []
    for name in LESSONS:
        taken = command("learn", name)
        rows.append((f"learn {name}", spread(taken), "yes" if max(taken) < LIMIT else "NO"))
    rows.append(("advise, from options", spread(command("advise", "--model", "cnn", "--task", "classification")), ""))
    rows.append(("advise digits --sensitive", spread(command("advise", "digits", "--sensitive")), ""))
    print(tabulate(rows, headers=["command", "seconds, median [low, high]", f"under {LIMIT:.0f} s"]))
