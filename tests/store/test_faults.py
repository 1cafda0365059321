"""Whatever write fails, and at whatever write a process is killed: what is gone on with ends as if nothing had been."""

import contextlib
import errno
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
import scripted
from safetensors import SafetensorError

from surefoot.core.errors import StoreError
from surefoot.core.record import Losses, Observation, Observed, Progress
from surefoot.store import Store, database

TESTS = str(Path(scripted.__file__).parent)
SQL = {
    "full": lambda: sqlite3.OperationalError("database or disk is full"),
    "locked": lambda: sqlite3.OperationalError("database is locked"),
    "broken": lambda: sqlite3.OperationalError("disk I/O error"),
    "malformed": lambda: sqlite3.DatabaseError("database disk image is malformed"),
}
FILE = {
    "full": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "locked": lambda: SafetensorError("Error while serializing: I/O error: Resource busy (os error 16)"),
    "broken": lambda: OSError(errno.EIO, "Input/output error"),
    "malformed": None,  # half of the file is there, and nobody says so
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.01)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an undisturbed study says."""
    with Store(tmp_path_factory.mktemp("whole") / "surefoot.sqlite") as store:
        said = scripted.said(store.load(scripted.train(store)))
        assert store.check().sound
        assert store.checkpoints.names() == []
    return said


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The folder of a study that was killed on its way: checkpoints of both tiles, and more recorded since."""
    folder = tmp_path_factory.mktemp("begun")
    kill(folder, 85)
    with sqlite3.connect(folder / "85" / "surefoot.sqlite") as db:
        assert db.execute("SELECT stop FROM stages").fetchall() == [(15,), (15,)]
        assert db.execute("SELECT max(step) FROM observations").fetchone() == (20,)
    db.close()
    return folder / "85"


class Failing:
    """Fails the write of a number; or that and all that follow."""

    def __init__(self, number, kind, when, lasting):
        self.number, self.kind, self.when, self.lasting = number, kind, when, lasting
        self.count = 0

    def __repr__(self):
        return f"{self.kind} {self.when} write {self.number}"

    def __call__(self, what, when):
        self.count += when != "after"
        if self.count < self.number or (self.count > self.number and not self.lasting):
            return None
        of_file = what.split()[0] in ("save_file", "fsync", "replace")
        if when == "half" and self.kind == "malformed":
            return "stay"
        if when == self.when and (wrong := (FILE if of_file else SQL)[self.kind]):
            raise wrong()
        return None


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("sitting", ["first", "second"])
def test_any_write_may_fail(tmp_path, whole, begun, sitting, lasting):
    path = tmp_path / "study" / "surefoot.sqlite"
    for number in itertools.count(1, 3 if lasting else 1):
        for when in ("before", "after"):
            failing = Failing(number, list(SQL)[(number + 2 * (when == "after")) % 4], when, lasting)
            if sitting == "second":
                shutil.copytree(begun, path.parent)
            with scripted.interposed(failing), contextlib.suppress(StoreError), Store(path) as store:
                scripted.train(store)
            goes_on(path, whole, failing)
            shutil.rmtree(path.parent)
        if failing.count < number:
            break
    assert number > 80


def goes_on(path, whole, why):
    """Train what is left: all is as if nothing had been, in the records and beside them."""
    with scripted.interposed(lambda what, when: None), Store(path) as store:
        assert scripted.said(store.load(scripted.train(store))) == whole, why
        assert store.check().findings == ()
        assert store.checkpoints.names() == []
    assert {each.name for each in path.parent.iterdir()} <= {
        path.name, f"{path.name}.lock", f"{path.name}.checkpoints"
    }  # fmt: skip


KILL = """
import os, shutil, sys
from pathlib import Path
tests, folder, number, template = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
sys.path.insert(0, tests)
import scripted
from surefoot.store import Store

def at(what, when):
    global left
    left -= when != "after"
    if left == 0:
        os.kill(os.getpid(), 9)

with Store(folder / "warm" / "surefoot.sqlite") as store:  # so that no child loads what all of them need
    scripted.train(store)
shutil.rmtree(folder / "warm")
for each in [number] if number else range(1, 10_000):
    left, path = each, folder / str(each) / "surefoot.sqlite"
    if template:
        shutil.copytree(template, path.parent)
    child = os.fork()
    if child == 0:
        with scripted.interposed(at), Store(path) as store:
            scripted.train(store)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        break
    assert status == 9, status
"""


def kill(folder, number=0, template=""):
    """Kill a process that trains at its write of a number, or processes at each in turn."""
    command = [sys.executable, "-W", "ignore", "-c", KILL, TESTS, str(folder), str(number), str(template)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


@pytest.mark.parametrize("sitting", ["first", "second"])
def test_a_process_may_be_killed_at_any_write(tmp_path, whole, begun, sitting):
    kill(tmp_path, template=begun if sitting == "second" else "")
    folders = sorted(tmp_path.iterdir())
    assert len(folders) > 80
    for folder in folders:
        path = folder / "surefoot.sqlite"
        with Store(path) as store:
            assert {study.status for study in store.studies()} <= {"interrupted", "failed", "done"}
        goes_on(path, whole, folder)


def test_a_disk_that_is_really_full(tmp_path, whole):
    """SQLite itself says so: the file may have so many pages and no more."""

    class Small(sqlite3.Connection):
        pages = 0

        def __init__(self, *given, **options):
            super().__init__(*given, **options)
            super().execute("PRAGMA page_size = 512").fetchall()
            super().execute(f"PRAGMA max_page_count = {self.pages}").fetchall()

    told = set()
    for Small.pages in range(10, 100, 3):
        path = tmp_path / str(Small.pages) / "surefoot.sqlite"
        with mock.patch("sqlite3.connect", partial(sqlite3.connect, factory=Small)):
            try:
                with Store(path) as store:
                    scripted.train(store)
                break
            except StoreError as wrong:
                told.add(str(wrong).replace(str(path), "it"))
        goes_on(path, whole, Small.pages)
    todo = (
        "database or disk is full. Free some space, then run the same command with --resume: "
        "what was recorded before is kept"
    )
    assert told == {f"cannot {doing} the store it: {todo}" for doing in ("open", "write to")}


LIMITED = """
import os, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import scripted
from surefoot.core.errors import StoreError
from surefoot.store import Store
with Store(Path(sys.argv[2]) / "warm" / "surefoot.sqlite") as store:  # so that no child loads what all of them need
    scripted.train(store)
for limit in range(100, 200_000, 9_000):
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            with Store(Path(sys.argv[2]) / str(limit) / "surefoot.sqlite") as store:
                scripted.train(store)
        except StoreError as wrong:
            os._exit(3)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        break
    assert status == 3, status
"""


def test_files_that_may_not_grow(tmp_path, whole):
    """The system itself cuts writes short."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", LIMITED, TESTS, str(tmp_path)], check=True)
    folders = list(tmp_path.iterdir())
    assert len(folders) > 5
    for folder in folders:
        goes_on(folder / "surefoot.sqlite", whole, folder)


def test_a_file_that_another_program_holds(tmp_path):
    path = tmp_path / "surefoot.sqlite"
    with Store(path) as store, contextlib.closing(sqlite3.connect(path)) as other:
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        sink = store.sink(study)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"database is locked\. Another program holds it: wait until that is done"):
            sink(Observed(0, Observation(10, {"loss": 1.0})))
        other.rollback()
        with pytest.raises(StoreError, match=r"nothing more is recorded\. Run the same command with --resume"):
            sink(Observed(0, Observation(20, {"loss": 1.0})))
        store.finish(study, "failed", 1.0)
        assert store.load().runs[0].observations == ()


def test_after_an_error_nothing_is_recorded_with_a_gap(tmp_path):
    with Store(tmp_path / "surefoot.sqlite") as store:
        sink = store.sink(store.begin("compare", scripted.KNOWN, {}, scripted.RUNS))
        sink(Losses(0, 0, scripted.losses(0, 0, 10)))
        sink(Observed(0, Observation(10, {"loss": 1.0})))
        sink(Progress(1, 2, 3, 4, ""))
        sink(Losses(0, 10, scripted.losses(0, 10, 20)))
        with pytest.raises(TypeError):
            sink(Observed(0, Observation(20, {"loss": object()})))
        with pytest.raises(StoreError, match="nothing more is recorded"):
            sink(Progress(2, 2, 3, 4, ""))
        assert len(store.load().runs[0].losses) == 10


def test_what_is_on_the_disk_is_there_before_what_it_replaces_goes(tmp_path):
    """Should the machine stop: a checkpoint's bytes, its name, the record that names it, then the end of the last."""
    said, unlink = [], Path.unlink

    def at(what, when):
        if when == "before" and ("COMMIT" in what or not what.startswith("execute")):
            said.append(what.split()[-1 if "COMMIT" in what else 0])

    def unlinked(path, **options):
        said.append("removed" if path.suffix == ".safetensors" else "")
        unlink(path, **options)

    with scripted.interposed(at), mock.patch.object(Path, "unlink", unlinked), Store(tmp_path / "a.sqlite") as store:
        scripted.train(store)
    order = " ".join(filter(None, said))
    assert order.count("save_file fsync replace fsync COMMIT") == 4
    assert order.count("save_file fsync replace fsync COMMIT removed") == 2  # the second of each tile
    assert order.count("COMMIT removed") == order.count("removed") == 4
    with Store(tmp_path / "b.sqlite") as store:
        store.begin("compare", scripted.KNOWN, {}, [])
        assert store.database.ask("PRAGMA synchronous") == [(3,)]  # EXTRA
        assert store.database.ask("PRAGMA journal_mode") == [("wal",)]
