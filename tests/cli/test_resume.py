"""`surefoot compare --resume` alone: the latest unfinished comparison of a folder, as it was begun."""

import json
import re
import shutil

import pytest

import surefoot as sf
from surefoot.cli.main import run
from surefoot.store import FILE, Store

TASK = """
from pathlib import Path
import torch
import surefoot as sf

looks = []

def accuracy(outputs, targets):
    looks.append(1)
    if len(looks) > 7 and Path("stop").exists():
        raise KeyboardInterrupt
    return (outputs.argmax(1) == targets).double().mean()

def task():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(200, 4, generator=g)
    return sf.Task(name="mine", model=lambda: torch.nn.Linear(4, 2), loss="cross_entropy",
                   train=(x, (x.sum(1) > 0).long()), epochs=4, metrics=[sf.Metric("accuracy", accuracy)])
"""
RECIPES = "- {name: a, optimizer: sgd, lr: 0.1}\n- {name: b, optimizer: adam, lr: 0.01, schedule: cosine()}\n"
COMMAND = ["compare", "mine.py", "--recipes", "mine.yaml", "--seeds", "3,5", "--trainer", "loop", "--place", "here"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(TASK)
    (tmp_path / "mine.yaml").write_text(RECIPES)
    return tmp_path


def interrupted(here, *more, command=COMMAND):
    """A command that Ctrl-C stops in the second run."""
    (here / "stop").touch()
    assert run([*command, *more]) == 130
    (here / "stop").unlink()


def studies(folder):
    with Store(folder / FILE, create=False) as store:
        return [store.load(each.id) for each in store.studies()]


def numbers(study):
    return [(run.run, run.status, run.observations, run.losses.tolist(), dict(run.final)) for run in study.runs]


FIRST = ([], ["--resume"], ["--json"], ["--resume", "--json", "--target", "0.5"])


@pytest.mark.parametrize("first", FIRST, ids=" ".join)
def test_it_goes_on_as_it_was_begun(here, capsys, first):
    interrupted(here, *first)
    assert run([*COMMAND, "--out", "undisturbed"]) == 0
    capsys.readouterr()
    assert run(["compare", "--resume"]) == 0
    out, err = capsys.readouterr()
    assert f"going on with: surefoot {' '.join([*COMMAND, *first])}\n" in err
    assert "note: resumed: 1 of 4 tiles were finished" in err
    assert "mine: 2 recipes × 2 seeds" in out  # the table, also where the first asked for JSON
    (study,), (whole,) = studies(here / "surefoot-runs"), studies(here / "undisturbed")
    assert study.status == "done"
    assert numbers(study) == numbers(whole)
    assert study.facts.target == (0.5 if "--target" in first else None)


def test_out_and_json_are_those_of_this_command(here, capsys):
    interrupted(here, "--out", "there")
    shutil.move(here / "there", here / "elsewhere")
    capsys.readouterr()
    assert run(["compare", "--resume", "--json", "--out", "elsewhere"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "done"
    assert studies(here / "elsewhere")[0].status == "done"
    assert not (here / "there").exists()


def test_with_any_other_choice_it_is_that_comparison(here, capsys):
    interrupted(here)
    capsys.readouterr()
    assert run(["compare", "mine.py", "--recipes", "mine.yaml", "--resume"]) == 0
    err = capsys.readouterr().err
    assert "going on with" not in err
    assert "nothing to resume" in err
    assert [study.status for study in studies(here / "surefoot-runs")] == ["interrupted", "done"]


def test_the_latest_unfinished_one_is_taken(here, capsys):
    interrupted(here)
    interrupted(here, "--batch-size", "20")
    assert run([*COMMAND, "--batch-size", "10"]) == 0
    assert run(["compare", "--resume"]) == 0
    assert [study.status for study in studies(here / "surefoot-runs")] == ["interrupted", "done", "done"]
    assert run(["compare", "--resume"]) == 0
    assert [study.status for study in studies(here / "surefoot-runs")] == ["done", "done", "done"]
    capsys.readouterr()
    assert run(["compare", "--resume"]) == 2
    assert "the latest is study 3: surefoot show 3" in capsys.readouterr().err.lower()


def test_one_that_was_begun_again_and_finished_is_left_alone(here, capsys):
    interrupted(here)
    assert run(COMMAND) == 0
    capsys.readouterr()
    assert run(["compare", "--resume"]) == 2
    out, err = capsys.readouterr()
    assert "all that was begun with surefoot compare in surefoot-runs is finished" in err
    assert out == ""


def test_what_cannot_be_gone_on_with_is_told(here, capsys):
    assert run(["compare", "--resume"]) == 2
    assert "nothing was recorded in surefoot-runs yet" in capsys.readouterr().err
    assert not (here / "surefoot-runs").exists()
    Store(here / "surefoot-runs" / FILE).close()
    assert run(["compare", "--resume"]) == 2
    assert "no study yet" in capsys.readouterr().err
    interrupted(here)
    (here / "mine.py").unlink()
    assert run(["compare", "--resume"]) == 2
    err = capsys.readouterr().err
    assert "going on with: surefoot compare mine.py" in err
    assert "error: " in err
    assert "mine.py" in err.partition("error: ")[2]


def test_one_begun_in_python_goes_on_in_python(here, capsys):
    (here / "stop").touch()
    with pytest.raises(KeyboardInterrupt):
        sf.compare("mine.py", "mine.yaml", trainer="loop", progress=False)
    (here / "stop").unlink()
    assert run(["compare", "--resume"]) == 2
    assert "study 1, the latest that is not finished, was begun in Python" in capsys.readouterr().err
    assert run(["show", "1"]) == 0
    assert "sf.compare(..., resume=True)" in capsys.readouterr().out.splitlines()[-1]
    sf.compare("mine.py", "mine.yaml", trainer="loop", progress=False, resume=True)
    assert [study.status for study in studies(here / "surefoot-runs")] == ["done"]


@pytest.mark.parametrize("arguments", [["show"], ["show", "1"]], ids=" ".join)
@pytest.mark.parametrize("folder", ["surefoot-runs", "an other"])
def test_show_ends_with_how_to_go_on(here, capsys, folder, arguments):
    interrupted(here, "--out", folder)
    assert "go on with the same command and --resume" in capsys.readouterr().err
    assert run([*arguments, "--out", folder]) == 0
    out = capsys.readouterr().out
    there = "" if folder == "surefoot-runs" else " --out 'an other'"
    assert out.splitlines()[-1] == f"Study 1 is not finished. Go on with: surefoot compare --resume{there}"
    assert "interrupted" in out
    assert run([*arguments, "--out", folder, "--json"]) == 0
    json.loads(capsys.readouterr().out)
    assert run(["compare", "--resume", "--out", folder]) == 0
    capsys.readouterr()
    assert run([*arguments, "--out", folder]) == 0
    assert "Go on with" not in capsys.readouterr().out


def test_an_older_unfinished_one_has_its_own_command(here, capsys):
    interrupted(here)
    interrupted(here, "--batch-size", "20", "--resume")
    capsys.readouterr()
    for study, last in (("1", " ".join(COMMAND) + " --resume"), ("2", "compare --resume")):
        assert run(["show", study]) == 0
        assert capsys.readouterr().out.splitlines()[-1].endswith(f"Go on with: surefoot {last}")
    assert run([*COMMAND, "--resume"]) == 0
    assert re.search(r"1 .* mine +2 +2 +done", shown(capsys))


def shown(capsys):
    capsys.readouterr()
    assert run(["show"]) == 0
    return capsys.readouterr().out
