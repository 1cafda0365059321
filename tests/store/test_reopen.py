"""What a study goes on from: its checkpoints, and nothing recorded beyond them."""

import attrs
import pytest
import scripted
import torch

from surefoot.core.errors import UsageError
from surefoot.core.record import Diverged, Failed, Finished, Losses, Observed, Progress, Saved
from surefoot.store import Store

KEYS = [run.key for run in scripted.RUNS]


class Killed(BaseException):
    """As if the process had been killed: nothing runs after it."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "surefoot.sqlite"


@pytest.fixture(scope="module")
def whole():
    with Store(scripted.MEMORY) as store:
        return scripted.said(store.load(scripted.train(store)))


def stopped(path, when):
    """A study that stops at the first event that `when` is true of."""

    def hook(event):
        if when(event):
            raise Killed

    store = Store(path)
    store.finish = lambda *given: None
    with pytest.raises(Killed):
        scripted.train(store, hook=hook)
    store.close()


def at(tile, step):
    return lambda event: isinstance(event, Saved) and (event.tile, event.step) == (tile, step)


def test_a_plan_becomes_stages(path):
    with Store(path) as store:
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        assert store.database.ask("SELECT count(*) FROM stages") == [(0,)]
        for _ in range(2):  # planning again replaces
            store.plan(study, {"tiles": scripted.TILES, "width": 2})
        rows = store.database.ask("SELECT stage, parent, start, stop, status, checkpoint FROM stages")
        assert rows == [(0, None, 0, 0, "planned", None), (1, None, 0, 0, "planned", None)]
        assert store.database.ask("SELECT stage, run FROM stage_runs") == [(0, 0), (0, 2), (1, 1), (1, 3)]
        left = store.reopen(study)
    assert left.plan == {"tiles": scripted.TILES, "width": 2}
    assert (left.stages, left.finished, left.notes) == ({0: (0, None), 1: (0, None)}, frozenset(), ())


def test_each_tile_goes_on_from_its_own_checkpoint(path, whole):
    stopped(path, at(1, 30))
    with Store(path) as store:
        assert store.load().status == "interrupted"
        left = store.reopen(1)
        assert {tile: step for tile, (step, _) in left.stages.items()} == {0: 30, 1: 15}
        assert store.checkpoints.names() == sorted(name for _, name in left.stages.values())
        found = store.load(1)
        assert found.status == "running"
        assert [run.status for run in found.runs] == ["running", "running", "diverged", "running"]
        assert [len(run.losses) for run in found.runs] == [30, 15, 23, 15]
        assert [[seen.step for seen in run.observations] for run in found.runs] == [[10, 20, 30], [10], [10, 20], [10]]
    with Store(path) as store:
        assert scripted.said(store.load(scripted.train(store))) == whole


def test_a_finished_tile_is_left_alone(path, whole):
    stopped(path, lambda event: isinstance(event, Finished) and event.run == 1)  # just before the second is over too
    with Store(path) as store:
        left = store.reopen(1)
        assert (left.finished, list(left.stages)) == (frozenset({0}), [1])
        assert store.database.ask("SELECT stop, status, checkpoint FROM stages WHERE stage = 0") == [(0, "done", None)]
        assert scripted.said(store.load(1))[3][::2] == whole[3][::2]
        assert [run.seconds for run in store.load(1).runs] == [1.5, 0.0, 0.5, 0.0]
    with Store(path) as store:
        scripted.train(store)
        assert scripted.said(store.load(1)) == whole


def test_a_study_that_only_was_not_closed_has_nothing_left(path, whole):
    stopped(path, lambda event: isinstance(event, Finished) and event.run == 1)
    with Store(path) as store:
        sink = store.sink(1)
        store.reopen(1)
        for event in scripted.tile(store, 1, *store.reopen(1).stages[1]):
            sink(event)
    with Store(path) as store:
        assert store.load(1).status == "interrupted"
        left = store.reopen(1)
        assert (left.stages, left.finished) == ({}, {0, 1})
        store.finish(1, "done", 1.0, "scripted")
        assert scripted.said(store.load(1)) == whole


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_without_its_checkpoint_a_tile_starts_over_and_says_so(path, whole, damage):
    stopped(path, at(1, 30))
    with Store(path) as store:
        ((name,),) = store.database.ask("SELECT checkpoint FROM stages WHERE stage = 0")
        file = store.checkpoints.folder / name
    file.unlink() if damage == "missing" else file.write_bytes(file.read_bytes()[:-1] + b"x")
    with Store(path) as store:
        left = store.reopen(1)
        assert {tile: step for tile, (step, _) in left.stages.items()} == {0: 0, 1: 15}
        (note,) = left.notes
        assert f"{name} is {damage}" in note
        assert "tile 0 of study 1 starts over" in note
        runs = store.load(1).runs
        assert [(run.status, len(run.losses), run.observations) for run in runs[::2]] == [("planned", 0, ())] * 2
        assert not file.exists()
    with Store(path) as store:
        assert scripted.said(store.load(scripted.train(store))) == whole


def test_without_a_plan_everything_starts_over(path, whole):
    stopped(path, at(1, 30))
    with Store(path) as store:
        store.database.write("UPDATE studies SET plan = '{\"tiles'")
        store.database.commit()
    with Store(path) as store:
        left = store.reopen(1)
        assert (left.plan, left.stages, left.finished) == (None, {}, frozenset())
        assert "the plan of study 1 is damaged" in left.notes[0]
        assert [(run.status, len(run.losses), run.observations) for run in store.load(1).runs] == [
            ("planned", 0, ())
        ] * 4
        assert store.checkpoints.names() == []
    with Store(path) as store:
        assert scripted.said(store.load(scripted.train(store))) == whole


def test_a_study_that_is_done_is_not_taken_back_for_want_of_a_plan(path):
    with Store(path) as store:
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        store.sink(study)(Finished(0, 1.0))
        store.finish(study, "done", 1.0)
        with pytest.raises(UsageError, match="study 1 is done"):
            store.reopen(study)
        assert store.load().runs[0].status == "done"
        with pytest.raises(UsageError, match="no study 7"):
            store.reopen(7)


def test_what_a_dead_process_recorded_beyond_its_checkpoint_is_recorded_again(path, whole):
    """The trainer starts a process again, in the same sitting."""
    with Store(path) as store:
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        store.plan(study, {"tiles": scripted.TILES})
        sink, saved = store.sink(study), {0: (0, None), 1: (0, None)}
        for number, dies in ((0, (25, 12, 99)), (1, (7, 20, 999))):
            for last in dies:
                for k, event in enumerate(scripted.tile(store, number, *saved[number])):
                    if k == last:
                        break
                    if isinstance(event, Saved):
                        saved[number] = (event.step, event.checkpoint)
                    sink(event)
        assert [run.status for run in store.load().runs] == ["done", "done", "diverged", "diverged"]
        assert scripted.said(store.load())[3] == whole[3]
        assert store.check().sound


def test_checkpoints_may_lie_elsewhere_than_before_and_losses_are_cut(path):
    """A process that starts again need not say its words as it did: nothing is left of the first attempt."""
    with Store(path) as store:
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        store.plan(study, {"tiles": scripted.TILES})
        sink = store.sink(study)
        sink(Losses(0, 0, scripted.losses(0, 0, 17)))
        sink(Observed(0, scripted.observation(0, 17)))
        sink(Saved(0, 17, store.checkpoints.write({"a": torch.zeros(1)}, "")))
        sink(Losses(0, 12, scripted.losses(0, 12, 14)))
        sink(Saved(0, 14, store.checkpoints.write({"a": torch.ones(1)}, "")))
        run = store.load().runs[0]
        assert run.losses.tolist() == list(range(14))
        assert run.observations == ()
        assert len(store.checkpoints.names()) == 1


def test_a_run_that_was_given_up_is_told_and_tried_again(path, whole):
    with Store(path) as store:
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        store.plan(study, {"tiles": scripted.TILES})
        sink = store.sink(study)
        for event in scripted.tile(store, 0):
            if isinstance(event, Diverged):
                break
            sink(event)
        for run in scripted.TILES[0]:
            sink(Failed(run, "killed by signal 9"))
        for event in scripted.tile(store, 1):
            sink(event)
        store.finish(study, "done", 3.0)
        found = store.load()
        assert [run.status for run in found.runs] == ["failed", "done", "failed", "diverged"]
        assert found.notes == tuple(f"{name}, seed 0: given up: killed by signal 9" for name in ("calm", "wild"))
        assert store.check().sound
        rows = store.database.ask("SELECT stop, status, checkpoint IS NULL FROM stages")
        assert rows == [(15, "done", 0), (0, "done", 1)]
    with Store(path) as store:
        left = store.reopen(study)
        assert ({tile: step for tile, (step, _) in left.stages.items()}, left.finished) == ({0: 15}, {1})
        assert [run.status for run in store.load().runs] == ["running", "done", "running", "diverged"]
        sink = store.sink(study)
        for event in scripted.tile(store, 0, *left.stages[0]):
            sink(event)
        store.finish(study, "done", 2.0)
        assert scripted.said(store.load())[3] == whole[3]
        assert store.load().seconds == 5.0
        assert store.checkpoints.names() == []


def test_a_run_that_diverged_has_all_its_losses_whenever_the_process_dies(path):
    with Store(path) as store:
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        store.plan(study, {"tiles": [[2]]})
        sink = store.sink(study)
        sink(Losses(2, 0, scripted.losses(2, 0, 15)))
        sink(Saved(0, 15, store.checkpoints.write({"a": torch.zeros(1)}, "")))
        for event in (Losses(2, 15, scripted.losses(2, 15, 23)), Diverged(2, 23), Progress(1, 2, 0, 1, "")):
            sink(event)  # and nothing more: the process is killed
    with Store(path) as store:
        assert store.reopen(study).finished == {0}
        assert store.database.ask("SELECT stop, status, checkpoint FROM stages") == [(0, "done", None)]
        assert store.checkpoints.names() == []
        assert store.load().runs[2].losses.tolist() == scripted.losses(2, 0, 23).tolist()
        assert store.check().sound


def test_time_and_notes_add_up(path):
    stopped(path, at(0, 30))
    with Store(path) as store:
        store.finish(1, "interrupted", 4.0)
        scripted.train(store)
        found = store.load()
    assert (found.seconds, found.notes, found.trainer) == (6.0, ("told once",), "scripted")


def test_a_checkpoint_that_two_stages_name_stays_until_both_let_go(path):
    with Store(path) as store:
        studies = [store.begin("compare", scripted.KNOWN, {}, scripted.RUNS) for _ in range(2)]
        for study in studies:
            store.plan(study, {"tiles": scripted.TILES})
        name = store.checkpoints.write({"a": torch.zeros(1)}, "the same")
        first, second = (store.sink(study) for study in studies)
        for _ in range(2):  # and the same again for the same tile
            first(Saved(0, 10, name))
            second(Saved(0, 10, name))
        first(Saved(0, 20, store.checkpoints.write({"a": torch.ones(1)}, "another")))
        assert store.checkpoints.fault(name) is None
        assert store.reopen(studies[1]).stages[0] == (10, name)
        assert len(store.checkpoints.names()) == 2  # sweeping spares what the other study names
        store.sink(studies[1])(Saved(0, 20, store.checkpoints.write({"a": torch.ones(2)}, "third")))
        assert store.checkpoints.fault(name) == "is missing"


def test_a_tiles_checkpoint_goes_with_the_commit_after_its_last_run(path):
    with Store(path) as store:
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        store.plan(study, {"tiles": scripted.TILES})
        sink = store.sink(study)
        sink(Saved(0, 10, store.checkpoints.write({"a": torch.zeros(1)}, "")))
        sink(Finished(0, 1.0))
        sink(Progress(1, 2, 1, 2, ""))
        assert len(store.checkpoints.names()) == 1
        sink(Finished(2, 1.0))
        assert len(store.checkpoints.names()) == 1
        sink(Progress(2, 2, 0, 2, ""))
        assert store.checkpoints.names() == []


def test_studies_are_found_by_what_their_runs_are(path):
    with Store(path) as store:
        assert store.find(KEYS) == []
        numbers = [store.begin("compare", scripted.KNOWN, {}, scripted.RUNS) for _ in range(2)]
        store.begin("compare", scripted.KNOWN, {}, scripted.RUNS[:3])
        turned = [attrs.evolve(run, index=3 - run.index) for run in scripted.RUNS]
        store.begin("compare", scripted.KNOWN, {}, turned)
        assert [study.id for study in store.find(KEYS)] == numbers[::-1]
        assert store.find(KEYS)[0].runs == ()
        assert [len(store.find(keys)) for keys in (KEYS[:3], KEYS[:2], [*KEYS, "more"], [])] == [1, 0, 0, 0]


def test_in_memory_there_is_nothing_to_go_on_from(whole):
    with Store(scripted.MEMORY) as store:
        assert store.checkpoints is None
        study = scripted.train(store)
        assert scripted.said(store.load(study)) == whole
        assert store.writing()
        assert store.reopen(study).finished == {0, 1}
        assert store.check().sound
