"""`show --check` finds what is damaged, says what was verified, and ends with 1 where something is."""

import json
import random
import re
import shutil

import pytest
import scripted

from surefoot.cli.main import run
from surefoot.core.errors import StoreError, SurefootError
from surefoot.core.record import Observed, Saved
from surefoot.store import FILE, Store


@pytest.fixture
def path(tmp_path):
    """A store with a study that is done and one on its way, which has checkpoints."""
    path = tmp_path / "out" / FILE
    with Store(path) as store:
        scripted.train(store)
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        store.plan(study, {"tiles": scripted.TILES})
        sink = store.sink(study)
        for event in scripted.tile(store, 0):
            sink(event)
            if isinstance(event, Saved):
                break
        store.finish(study, "interrupted", 1.0)
    return path


def check(path, *options):
    return run(["show", "--check", "--out", str(path.parent), *options])


def test_a_sound_store(path, capsys):
    assert check(path) == 0
    out = capsys.readouterr().out
    # 40 + 40 + 23 + 35 losses and 13 observations of 3 values; 15 + 15 losses and 2 observations
    assert f"{path}: 2 studies, 8 runs, 213 recorded numbers, {path.stat().st_size:,} bytes (" in out
    assert f"({path.stat().st_size / 213:.1f} each)" in out
    assert out.splitlines()[-1].startswith("sound: ")
    assert len(out.splitlines()) == 2
    assert check(path, "1") == 0
    assert f"{path}: study 1, 4 runs, 177 recorded numbers, " in capsys.readouterr().out


def test_as_json(path, capsys):
    assert check(path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "surefoot": "check", "version": 1, "sound": True, "studies": 2, "runs": 8, "numbers": 213,
        "bytes": path.stat().st_size, "findings": [],
    }  # fmt: skip
    change(path, "DELETE FROM losses WHERE study = 1 AND run = 0 AND start = 10")
    assert check(path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["sound"] is False
    assert {finding["study"] for finding in found["findings"]} == {1}
    assert all(finding["bad"] for finding in found["findings"])


def change(path, statement):
    with Store(path) as store:
        store.database.ask("PRAGMA foreign_keys = OFF")
        assert store.database.db.execute(statement).rowcount > 0


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "DELETE FROM losses WHERE study = 1 AND run = 0 AND start = 10",
            "go on at update 15, where update 10 comes next",
        ),
        (
            "DELETE FROM losses WHERE study = 1 AND run = 0 AND start = 30",
            "it is done and has 30 losses, where 40 belong",
        ),
        (
            "UPDATE losses SET start = 12 WHERE study = 1 AND start = 10",
            "go on at update 12, where update 10 comes next",
        ),
        ("UPDATE runs SET diverged = 22 WHERE study = 1 AND run = 2", "has 23 losses, where 22 belong"),
        ("UPDATE runs SET status = 'planned' WHERE study = 2 AND run = 0", "it is planned and has 15 losses"),
        ("UPDATE losses SET seen = x'0000C07F' WHERE study = 1 AND start = 30 AND run = 0", "a loss is not finite"),
        ("UPDATE losses SET seen = x'00' WHERE study = 1 AND run = 0", "run 0 of study 1 cannot be read"),
        ("UPDATE runs SET status = 'running' WHERE study = 1 AND run = 1", "the study is done, but run 1 is running"),
        ("UPDATE runs SET status = 'asleep' WHERE study = 1 AND run = 1", "unknown status 'asleep'"),
        ("UPDATE runs SET recipe = '{}' WHERE study = 1 AND run = 1", "run 1 of study 1 cannot be read"),
        (
            "UPDATE observations SET step = 50 WHERE study = 1 AND run = 0 AND step = 40",
            "at step 50, where 40 is the last",
        ),
        (
            "UPDATE observations SET step = 24 WHERE study = 1 AND run = 2 AND step = 20",
            "at step 24, where 23 is the last",
        ),
        ("UPDATE observations SET seen = '{' WHERE study = 1 AND run = 0", "run 0 of study 1 cannot be read"),
        ("UPDATE studies SET facts = 'x' WHERE id = 1", "study 1 cannot be read"),
        ("UPDATE studies SET plan = '[]' WHERE id = 1", "its plan cannot be read"),
        ("UPDATE studies SET plan = '{\"tiles\": [[0, 2]]}' WHERE id = 1", "its tiles are not those of its plan"),
        ("DELETE FROM runs WHERE study = 1 AND run = 0", "belong to nothing in runs"),
        ("UPDATE stages SET checkpoint = 'absent' WHERE study = 2 AND stage = 0", "a name that no checkpoint has"),
    ],
)
def test_what_is_damaged_is_found(path, capsys, statement, said):
    change(path, statement)
    assert check(path) == 1
    out = capsys.readouterr().out
    assert any(line.startswith("damaged: ") and said in line for line in out.splitlines()), out
    assert "Keep the file as it is" in out
    assert "sound:" not in out
    other = 2 if "study = 1" in statement or "id = 1" in statement else 1
    with Store(path) as store:  # the other study is as it was
        assert {finding.study for finding in store.check().findings} <= {None, 3 - other}
        store.load(other)


def test_a_damaged_run_is_refused_where_it_is_read(path):
    change(path, "UPDATE observations SET seen = '{' WHERE study = 1 AND run = 0")
    with Store(path) as store, pytest.raises(StoreError, match=r"run 0 of study 1 cannot be read.*show --check"):
        store.load(1)


@pytest.mark.parametrize("damage", ["is missing", "is damaged"])
def test_checkpoints_are_verified(path, capsys, damage):
    with Store(path) as store:
        (name,) = store.checkpoints.names()
        file = store.checkpoints.folder / name
    file.unlink() if damage == "is missing" else file.write_bytes(file.read_bytes() + b"x")
    assert check(path) == 1
    assert f"damaged: study 2: the checkpoint {name} of tile 0 {damage}" in capsys.readouterr().out
    assert check(path, "1") == 0


def test_what_nobody_names_is_worth_a_note(path, capsys):
    (path.parent / f"{FILE}.checkpoints" / ".left.tmp").write_text("")
    assert check(path) == 0
    out = capsys.readouterr().out
    assert "note: the checkpoint .left.tmp belongs to no study" in out
    assert "sound: " in out


def test_a_study_may_be_checked_while_it_is_written(path):
    with Store(path) as writer, Store(path) as store:
        left = writer.reopen(2)
        sink = writer.sink(2)
        for event in scripted.tile(writer, 0, *left.stages[0]):
            sink(event)
            assert store.check().findings == ()


def test_unknown_studies_and_absent_stores(path, capsys, tmp_path):
    assert check(path, "7") == 2
    assert "no study 7" in capsys.readouterr().err
    assert run(["show", "--check", "--out", str(tmp_path / "nowhere")]) == 1
    assert "nothing has been recorded" in capsys.readouterr().err


def test_no_byte_may_change_without_a_plain_word(path, tmp_path):
    """Sectors of noise anywhere in the file: refused, or found, or read; never another kind of error."""
    whole = path.read_bytes()
    copy = tmp_path / "copy" / FILE
    shutil.copytree(path.parent, copy.parent)
    noise, told = random.Random(0), 0
    places = [*range(0, 200, 7), *(noise.randrange(len(whole)) for _ in range(100))]
    for place in places:
        length = noise.choice([1, 1, 16, 512])
        copy.write_bytes(whole[:place] + noise.randbytes(length) + whole[place + length :])
        try:
            with Store(copy, create=False) as store:
                told += not store.check().sound
                for study in store.studies():
                    store.load(study.id)
                store.find([each.key for each in scripted.RUNS])
                store.reopen(2)
                store.sink(2)(Observed(0, scripted.observation(0, 20)))
                store.finish(2, "interrupted", 1.0)
        except SurefootError as wrong:
            told += str(copy) in str(wrong)
        shutil.rmtree(copy.parent)
        shutil.copytree(path.parent, copy.parent)
    assert told > 40


def test_the_list_shows_who_was_killed(path, capsys):
    with Store(path) as store:
        study = store.begin("compare", scripted.KNOWN, {}, scripted.RUNS)
        store.sink(study)(Observed(0, scripted.observation(0, 10)))
    assert run(["show", "--out", str(path.parent)]) == 0
    assert re.findall(r"done|running|interrupted", capsys.readouterr().out) == ["done", "interrupted", "interrupted"]
