"""What a search keeps to go on with: runs that are added, forked, paused, taken back, let go, forgotten."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import torch
from made import facts

from surefoot.core.errors import StoreError
from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Finished, Losses, Observation, Observed, Paused, Progress, Saved
from surefoot.core.run import Run
from surefoot.store import FILE, Store

KNOWN = facts(seeds=(0,), epochs=4)  # 40 steps
RUNS = [Run(index, Recipe(f"r{index}", "sgd", 0.1), 0, f"key {index}") for index in range(5)]


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / FILE) as store:
        yield store


def begun(store, runs=RUNS[:2]):
    study = store.begin("tune", KNOWN, {}, [])
    store.plan(study, {"tiles": []})
    store.add(study, runs)
    return study, store.sink(study)


def keep(store, number):
    """A checkpoint of which the content is a number; its name."""
    return store.checkpoints.write({"weights": torch.full((3,), float(number))}, "{}")


def trained(sink, run, start, stop):
    """What a trainer says of a run in some updates, with a look at the end."""
    sink(Losses(run, start, np.arange(start, stop) + 100.0 * run))
    sink(Observed(run, Observation(stop, {"loss": 1.0 / stop, "accuracy": stop / 100, "train_loss": 0.5})))


def paused(store, sink, run, start, stop, name):
    trained(sink, run, start, stop)
    sink(Paused(run, stop, 1.5, name))
    sink(Progress(0, 1, 1, 1, ""))


def names(store):
    return set(store.checkpoints.names())


def of(store, run, study=None):
    (found,) = [each for each in store.load(study).runs if each.run.index == run]
    return found


def test_runs_are_added_as_a_search_goes_and_keep_their_order(store):
    study, _ = begun(store)
    store.add(study, RUNS[2:])
    assert [run.run for run in store.load().runs] == RUNS
    assert {run.status for run in store.load().runs} == {"planned"}
    assert store.states(study) == {}
    with pytest.raises(StoreError):
        store.add(study, RUNS[1:2])
    assert len(store.load().runs) == 5
    assert store.check().sound


def test_a_pause_says_where_and_from_what_it_goes_on(store):
    study, sink = begun(store)
    first, second = keep(store, 1), keep(store, 2)
    paused(store, sink, 0, 0, 7, first)
    assert store.states(study) == {0: (7, first)}
    run = of(store, 0)
    assert (run.status, run.seconds, len(run.losses)) == ("paused", 1.5, 7)
    assert [seen.step for seen in run.observations] == [7]
    paused(store, sink, 0, 7, 13, second)
    assert store.states(study) == {0: (13, second)}
    assert names(store) == {second}  # what went on from before is gone
    paused(store, sink, 0, 13, 20, None)
    assert store.states(study) == {0: (20, None)}
    assert names(store) == set()
    assert store.check().findings == ()


def test_a_file_of_several_runs_stays_until_none_of_them_names_it(store):
    _, sink = begun(store, RUNS[:3])
    shared, own = keep(store, 1), keep(store, 2)
    for run in range(3):
        paused(store, sink, run, 0, 7, shared)
    paused(store, sink, 0, 7, 9, own)
    paused(store, sink, 1, 7, 9, None)
    assert names(store) == {shared, own}
    paused(store, sink, 2, 7, 9, own)
    assert names(store) == {own}
    paused(store, sink, 2, 9, 11, own)  # the same file again
    assert names(store) == {own}


def test_a_file_that_another_study_names_stays(store):
    shared = keep(store, 1)
    study, sink = begun(store)
    paused(store, sink, 0, 0, 7, shared)
    other, sink = begun(store)
    paused(store, sink, 1, 0, 7, shared)
    store.let_go(study)
    assert names(store) == {shared}
    assert store.states(study) == {0: (7, None)}
    assert store.states(other) == {1: (7, shared)}
    compared = store.begin("compare", KNOWN, {}, RUNS[:1])
    store.plan(compared, {"tiles": [[[0]]]})
    store.sink(compared)(Saved(0, 7, shared))
    store.let_go(other)
    assert names(store) == {shared}  # a tile of a comparison goes on from it
    store.sink(compared)(Saved(0, 9, keep(store, 2)))
    assert names(store) == {keep(store, 2)}


def test_what_a_transaction_that_failed_let_go_of_stays(store):
    study, sink = begun(store)
    first = keep(store, 1)
    paused(store, sink, 0, 0, 7, first)
    trained(sink, 0, 7, 13)
    sink(Paused(0, 13, 2.0, keep(store, 2)))
    with pytest.raises(TypeError):
        sink(Observed(1, Observation(7, {"loss": object()})))  # before anything was committed
    with pytest.raises(StoreError, match="nothing more is recorded"):
        sink(Progress(0, 1, 1, 1, ""))
    assert store.states(study) == {0: (7, first)}
    store.finish(study, "failed", 1.0)
    assert first in names(store)
    assert store.take_back(study) == []
    assert names(store) == {first}
    assert len(of(store, 0).losses) == 7


def test_a_fork_has_the_past_of_its_source(store):
    study, sink = begun(store, RUNS[:3])
    for start, stop in ((0, 7), (7, 13), (13, 20)):
        paused(store, sink, 0, start, stop, keep(store, stop))
    store.fork(study, 0, 1, 13)
    store.fork(study, 0, 2, 10)  # within what was written at once
    source, fork, other = (of(store, run) for run in range(3))
    assert fork.losses.tolist() == source.losses[:13].tolist()
    assert other.losses.tolist() == source.losses[:10].tolist()
    assert [seen.step for seen in fork.observations] == [7, 13]
    assert [seen.step for seen in other.observations] == [7]
    assert fork.status == other.status == "running"
    trained(sink, 1, 13, 16)
    sink(Progress(0, 1, 1, 1, ""))
    assert len(of(store, 1).losses) == 16
    assert of(store, 0).losses.tolist() == source.losses.tolist()
    assert store.check().findings == ()


def test_taken_back_is_what_was_recorded_since_a_run_paused(store):
    study, sink = begun(store, RUNS)
    name = keep(store, 1)
    for run in (0, 1):
        paused(store, sink, run, 0, 7, name)
    trained(sink, 0, 7, 13)  # a run that was on its way,
    store.fork(study, 1, 2, 7)  # one that had just been forked,
    trained(sink, 3, 0, 5)
    sink(Diverged(3, 5))
    sink(Finished(3, 0.5))  # one that was lost, and one that had not begun
    sink(Progress(0, 1, 1, 1, ""))
    loose = keep(store, 99)  # which nothing names, as after a kill
    assert store.check().sound
    assert store.take_back(study) == []
    runs = store.load().runs
    assert [run.status for run in runs] == ["paused", "paused", "planned", "diverged", "planned"]
    assert [len(run.losses) for run in runs] == [7, 7, 0, 5, 0]
    assert [seen.step for seen in runs[0].observations] == [7]
    assert store.load().status == "running"
    assert loose not in names(store)
    assert store.check().findings == ()
    store.fork(study, 1, 2, 7)
    assert len(of(store, 2).losses) == 7


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_a_run_of_which_the_checkpoint_is_no_more_starts_over(store, how):
    study, sink = begun(store, RUNS[:4])
    good, bad = keep(store, 1), keep(store, 2)
    paused(store, sink, 0, 0, 7, good)
    paused(store, sink, 1, 0, 7, bad)
    paused(store, sink, 2, 0, 9, None)  # goes no further: it needs no file
    paused(store, sink, 3, 0, 7, bad)
    trained(sink, 3, 7, 40)
    sink(Finished(3, 2.0))
    sink(Progress(0, 1, 1, 1, ""))
    file = store.checkpoints.folder / bad
    file.unlink() if how == "missing" else file.write_bytes(b"no more")
    checked = store.check()
    assert not checked.sound
    assert f"the checkpoint {bad} of run 1 is {how}" in str(checked.findings)
    (note,) = store.take_back(study)
    assert note.startswith(f"the checkpoint {bad} is {how}")
    assert note.endswith("run 1 starts over")
    assert store.states(study) == {0: (7, good), 2: (9, None)}
    assert [run.status for run in store.load().runs] == ["paused", "planned", "paused", "done"]
    assert [len(run.losses) for run in store.load().runs] == [7, 0, 9, 40]
    assert names(store) == {good}
    assert store.check().findings == ()


def test_runs_are_forgotten_with_all_that_was_recorded_of_them(store):
    study, sink = begun(store, RUNS)
    for run in range(5):
        paused(store, sink, run, 0, 7, keep(store, run))
    other, _ = begun(store)
    store.forget(study, 3)
    assert [run.run.index for run in store.load(study).runs] == [0, 1, 2]
    assert set(store.states(study)) == {0, 1, 2}
    assert len(store.load(other).runs) == 2
    with closing(sqlite3.connect(store.path)) as db:
        for table in ("losses", "observations", "states"):
            assert db.execute(f"SELECT count(*) FROM {table} WHERE run > 2").fetchone() == (0,)
    store.let_go(study)
    assert names(store) == set()  # those of the forgotten ones too
    store.add(study, RUNS[3:])
    assert store.check().findings == ()


def test_in_memory_there_are_states_without_files():
    from pathlib import Path

    with Store(Path(":memory:")) as store:
        study, sink = begun(store)
        paused(store, sink, 0, 0, 7, "a name")
        assert store.states(study) == {0: (7, "a name")}
        assert store.take_back(study) == []
        store.let_go(study)
        assert store.states(study) == {0: (7, None)}


def test_a_kill_between_the_file_and_its_record_leaves_nothing_behind(tmp_path):
    with Store(tmp_path / FILE) as store:
        study, sink = begun(store)
        paused(store, sink, 0, 0, 7, keep(store, 1))
        trained(sink, 0, 7, 13)
        sink(Paused(0, 13, 2.0, keep(store, 2)))  # not committed: a `Progress` would
    with Store(tmp_path / FILE) as store:
        assert store.load().status == "interrupted"
        assert [json.loads(json.dumps(found.bad)) for found in store.check().findings] == [False]  # a file too many
        store.take_back(study)
        assert store.states(study) == {0: (7, keep(store, 1))}
        assert len(names(store)) == 1
        assert store.check().findings == ()
