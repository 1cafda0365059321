"""`kill -9` at any moment: no program is left, and what was seen is not made again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from surefoot.core.errors import StoreError, UsageError
from surefoot.programs.journal import FILE
from surefoot.store.lock import WriterLock

SOURCE = str(Path(__file__).parents[2] / "src")
# The search without the study around it, which loads torch.
SEARCH = """
import sys
from surefoot.programs import Command, Journal, Local, Programs
from surefoot.search import Rates, Space, Terms, drive, race
command, out = sys.argv[1:]
journal = Journal.begin(__import__("pathlib").Path(out), {header!r})
ground = Programs(Command.of(command), "val_loss", Local(2), journal, 16)
drive(race(Space({{"own": Rates(1e-4, 1.0)}}, ["own"]), Terms(16, 6)), ground)
"""


def begin(command, out):
    header = {"surefoot": "programs", "version": 1, "command": command, "metric": "val_loss"}
    code = SEARCH.format(header=header | {"looks": 16, "source": "lines"})
    return subprocess.Popen([sys.executable, "-c", code, command, str(out)], env=os.environ | {"PYTHONPATH": SOURCE})


def children(search):
    return [each for each in psutil.Process(search.pid).children() if "program.py" in " ".join(each.cmdline())]


def wait(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def lines(out):
    return [json.loads(line) for line in (out / "programs-1" / FILE).read_text().splitlines()]


def made(found):
    """What the journal holds, by what it is of."""
    return [(line["lr"], line["seed"], tuple(line["place"])) for line in found[1:]]


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_program_outlives_its_search(bowl, tmp_path, ending):
    """Neither one that runs nor one that is stopped."""
    search = begin(bowl, tmp_path / "out")
    seen = set()

    def some_run_and_some_wait():
        seen.update(children(search))
        states = [each.status() for each in seen if each.is_running()]
        return psutil.STATUS_STOPPED in states and len(states) > 2

    wait(some_run_and_some_wait)
    search.send_signal(ending)
    search.wait()
    wait(lambda: not any(psutil.pid_exists(each.pid) for each in seen), 5)


def test_a_killed_search_goes_on_to_the_same_end(bowl, tmp_path, tune):
    whole = tune(bowl, out=tmp_path / "undisturbed")
    out = tmp_path / "out"
    search = begin(bowl, out)
    wait(lambda: (out / "programs-1" / FILE).exists() and len(lines(out)) > 60)
    search.kill()
    search.wait()
    with (out / "programs-1" / FILE).open("ab") as journal:
        journal.write(b'{"lr": 0.1, "torn')
    before = made(lines_of(out))
    found = tune(bowl, out=out, resume=True)
    after = made(lines(out))
    assert after[: len(before)] == before
    assert len(set(after)) == len(after)
    mine, theirs = found.to_json(), whole.to_json()
    for each in (mine, theirs):
        del each["folder"]
    assert mine == theirs
    again = time.monotonic()
    assert tune(bowl, out=out, resume=True).to_json()["tried"] == mine["tried"]
    assert time.monotonic() - again < 1
    assert made(lines(out)) == after


def lines_of(out):
    """Of a journal with a torn end."""
    text = (out / "programs-1" / FILE).read_text()
    return [json.loads(line) for line in text[: text.rindex("\n")].splitlines()]


def test_more_budget_and_fresh_seeds_use_what_was_seen(bowl, tmp_path, tune):
    first = tune(bowl, out=tmp_path)
    before = made(lines(tmp_path))
    second = tune(bowl, out=tmp_path, resume=True, budget=8, fresh=2)
    after = made(lines(tmp_path))
    assert after[: len(before)] == before
    assert len(set(after)) == len(after)
    assert second.best.fate == "confirmed"
    assert second.spent >= first.spent


def test_resume_needs_the_same_search(bowl, tmp_path, tune):
    with pytest.raises(UsageError, match="nothing to resume"):
        tune(bowl, out=tmp_path, resume=True)
    tune(bowl, out=tmp_path, budget=3)
    with pytest.raises(UsageError, match="nothing to resume"):
        tune(bowl, out=tmp_path, resume=True, looks=15)
    assert tune(bowl, out=tmp_path, budget=3).folder == tmp_path / "programs-2"


def test_one_search_writes_a_journal_at_a_time(bowl, tmp_path, tune):
    tune(bowl, out=tmp_path, budget=3)
    lock = WriterLock(tmp_path / "programs-1" / FILE)
    lock.take()
    with pytest.raises(StoreError, match="is being written by process"):
        tune(bowl, out=tmp_path, budget=3, resume=True)
    lock.release()
    tune(bowl, out=tmp_path, budget=3, resume=True)


def test_a_folder_that_cannot_be_written_is_told(bowl, tmp_path, tune):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write to .*journal.jsonl"):
        tune(bowl, out=tmp_path / "file")


def test_a_damaged_journal_is_told(bowl, tmp_path, tune):
    tune(bowl, out=tmp_path, budget=3)
    journal = tmp_path / "programs-1" / FILE
    text = journal.read_bytes().splitlines(keepends=True)
    for bad, said in ((b"{broken\n", "damaged in line 3"), (b'{"lr": 1}\n', "a line is no look")):
        journal.write_bytes(b"".join([*text[:2], bad, *text[3:]]))
        with pytest.raises(StoreError, match=said):
            tune(bowl, out=tmp_path, budget=3, resume=True)


def test_what_was_printed_and_not_read_before_a_kill_is_not_lost(program, tmp_path, tune):
    """A script that goes on from checkpoints of its own does not report again what it reported."""
    text = """
import json, os, pathlib, sys
saved = pathlib.Path(os.environ["SUREFOOT_FOLDER"]) / "epoch"
for epoch in range(int(saved.read_text()) + 1 if saved.exists() else 1, 5):
    print(json.dumps({"epoch": epoch, "val_loss": abs(float(sys.argv[1]) - 0.03)}), flush=True)
    saved.write_text(str(epoch))
"""
    command = program(text, "{lr}")
    first = tune(command, out=tmp_path, looks=4, budget=3)
    journal = tmp_path / "programs-1" / FILE
    kept = [line for line in journal.read_bytes().splitlines(keepends=True) if b'"place": [3.0]' not in line]
    journal.write_bytes(b"".join(line for line in kept if b'"place": [4.0]' not in line))
    assert tune(command, out=tmp_path, looks=4, budget=3, resume=True).to_json() == first.to_json()
