"""Stores of other versions, and stores that may only be read."""

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import attrs
import numpy as np
import pytest
import scripted

from surefoot.core.errors import StoreError
from surefoot.core.record import Observed, Progress
from surefoot.store import Store
from surefoot.store.database import APPLICATION

FIRST = """
CREATE TABLE studies (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  created TEXT NOT NULL,
  status TEXT NOT NULL,
  seconds REAL NOT NULL DEFAULT 0,
  trainer TEXT NOT NULL DEFAULT '',
  facts TEXT NOT NULL,
  environment TEXT NOT NULL
);
CREATE TABLE runs (
  study INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  run INTEGER NOT NULL,
  recipe TEXT NOT NULL,
  seed INTEGER NOT NULL,
  key TEXT NOT NULL,
  status TEXT NOT NULL,
  diverged INTEGER,
  seconds REAL NOT NULL DEFAULT 0,
  final TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY (study, run)
);
CREATE TABLE stages (
  study INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  parent INTEGER,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  status TEXT NOT NULL,
  checkpoint TEXT,
  PRIMARY KEY (study, stage),
  FOREIGN KEY (study) REFERENCES studies (id) ON DELETE CASCADE
);
CREATE TABLE stage_runs (
  study INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  run INTEGER NOT NULL,
  PRIMARY KEY (study, stage, run),
  FOREIGN KEY (study, stage) REFERENCES stages (study, stage) ON DELETE CASCADE,
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
);
CREATE TABLE observations (
  study INTEGER NOT NULL,
  run INTEGER NOT NULL,
  step INTEGER NOT NULL,
  seen TEXT NOT NULL,
  PRIMARY KEY (study, run, step),
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE losses (
  study INTEGER NOT NULL,
  run INTEGER NOT NULL,
  start INTEGER NOT NULL,
  seen BLOB NOT NULL,
  PRIMARY KEY (study, run, start),
  FOREIGN KEY (study, run) REFERENCES runs (study, run) ON DELETE CASCADE
);
CREATE TABLE notes (
  study INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  note TEXT NOT NULL
);
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "surefoot.sqlite"


@pytest.fixture
def first(path):
    """A store of version 1, as it was written then: a study that is done and one that was killed."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(f"BEGIN; {FIRST} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1; COMMIT;")
        facts = json.dumps(attrs.asdict(scripted.KNOWN))
        for study, status in ((1, "done"), (2, "running")):
            given = (study, "compare", "2026-01-02T03:04:05+00:00", status, 1.5, "fused", facts, "{}")
            db.execute("INSERT INTO studies VALUES (?, ?, ?, ?, ?, ?, ?, ?)", given)
            for run in scripted.RUNS[:2]:
                recipe = json.dumps(attrs.asdict(run.recipe))
                values = (study, run.index, recipe, run.seed, run.key, status, None, 0.5, "{}")
                db.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
                db.execute("INSERT INTO stages VALUES (?, ?, NULL, 0, 40, ?, NULL)", (study, run.index, status))
                db.execute("INSERT INTO stage_runs VALUES (?, ?, ?)", (study, run.index, run.index))
                seen = json.dumps(dict(scripted.observation(run.index, 40).values))
                db.execute("INSERT INTO observations VALUES (?, ?, 40, ?)", (study, run.index, seen))
                losses = scripted.losses(run.index, 0, 40).astype("<f4").tobytes()
                db.execute("INSERT INTO losses VALUES (?, ?, 0, ?)", (study, run.index, losses))
    return path


def test_version_1_is_read_as_it_is(first):
    before = first.read_bytes()
    with Store(first, create=False) as store:
        assert [study.status for study in store.studies()] == ["done", "interrupted"]
        run = store.load(1).runs[1]
        assert (run.status, run.observations) == ("done", (scripted.observation(1, 40),))
        np.testing.assert_array_equal(run.losses, scripted.losses(1, 0, 40))
        assert [study.id for study in store.find(["key 0", "key 1"])] == [2, 1]
        assert store.check().findings == ()
        assert store.notes == []
    assert first.read_bytes() == before


def test_version_1_is_brought_up_to_date_when_it_is_written_and_says_so(first):
    with Store(first) as store:
        kept = scripted.said(store.load(1))
        left = store.reopen(2)
        assert (left.plan, left.stages) == (None, {})
        (note,) = store.notes
        assert "was of version 1 and is now of version 3" in note
        store.plan(2, {"tiles": [[0, 1]]})
        assert scripted.said(store.load(1)) == kept
    with Store(first) as store:
        assert store.reopen(2).stages == {0: (0, None)}
        assert store.notes == []
        assert store.database.ask("SELECT study, stage FROM stages") == [(2, 0)]
        assert store.check().findings == ()


def test_an_upgrade_that_fails_leaves_version_1(first):
    def at(what, when):
        if "user_version = 3" in what and when == "after":
            raise sqlite3.OperationalError("database or disk is full")

    with scripted.interposed(at), Store(first) as store, pytest.raises(StoreError, match="is full"):
        store.reopen(2)
    with Store(first) as store:
        assert store.database.version() == 1
        assert store.database.ask("SELECT count(*) FROM stages") == [(4,)]
        assert store.reopen(2).plan is None


def test_a_newer_version_is_refused_and_left_alone(path):
    with Store(path) as store:
        store.database.ask("PRAGMA user_version = 99")
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(
            StoreError, match=r"of version 99; this Surefoot reads up to version 3\. Use another folder"
        ):
            Store(path, create=create)
    assert path.read_bytes() == before


@pytest.fixture
def reader():
    """A folder, and a way to be a user who may not write into it."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)

    @contextlib.contextmanager
    def somebody():
        for each in folder.iterdir():
            each.chmod(0o444)
        folder.chmod(0o555)
        root = os.getuid() == 0
        if root:  # whom permissions do not bind
            os.setresuid(65534, 65534, 0)
        try:
            yield
        finally:
            if root:
                os.setresuid(0, 0, 0)
            folder.chmod(0o755)

    yield folder / "surefoot.sqlite", somebody
    shutil.rmtree(folder)


def test_a_store_that_may_only_be_read_is_read(reader):
    path, somebody = reader
    with Store(path) as store:
        scripted.train(store)
        store.check()
        said = scripted.said(store.load())
    with somebody(), Store(path, create=False) as store:
        assert scripted.said(store.load()) == said
        assert store.find([run.key for run in scripted.RUNS])[0].status == "done"
        assert store.check().findings == ()
        with pytest.raises(StoreError, match="Permission denied"):
            store.begin("compare", scripted.KNOWN, {}, [])


def test_someone_elses_study_is_followed_while_it_runs(reader):
    path, somebody = reader
    with Store(path) as store:
        sink = store.sink(store.begin("compare", scripted.KNOWN, {}, scripted.RUNS))
        sink(Observed(0, scripted.observation(0, 10)))
        sink(Progress(1, 2, 1, 1, ""))
        with somebody(), Store(path, create=False) as other:
            assert other.load().status == "running"
            assert len(other.load().runs[0].observations) == 1


def test_version_2_gets_the_table_of_searches(path):
    with Store(path) as store:
        store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        with store.database.writing():
            store.database.write("DROP TABLE states")
            store.database.write("PRAGMA user_version = 2")
    with Store(path) as store:
        assert store.check().findings == ()
        assert len(store.load(1).runs) == len(scripted.RUNS)
        study = store.begin("tune", scripted.KNOWN, {}, ())
        assert (store.states(study), store.database.version()) == ({}, 3)
