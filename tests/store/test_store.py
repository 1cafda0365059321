"""The record file keeps what it is told, tells foreign files from its own, and says what is wrong."""

import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from made import facts

from surefoot.core.errors import StoreError, UsageError
from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Finished, Losses, Note, Observation, Observed
from surefoot.core.run import Run
from surefoot.store import Store

RUNS = [
    Run(0, Recipe("a; DROP TABLE runs", "adam", 0.1, "cosine()", {"beta1": 0.8}), 0),
    Run(1, Recipe("ü ★", "sgd", None), 5),
]
KNOWN = facts(seeds=(0, 5), about="a 'quoted' task", command="surefoot compare x")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "surefoot.sqlite"


def test_what_is_recorded_is_read_back(path):
    values = np.random.default_rng(0).normal(size=30)
    seen = Observation(20, {"loss": 0.1, "accuracy": 1 / 3, "train_loss": 1e-300})
    with Store(path) as store:
        study = store.begin("compare", KNOWN, {"torch": "2"}, RUNS)
        sink = store.sink(study)
        for event in (
            Note("something"),
            Losses(0, 0, values[:20]),
            Losses(1, 0, values[:3]),
            Observed(0, seen),
            Losses(0, 20, values[20:]),
            Diverged(1, 3),
            Finished(1, 0.5),
            Finished(0, 1.5, {"accuracy": 0.9}),
        ):
            sink(event)
        store.finish(study, "done", 2.5, "fused")
    with Store(path, create=False) as store:
        found = store.load()
        (listed,) = store.studies()
    assert (found.id, found.kind, found.status, found.seconds, found.notes) == (
        study,
        "compare",
        "done",
        2.5,
        ("something",),
    )
    assert found.facts == KNOWN == listed.facts
    assert found.trainer == "fused"
    assert found.environment == {"torch": "2"}
    first, second = found.runs
    assert [run.run for run in found.runs] == RUNS
    assert (first.status, first.seconds, first.final) == ("done", 1.5, {"accuracy": 0.9})
    assert first.observations == (seen,)
    np.testing.assert_array_equal(first.losses, values.astype(np.float32))
    assert (second.status, second.diverged, len(second.losses)) == ("diverged", 3, 3)


def test_the_latest_study_and_unknown_ones(path):
    with Store(path) as store:
        with pytest.raises(UsageError, match="no study yet"):
            store.load()
        numbers = [store.begin("compare", KNOWN, {}, RUNS) for _ in range(2)]
        assert store.load().id == numbers[1]
        with pytest.raises(UsageError, match=r"no study 9 .*Known: 1, 2"):
            store.load(9)


CHILD = """
import sys, os
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from made import facts
import numpy as np
from surefoot.core.record import *
from surefoot.core.recipe import Recipe
from surefoot.core.run import Run
from surefoot.store import Store
store = Store(Path(sys.argv[1]))
study = store.begin("compare", facts(seeds=(0,)), {}, [Run(0, Recipe("a", "adam"), 0)])
sink = store.sink(study)
for look in range(5):
    sink(Losses(0, 10 * look, np.full(10, look)))
    sink(Observed(0, Observation(10 * look + 10, {"loss": 1.0 * look, "accuracy": 0.5, "train_loss": 0.1})))
    sink(Progress(look, 10, 1, 1, ""))
os.kill(os.getpid(), 9)
"""


def test_what_was_seen_before_a_kill_is_kept(path):
    child = subprocess.run([sys.executable, "-c", CHILD, str(path), os.path.dirname(os.path.dirname(__file__))])
    assert child.returncode == -9
    with Store(path) as store:
        (run,), status = store.load().runs, store.load().status
    assert [seen.step for seen in run.observations] == [10, 20, 30, 40, 50]
    assert run.losses.tolist() == [float(look) for look in range(5) for _ in range(10)]
    assert status == "interrupted"
    assert run.status == "running"


def test_other_files_are_refused_and_left_alone(tmp_path):
    text, foreign, marked = (tmp_path / name for name in ("text.sqlite", "foreign.sqlite", "marked.sqlite"))
    text.write_text("not a database at all, but long enough to look at" * 50)
    sqlite3.connect(foreign).execute("CREATE TABLE mine (x)").connection.commit()
    sqlite3.connect(marked).execute("PRAGMA application_id = 7").connection.commit()
    complaints = ("not a database.*damaged, or no store: keep it as it is", *["not a store of Surefoot"] * 2)
    for path, complaint in zip((text, foreign, marked), complaints, strict=True):
        before = path.read_bytes()
        with pytest.raises(StoreError, match=complaint):
            Store(path)
        assert path.read_bytes() == before


def test_no_place_to_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot open the store"):
        Store(tmp_path / "file" / "surefoot.sqlite")
    with pytest.raises(StoreError, match="nothing has been recorded"):
        Store(tmp_path / "absent.sqlite", create=False)
    assert not (tmp_path / "absent.sqlite").exists()
    (tmp_path / "empty.sqlite").touch()  # as a process leaves it that is killed while it makes the store
    with pytest.raises(StoreError, match="nothing has been recorded"):
        Store(tmp_path / "empty.sqlite", create=False)
    with Store(tmp_path / "empty.sqlite") as store:
        assert store.studies() == []


def test_a_full_disk_is_told(path):
    with Store(path) as store:
        study = store.begin("compare", KNOWN, {}, RUNS)
        store.database.ask("PRAGMA max_page_count = 1")
        sink = store.sink(study)
        with pytest.raises(StoreError, match="full"):
            fill(sink)


def fill(sink):
    for step in range(10_000):
        sink(Observed(0, Observation(step, {"loss": 1.0})))
