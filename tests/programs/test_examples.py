"""The scripts of docs/scripts.md run, and are tuned as the page says."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from surefoot.search import Rates, Space

ROOT = Path(__file__).parents[2]


@pytest.fixture
def example(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return lambda name, places: shlex.join([sys.executable, str(ROOT / "docs/examples" / name)]) + f" {places}"


def test_the_torch_script_is_tuned_and_goes_on_from_its_checkpoints(example, tune):
    command = example("train_torch.py", "--lr {lr} --schedule {schedule} --optimizer {optimizer} --epochs 4")
    space = Space({"SGD": Rates.of([0.01, 1.0])}, ["warmup('5%') >> cosine()"])
    found = tune(command, "val_accuracy", looks=4, budget=2, space=space, paused=0)
    assert found.goal == "max"
    assert found.best.arm.lr == 1.0
    assert found.best.value > 0.85
    printed = next(found.folder.glob("runs/lr-1-*/output.txt")).read_text()
    lines = printed.splitlines()
    epochs = [int(epoch) for epoch in re.findall(r'"epoch": (\d+)', printed)]
    assert epochs == sorted(epochs)  # it never began anew
    assert len(set(lines)) == 4  # an epoch that was reported and not saved is trained again, to the same numbers


def test_the_keras_script_is_tuned(example, tune):
    command = example("train_keras.py", "--lr {lr} --schedule {schedule} --epochs 2")
    space = Space({"own": Rates.of([1e-4, 0.1])}, ["warmup('5%') >> cosine()"])
    found = tune(command, "val_loss", looks=2, budget=2, space=space)
    assert found.best.arm.lr == 0.1
    assert found.best.value < 1.0


def test_the_page_shows_the_scripts_as_they_are():
    page = (ROOT / "docs/scripts.md").read_text()
    for name in ("train_torch.py", "train_keras.py"):
        assert f"(examples/{name})" in page
        script = (ROOT / "docs/examples" / name).read_text()
        shown = re.search(rf"<!-- {name} -->\n```python\n(.*?)```", page, re.S)[1]
        assert shown.strip() in script
