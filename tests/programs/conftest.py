"""Small programs, written where a test is, and searched there."""

import shlex
import sys

import pytest

from surefoot.studies.programs import tune_program

# A bowl around lr 0.03; a rate above 0.5 diverges. Every look costs a hundredth of a second.
BOWL = """
import json, sys, time
lr, seed = float(sys.argv[1]), int(sys.argv[2])
for epoch in range(1, 17):
    time.sleep(0.01)
    value = abs(lr - 0.03) + 1 / epoch + 0.01 * seed * lr if lr < 0.5 else float("nan")
    print(json.dumps({"epoch": epoch, "val_loss": value}))
"""

# Reports its process and then, at 100 looks a second, an endless series.
ENDLESS = """
import json, os, sys, time
k = 0
while True:
    k += 1
    print(json.dumps({"step": k, "val_loss": float(sys.argv[1]), "pid": os.getpid()}))
    time.sleep(0.01)
"""


@pytest.fixture
def program(tmp_path):
    """Write a program; its command, with places behind it."""

    def write(text, places="{lr} {seed}"):
        path = tmp_path / "program.py"
        path.write_text(text)
        return f"{shlex.quote(sys.executable)} -S {shlex.quote(str(path))} {places}"

    return write


@pytest.fixture
def tune(tmp_path):
    """Tune a command in the folder of the test."""

    def run(command, metric="val_loss", **options):
        usual = {"looks": 16, "budget": 6, "fresh": 0, "out": tmp_path / "out", "progress": False}
        return tune_program(command, metric, **{**usual, **options})

    return run


@pytest.fixture
def bowl(program):
    return program(BOWL)


@pytest.fixture
def endless():
    return ENDLESS
