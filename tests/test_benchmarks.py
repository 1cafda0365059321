"""Benchmarks that need a machine of their own can at least be started here."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from surefoot.optimizers.inductor import compiler_found

FOLDER = Path(__file__).parent.parent / "benchmarks"


def said_by(name, *arguments):
    run = subprocess.run([sys.executable, str(FOLDER / name), *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_measures_nothing():
    assert said_by("gpu.py") == "not measured: no GPU here\n"


@pytest.mark.skipif(not compiler_found(), reason="there is no C++ compiler")
def test_the_gpus_benchmark_runs_on_a_processor():
    said = said_by("gpu.py", "--device", "cpu", "--rows", "1,2", "--rounds", "1", "--models", "mlp")
    assert "mlp, 2 rows: compiling took" in said
    (line,) = [line for line in said.splitlines() if line.startswith("mlp, 2 rows ")]
    assert line.count("[") == 5  # all that needs no CUDA graph
