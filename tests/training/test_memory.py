"""What a tile takes: rows that fit a cache, and fewer where the memory does not suffice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from training.test_compiled import entries_of
from training.test_trainers import MODELS, RECIPES, Double, task_of

from surefoot.core.errors import SurefootError
from surefoot.training.memory import bytes_of_row, cache_bytes, is_out_of_memory, rows_that_fit

NARROW = """
import resource, sys
import torch
torch.set_num_threads(1)
from surefoot.core.record import Losses, Note
from surefoot.training import Wanted, choose, train
from training.test_compiled import entries_of
from training.test_trainers import RECIPES, Double, task_of
from torch import nn

task = task_of(lambda: Double(nn.Linear(6, 100_000), nn.ReLU(), nn.Linear(100_000, 3)), batch_size=64, epochs=1)
entries = entries_of(task, RECIPES[:1], seeds=range(8))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1900 << 20), -1))
said = []
plan = choose(task, entries, said.append, Wanted("fused", "here", compiled=False, most=8))
train(task, entries, plan, said.append)
print([event.text for event in said if isinstance(event, Note)])
print(sum(len(event.values) for event in said if isinstance(event, Losses)))
"""


def test_out_of_memory_halves_the_tile_says_so_and_goes_on():
    """A process that really has no memory for eight rows at once."""
    tests = str(Path(__file__).parents[1])
    path = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "MALLOC_ARENA_MAX": "1"}
    run = subprocess.run([sys.executable, "-c", NARROW], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    notes, updates = run.stdout.splitlines()
    assert "out of memory with 8 rows at once: going on with 4" in notes
    assert int(updates) == 8 * 2  # every update of every row


def test_a_row_takes_its_weights_states_batch_and_what_backward_keeps():
    task = task_of(lambda: Double(nn.Linear(6, 1000), nn.ReLU(), nn.Linear(1000, 3)), batch_size=10)
    weights, batch, hidden = 8 * (7 * 1000 + 1001 * 3), 8 * 10 * 7, 8 * 10 * 1000
    (plain,) = entries_of(task, RECIPES[:1], seeds=(0,))
    (adam,) = entries_of(task, RECIPES[2:3], seeds=(0,))
    took = bytes_of_row(task, [plain.row()])
    assert 3 * weights + batch + hidden <= took <= 3 * weights + batch + 3 * hidden
    assert bytes_of_row(task, [adam.row()]) == took + weights  # a second moment


def test_larger_models_and_batches_leave_room_for_fewer_rows():
    def fitting(width, batch_size):
        task = task_of(lambda: Double(nn.Linear(6, width), nn.Linear(width, 3)), batch_size=batch_size)
        return rows_that_fit(task, [entry.row() for entry in entries_of(task, RECIPES[:1])])

    assert fitting(100, 16) >= fitting(1000, 16) >= fitting(10_000, 16) >= fitting(1_000_000, 16) == 1
    assert fitting(10_000, 16) > fitting(10_000, 64)


def test_looking_for_room_leaves_torchs_random_state_alone():
    task = task_of(MODELS["dropout"])
    before = torch.get_rng_state()
    rows_that_fit(task, [entry.row() for entry in entries_of(task, RECIPES)])
    assert torch.equal(before, torch.get_rng_state())
    assert cache_bytes() > 1 << 16


def test_a_lack_of_memory_is_known_by_its_cause():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert is_out_of_memory(caught.value)
    wrapped = SurefootError("the stack failed")
    wrapped.__cause__ = caught.value
    assert is_out_of_memory(wrapped)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
