"""One writer, told by name; any number of readers; and a killed writer leaves nothing locked."""

import contextlib
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import scripted

from surefoot.core.errors import StoreError
from surefoot.core.record import Observed, Progress
from surefoot.store import Store

TESTS = str(Path(scripted.__file__).parent)
WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
import scripted
from pathlib import Path
from surefoot.core.record import Observed, Progress
from surefoot.store import Store
store = Store(Path(sys.argv[2]))
sink = store.sink(store.begin("compare", scripted.KNOWN, {}, scripted.RUNS))
sink(Observed(0, scripted.observation(0, 10)))
sink(Progress(1, 2, 1, 1, ""))
sink(Observed(0, scripted.observation(0, 20)))
print("ready", flush=True)
sys.stdin.read()
store.close()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "surefoot.sqlite"


@pytest.fixture
def writer(path):
    command = [sys.executable, "-c", WRITER, TESTS, str(path), "it's me"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def begin(store):
    return store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)


def test_a_second_process_is_told_who_writes_and_may_read(path, writer):
    with Store(path) as store:
        for write in (begin, lambda store: store.reopen(1), lambda store: store.sink(1)):
            with pytest.raises(StoreError, match=r"is being written by process \d+ on .* since \d{4}-") as told:
                write(store)
        assert f"process {writer.pid} on " in str(told.value)
        assert "it'\"'\"'s me" in str(told.value)
        assert "Wait until that is done, or use another folder (--out)" in str(told.value)
        assert store.writing()
        assert [study.status for study in store.studies()] == [store.load().status] == ["running"]
        assert [seen.step for seen in store.load().runs[0].observations] == [10]
        assert store.find([run.key for run in scripted.RUNS])[0].status == "running"
        assert store.check().sound


def test_a_killed_writer_frees_the_lock_and_leaves_a_store_that_reads(path, writer):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    with Store(path, create=False) as store:
        assert not store.writing()
        assert [study.status for study in store.studies()] == [store.load().status] == ["interrupted"]
        assert store.check().findings == ()
    with Store(path) as store:
        assert begin(store) == 2
        assert [study.status for study in store.studies()] == ["interrupted", "running"]
        kept = json.loads(path.with_name("surefoot.sqlite.writer").read_text())
        assert kept["pid"] == os.getpid()
    assert not path.with_name("surefoot.sqlite.writer").exists()


def test_a_writer_that_closes_makes_room(path, writer):
    with Store(path) as store:
        with pytest.raises(StoreError, match="is being written"):
            begin(store)
        writer.stdin.close()
        writer.wait()
        assert begin(store) == 2
    with Store(path) as store:
        assert begin(store) == 3


def test_in_one_process_there_is_one_writer_too(path):
    with Store(path) as store, Store(path) as other:
        begin(store)
        with pytest.raises(StoreError, match=f"process {os.getpid()} on"):
            begin(other)
        assert other.writing()
        store.close()
        begin(other)
    with pytest.raises(StoreError, match="is closed"):
        store.load()


@pytest.mark.parametrize("side", [None, "", "[]", "{}", '{"pid": '])
def test_who_writes_may_be_unknown(path, side):
    with Store(path) as store, Store(path) as other:
        begin(store)
        note = path.with_name("surefoot.sqlite.writer")
        note.unlink() if side is None else note.write_text(side)
        with pytest.raises(StoreError, match="is being written by another process"):
            begin(other)


def test_reading_takes_no_lock_and_leaves_no_file(path):
    with Store(path) as store:
        begin(store)
    before = sorted(each.name for each in path.parent.iterdir())
    with Store(path, create=False) as store, Store(path) as other:
        other.studies(), other.load(), other.check(), other.find(["x"])
        begin(store)
    assert sorted(each.name for each in path.parent.iterdir()) == before


def test_readers_see_a_burst_when_it_is_over(path):
    with Store(path) as store, Store(path) as reader:
        sink = store.sink(begin(store))
        sink(Observed(0, scripted.observation(0, 10)))
        assert reader.load().runs[0].observations == ()
        sink(Progress(1, 2, 1, 1, ""))
        assert len(reader.load().runs[0].observations) == 1


def test_a_reader_that_asks_who_writes_is_in_nobodys_way(path):
    with Store(path) as store:
        begin(store)
    with path.with_name("surefoot.sqlite.lock").open() as lock, Store(path) as store:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # as long as its question takes
        assert not store.writing()
        assert store.load().status == "interrupted"
        threading.Timer(0.2, lambda: fcntl.flock(lock, fcntl.LOCK_UN)).start()
        assert begin(store) == 2


@pytest.mark.parametrize("other", ["BEGIN", "BEGIN IMMEDIATE"], ids=["reads", "makes the store too"])
def test_the_first_writer_waits_for_whoever_opens_the_store(path, other):
    """SQLite itself does not always, when the journal changes."""
    with (
        Store(path) as store,
        contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as reader,
    ):
        reader.execute(other)
        reader.execute("SELECT * FROM studies").fetchall()
        threading.Timer(0.2, reader.rollback).start()
        assert begin(store) == 1
        assert store.database.ask("PRAGMA journal_mode") == [("wal",)]


RACER = """
import sys
sys.path.insert(0, sys.argv[1])
import scripted
from pathlib import Path
from surefoot.core.errors import StoreError
from surefoot.store import Store
import filelock, psutil
print("ready", flush=True)
for line in sys.stdin:
    try:
        with Store(Path(line.strip())) as store:
            store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
            store.studies()
        print("wrote", flush=True)
    except StoreError as wrong:
        print("refused" if "is being written by" in str(wrong) else wrong, flush=True)
"""


def test_processes_that_make_a_store_at_once_do_not_trip_over_each_other(tmp_path):
    command, pipe = [sys.executable, "-c", RACER, TESTS], subprocess.PIPE
    with contextlib.ExitStack() as stack:
        racers = [stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)) for _ in range(3)]
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 3
        for number in range(15):
            path = tmp_path / str(number) / "surefoot.sqlite"
            for racer in racers:
                racer.stdin.write(f"{path}\n")
                racer.stdin.flush()
            said = [racer.stdout.readline().strip() for racer in racers]
            assert set(said) <= {"wrote", "refused"}, said
            with Store(path) as store:
                assert len(store.studies()) == said.count("wrote") > 0
                assert store.check().findings == ()
