"""Programs are raced: the best rate is found, losers end, those that wait are stopped, failures are told."""

import json
import shlex
import subprocess
import sys
import time

import psutil
import pytest

from surefoot.core.errors import SurefootError, UsageError
from surefoot.programs import Command, Journal, Local, Programs
from surefoot.search import Arm, Ask, Decision, Move
from surefoot.studies.program_space import space_of


@pytest.fixture
def ground(tmp_path):
    made = []

    def make(command, looks=1000, workers=2, **options):
        journal = Journal.begin(tmp_path / "out", {})
        made.append((Programs(Command.of(command), "val_loss", Local(workers), journal, looks, **options), journal))
        return made[-1][0]

    yield make
    for each, journal in made:
        each.kill()
        journal.close()


def pids(ground):
    """The process of each rate, as it said itself."""
    files = {arm.lr: program.folder / "output.txt" for (arm, _), program in ground.programs.items()}
    return {lr: json.loads(file.read_text().splitlines()[-1])["pid"] for lr, file in files.items()}


def moves(rates, stop):
    return tuple(Move(Arm(lr), stop) for lr in rates)


def is_gone(pid, seconds=5.0):
    end = time.monotonic() + seconds
    while psutil.pid_exists(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not psutil.pid_exists(pid)


def is_waiting(pid, seconds=0.0):
    end = time.monotonic() + seconds
    while psutil.pid_exists(pid):
        if psutil.Process(pid).status() == psutil.STATUS_STOPPED:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return False


def test_the_best_rate_is_found_and_confirmed(bowl, tune, tmp_path):
    found = tune(bowl, fresh=2)
    assert 0.015 < found.best.arm.lr < 0.06
    assert found.best.fate == "confirmed"
    assert len(found.best.fresh) == 2
    assert found.spent <= 6
    assert found.confirming == pytest.approx(6, abs=0.01)
    assert any(each.fate == "diverged" and each.arm.lr > 0.5 for each in found.tried)
    assert {each.kind for each in found.decisions} >= {"begun", "added", "dropped", "diverged", "confirmed"}
    assert found.best.name in found.sentence()
    table = found.table()
    assert found.command in table
    assert "★" in table
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["best"] == found.best.name
    done = subprocess.run(shlex.split(found.command), capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 16


def test_without_a_place_for_the_seed_nothing_is_confirmed(program, tune, capsys):
    found = tune(program("print('{\"val_loss\": 1}')", "{lr}"), looks=1, budget=9, fresh=None, progress=True)
    assert found.fresh == ()
    assert found.verdict is None
    assert "nothing says how much of that is luck" in found.sentence()
    said = capsys.readouterr().err
    assert "The command has no {seed}" in said
    assert "Less val_loss is taken to be better" in said
    assert tune(program("print('{\"val_loss\": 1}')"), looks=1, budget=9, fresh=None).fresh == (1, 2, 3)


def test_more_can_be_better_and_schedules_are_searched(program, tune):
    text = """
import json, sys
lr, schedule = float(sys.argv[1]), sys.argv[2]
for epoch in range(1, 17):
    print(json.dumps({"accuracy": 0.5 - abs(lr - 0.03) - 1 / (epoch + 3) + 0.2 * (schedule == "cosine(end=0.1)")}))
"""
    command = program(text, "{lr} {schedule}")
    found = tune(command, "accuracy", budget=8, space=space_of(command, schedules=["constant()", "cosine(end=0.1)"]))
    assert found.goal == "max"
    assert found.best.arm["schedule"] == "cosine(end=0.1)"
    assert "'cosine(end=0.1)'" in found.command
    dropped = [(each.looks, each.value) for each in found.tried if each.fate == "dropped"]
    assert dropped == sorted(dropped, reverse=True)
    assert found.best.value > 0.5


def test_a_program_that_waits_is_stopped_and_goes_on(program, ground, endless):
    ground = ground(program(endless, "{lr}"))
    answer = ground.train(Ask(moves([0.1, 0.2, 0.3], 3)))
    assert answer.spent == pytest.approx(9 / 1000)
    assert [len(seen.looks) for (seen,) in answer.seen.values()] == [3, 3, 3]
    before = pids(ground)
    assert all(is_waiting(pid, seconds=2) for pid in before.values())
    outputs = [each.folder / "output.txt" for each in ground.programs.values()]
    sizes = [output.stat().st_size for output in outputs]
    time.sleep(0.1)
    assert [output.stat().st_size for output in outputs] == sizes
    ground.train(Ask(moves([0.1, 0.2, 0.3], 20)))
    assert pids(ground) == before


def test_a_loser_is_gone_and_no_more_run_at_once_than_workers(program, ground, endless):
    ground = ground(program(endless, "{lr}"), workers=1)
    ground.train(Ask(moves([0.1, 0.2], 2)))
    before = pids(ground)
    dropped = Decision("dropped", Arm(0.2), 2)
    ground.train(Ask(moves([0.1], 30), (dropped,)))
    assert is_gone(before[0.2])
    assert psutil.pid_exists(before[0.1])
    ground.close()
    assert is_gone(before[0.1], 0.5)


def test_a_program_that_does_not_listen_is_killed_with_those_it_began(program, ground, endless):
    deaf = "import signal, subprocess, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    deaf += "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
    deaf += endless.replace('"pid": os.getpid()', '"pid": os.getpid(), "child": child.pid')
    ground = ground(program(deaf, "{lr}"), grace=0.2)
    ground.train(Ask(moves([0.1], 2)))
    (folder,) = (each.folder for each in ground.programs.values())
    said = json.loads((folder / "output.txt").read_text().splitlines()[0])
    began = time.monotonic()
    ground.close()
    assert 0.15 < time.monotonic() - began < 5
    assert is_gone(said["pid"], 0.5)
    assert is_gone(said["child"])


def test_of_too_many_that_wait_the_worst_are_ended_and_begin_again(program, ground, endless):
    ground = ground(program(endless, "{lr}"), paused=1)
    ground.train(Ask(moves([0.3, 0.1, 0.2], 2)))
    before = pids(ground)
    assert [lr for lr, pid in before.items() if is_waiting(pid, 0.2)] == [0.1]
    answer = ground.train(Ask(moves([0.3, 0.1, 0.2], 5)))
    after = pids(ground)
    assert after[0.1] == before[0.1]
    assert after[0.3] != before[0.3]
    assert [len(seen.looks) for (seen,) in answer.seen.values()] == [5, 5, 5]
    assert answer.spent == pytest.approx(15 / 1000)


def test_a_program_goes_on_from_checkpoints_of_its_own(program, ground):
    text = """
import json, os, pathlib, sys, time
saved = pathlib.Path(os.environ["SUREFOOT_FOLDER"]) / "epoch"
assert str(saved.parent) == sys.argv[2]
epoch = int(saved.read_text()) if saved.exists() else 0
while True:
    epoch += 1
    saved.write_text(str(epoch))
    print(json.dumps({"epoch": epoch, "val_loss": float(sys.argv[1])}))
    time.sleep(0.03)
"""
    ground = ground(program(text, "{lr} {folder}"), paused=0)
    ground.train(Ask(moves([0.1], 3)))
    (made,) = ground.programs.values()
    ground.train(Ask(moves([0.1], 6)))
    places = [look.place[0] for look in made.looks]
    assert len(places) >= 6
    assert places == sorted(set(places))
    epochs = [json.loads(line)["epoch"] for line in (made.folder / "output.txt").read_text().splitlines()]
    assert epochs.count(1) == 1


def test_a_program_that_ends_once_is_started_again_and_twice_is_given_up(program, tune, tmp_path):
    text = """
import json, os, pathlib, sys
lr, marks = float(sys.argv[1]), pathlib.Path(sys.argv[2]) / "begun"
marks.write_text(marks.read_text() + "x" if marks.exists() else "x")
for epoch in range(1, 17):
    if epoch == 2 and (0.03 < lr < 0.1 or (lr < 0.03 and len(marks.read_text()) == 1)):
        sys.exit(f"out of luck at {lr}")
    print(json.dumps({"epoch": epoch, "val_loss": abs(lr - 0.03) + 1 / epoch}))
"""
    found = tune(program(text, "{lr} {folder}"))
    lost = [each for each in found.tried if each.fate == "failed"]
    assert {0.03 < each.arm.lr < 0.1 for each in lost} == {True}
    assert all("exit status 1\nout of luck" in each.failure for each in lost)
    assert all(each.looks == 2 for each in lost)
    assert found.best.arm.lr < 0.03
    assert found.best.looks == 16


def test_where_all_fail_the_last_lines_are_told(program, tune):
    with pytest.raises(SurefootError, match=r"every program failed.*exit status 1(?s:.*)ZeroDivisionError") as raised:
        tune(program("print(1 / 0)", "{lr}"))
    assert not isinstance(raised.value, UsageError)
    with pytest.raises(SurefootError, match="signal 9"):
        tune(program("import os; os.kill(os.getpid(), 9)", "{lr}"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "reported val_loss never, and 16 looks.*no JSON lines.*Print a line such as"),
        ("print('{\"loss\": 1}')", "never.*JSON lines with: loss"),
        ("print('{\"val_loss\": 1}')", "once.*Give --looks 1"),
        ("for k in range(5): print('{\"val_loss\": 1}')", "5 times.*Give --looks 5"),
    ],
)
def test_a_program_that_reports_too_little_is_told_how_much_it_did(program, tune, text, said):
    with pytest.raises(UsageError, match=said):
        tune(program(text, "{lr}"))


def test_everything_diverged_is_an_answer(program, tune):
    found = tune(program("print('{\"val_loss\": NaN}')", "{lr}"))
    assert found.best is None
    assert found.command == ""
    assert {each.fate for each in found.tried} == {"diverged"}
    assert "Every run diverged" in found.table()
    json.dumps(found.to_json(), allow_nan=False)


def test_a_whole_run_may_write_down_what_it_learned(program, tune, tmp_path):
    text = """
import json, pathlib, sys, time
for epoch in range(4):
    print(json.dumps({"epoch": epoch, "val_loss": abs(float(sys.argv[1]) - 0.03)}))
time.sleep(0.2)
(pathlib.Path(sys.argv[2]) / "model.pt").write_text("weights")
"""
    found = tune(program(text, "{lr} {folder}"), looks=4, budget=5)
    models = list(found.folder.glob("runs/*/model.pt"))
    assert models
    whole = [each for each in found.tried if each.fate == "whole"]
    assert any(f"lr-{each.arm.lr:g}-" in str(model) for each in whole for model in models)


def test_tensorboard_is_read(program, ground):
    text = f"""
import sys, time
sys.path[:] = {sys.path!r}
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
board = EventFileWriter(sys.argv[2])
for epoch in range(1000):
    value = Summary.Value(tag="val_loss", simple_value=1 / (epoch + 1))
    board.add_event(Event(step=epoch, wall_time=1.0, summary=Summary(value=[value])))
    board.flush()
    time.sleep(0.01)
"""
    ground = ground(program(text, "{lr} {folder}/board"), source="tensorboard")
    (seen,) = ground.train(Ask(moves([0.1], 4))).seen.values()
    assert [place for place, _ in seen[0].looks] == [1, 2, 3, 4]
    assert [value for _, value in seen[0].looks] == pytest.approx([-1, -1 / 2, -1 / 3, -1 / 4])
    (running,) = ground.programs.values()
    assert running.paused
    assert len(running.looks) < 1000
