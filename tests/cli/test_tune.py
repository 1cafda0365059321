"""`surefoot tune` and `surefoot show` of a search: what is printed, written, refused, killed and gone on with."""

import json
import random
import shutil
import signal

import pytest
import yaml
from sittings import Server, ask, is_sound, numbers

from surefoot.cli.main import run
from surefoot.store import FILE, Store
from surefoot.studies import Tuned

TASK = """
from pathlib import Path
import torch
import surefoot as sf

looks = []

def accuracy(outputs, targets):
    looks.append(1)
    if len(looks) > 16 and Path("stop").exists():
        raise KeyboardInterrupt
    return (outputs.argmax(1) == targets).double().mean()

def task():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(100, 4, generator=g, dtype=torch.float64)
    return sf.Task(name="mine", model=lambda: torch.nn.Linear(4, 2).double(), loss="cross_entropy", batch_size=8,
                   train=(x, (x.sum(1) > 0).long()), epochs=EPOCHS, metrics=[sf.Metric("accuracy", accuracy)])
"""
SPACE = "optimizers: [adam]\nschedules: [cosine(), constant()]\nlr: [0.01, 1.0]\n"
COMMAND = ["tune", "mine.py", "--space", "space.yaml", "--budget", "3x", "--confirm", "2"]
COMMAND += ["--trainer", "loop", "--place", "here"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(TASK.replace("EPOCHS", "3"))
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


def said(capsys, *arguments, code=0):
    """What a command prints, on standard output and on standard error."""
    capsys.readouterr()
    assert run(list(arguments)) == code
    return capsys.readouterr()


def interrupted(here, *more):
    (here / "stop").touch()
    assert run([*COMMAND, *more]) == 130
    (here / "stop").unlink()


def tuned(folder, study=None):
    with Store(folder / FILE, create=False) as store:
        return Tuned.of(store.load(study))


def test_what_it_prints_is_what_show_prints(here, capsys):
    out, err = said(capsys, *COMMAND)
    assert "Trained whole, and chosen from" in out
    assert "On fresh seeds:" in out
    assert "Take: " in out
    assert "full runs to search and" in out
    folder = here / "surefoot-runs" / "tune-1-mine"
    assert sorted(each.name for each in folder.iterdir()) == ["best.yaml", "race.png", "report.html"]
    assert "Report  surefoot-runs/tune-1-mine/report.html" in out
    page = (folder / "report.html").read_text()
    assert "Take: " in page
    assert page.count("<svg") >= 2
    assert "note: validation: " in err
    shutil.rmtree(folder)
    assert said(capsys, "show", "1").out == out
    assert said(capsys, "show").out.splitlines()[-1].split()[:2] == ["1", "tune"]
    assert "done" in said(capsys, "show").out
    assert "sound" in said(capsys, "show", "--check").out
    assert sorted(each.name for each in folder.iterdir()) == ["best.yaml", "race.png", "report.html"]


def test_the_winner_is_trained_by_what_is_printed(here, capsys):
    out, _ = said(capsys, *COMMAND)
    command = out.partition("Train the winner: surefoot ")[2].splitlines()[0]
    assert run(command.split()) == 0
    held = yaml.safe_load((here / "surefoot-runs" / "tune-1-mine" / "best.yaml").read_text())
    best = tuned(here / "surefoot-runs", 1).best
    (recipe,) = held["recipes"]
    assert (recipe["optimizer"], recipe["lr"], recipe["schedule"]) == (best.optimizer, best.lr, best.schedule)
    assert (held["batch_size"], held["epochs"]) == (8, 3)


def test_json_is_the_same_from_the_store(here, capsys):
    first = json.loads(said(capsys, *COMMAND, "--json").out)
    assert (first["surefoot"], first["version"], first["status"]) == ("tune", 1, "done")
    assert first["cost"]["whole"] == pytest.approx(first["cost"]["search"] + first["cost"]["fresh"])
    assert first["budget"] == 3
    assert first["best"]["name"] in [entry["recipe"]["name"] for entry in first["whole"]]
    assert first["best"]["name"] in json.dumps(first["comparison"])
    assert {decision["kind"] for decision in first["decisions"]} >= {"begun", "whole", "confirmed"}
    assert all(set(each) == {"seconds", "spent", "recipe"} for each in first["incumbents"])
    assert sorted(each["spent"] for each in first["incumbents"]) == [each["spent"] for each in first["incumbents"]]
    assert first["confirmed"]["seconds"] > 0
    again = json.loads(said(capsys, "show", "1", "--json").out)
    apart = ("incumbents", "confirmed")
    assert {k: v for k, v in again.items() if k not in apart} == {k: v for k, v in first.items() if k not in apart}
    (listed,) = json.loads(said(capsys, "show", "--json").out)["studies"]
    assert (listed["kind"], listed["best"], listed["status"]) == ("tune", first["best"]["name"], "done")


def test_every_row_diverging_is_exit_code_1_and_can_be_shown(here, capsys):
    (here / "mine.py").write_text(
        TASK.replace("EPOCHS", "3").replace('"cross_entropy"', "lambda o, y: (o ** 4).mean()")
    )
    (here / "space.yaml").write_text("optimizers: [sgd]\nschedules: [cosine(), constant()]\nlr: [1e20, 1e30]\n")
    out, err = said(capsys, *COMMAND[:4], "--budget", "9", "--place", "here", code=1)
    assert "Every arm diverged" in out
    assert "begin far below it, with lr: [" in out
    assert "Train the winner" not in out
    assert "diverged at step" in err
    assert not (here / "surefoot-runs" / "tune-1-mine" / "best.yaml").exists()
    assert "Every arm diverged" in said(capsys, "show", "1").out
    assert run(["show"]) == 0
    assert said(capsys, *COMMAND[:4], "--budget", "9", "--place", "here", "--resume", code=1).out == out
    data = json.loads(said(capsys, "show", "1", "--json").out)
    assert data["best"] is None
    assert data["files"]["recipe"] is None


def test_ctrl_c_is_told_and_resume_alone_goes_on(here, capsys):
    interrupted(here)
    assert "go on with the same command and --resume" in capsys.readouterr().err
    out = said(capsys, "show", "1").out
    assert "The search is not finished" in out
    assert out.splitlines()[-1] == "Study 1 is not finished. Go on with: surefoot tune --resume"
    assert said(capsys, "show").out.splitlines()[-1] == out.splitlines()[-1]
    assert "interrupted" in said(capsys, "show").out
    json.loads(said(capsys, "show", "1", "--json").out)
    out, err = said(capsys, "tune", "--resume")
    assert f"going on with: surefoot {' '.join(COMMAND)}\n" in err
    assert "note: resumed: the race goes over what was recorded" in err
    assert run([*COMMAND, "--out", "undisturbed"]) == 0
    assert numbers(here / "surefoot-runs") == numbers(here / "undisturbed")
    assert is_sound(here / "surefoot-runs")
    assert said(capsys, "tune", "--resume", code=2).err.startswith("error: nothing to go on with: all that was begun")


def test_one_that_was_begun_again_and_finished_is_left_alone(here, capsys):
    interrupted(here)
    assert run(COMMAND) == 0
    assert "is finished" in said(capsys, "tune", "--resume", code=2).err
    interrupted(here, "--budget", "4x")
    assert "Go on with: surefoot tune --resume" in said(capsys, "show").out
    assert "--budget 4x" in said(capsys, "tune", "--resume").err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "0.01x"], "too small to decide anything"),
        (["--budget", "soon"], "this is no budget"),
        (["--space", "nowhere.yaml"], "cannot read the space nowhere.yaml"),
        (["--space", "empty.yaml"], "empty.yaml is no space"),
        (["--seeds", "0"], "seeds must be a whole number, 1 or above"),
        (["--confirm", "-1"], "confirm must be a whole number, 0 or above"),
        (["--trainer", "guess"], "guess"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_trains_nothing(here, capsys, options, message):
    (here / "empty.yaml").write_text("")
    assert message in said(capsys, *COMMAND, *options, code=2).err
    assert not (here / "surefoot-runs").exists()


def test_it_is_told_in_chinese(here, capsys):
    assert run([*COMMAND, "--lang", "zh"]) == 0
    assert run(["show", "1", "--lang", "zh"]) == 0
    assert capsys.readouterr().out


# kill -9


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


def test_while_another_process_searches_it_can_be_shown_and_not_gone_on_with(server, here, capsys):
    (here / "mine.py").write_text(TASK.replace("EPOCHS", "1200"))
    sitting = server.begin(here, *COMMAND)
    try:
        assert sitting.until(lambda: looked(here / "surefoot-runs")[1] > 4)
        shown = said(capsys, "show", "1").out
        assert "The search is not finished" in shown
        assert "Go on with" not in shown
        assert "running" in said(capsys, "show").out
        assert "sound" in said(capsys, "show", "--check").out
        assert "is being written by process" in said(capsys, *COMMAND, "--resume", code=1).err
    finally:
        sitting.kill()
        assert sitting.end() != 0
    assert "Go on with: surefoot tune --resume" in said(capsys, "show", "1").out


WAYS = {
    "here": ("--trainer", "loop", "--place", "here"),
    "pool": ("--trainer", "loop", "--place", "pool"),
    "fused": ("--trainer", "fused", "--place", "here"),
}


def looked(folder):
    """How often runs were looked at, and paused, by now."""
    return [sum(row[0] for row in ask(folder, f"SELECT count(*) FROM {table}")) for table in ("observations", "states")]


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_random_moments(server, here, way):
    """`kill -9`, and once Ctrl-C, then --resume: the decisions and numbers of a search that nothing disturbed."""
    (here / "mine.py").write_text(TASK.replace("EPOCHS", "24"))
    command = [*COMMAND[: COMMAND.index("--trainer")], *WAYS[way], "--resume"]
    whole = server.begin(here, *command, "--out", "whole")
    assert whole.end() == 0, whole.said
    most, _ = looked(here / "whole")
    folder, draw, kills = here / "killed", random.Random(f"kills {way}"), 0
    for share in (0.02, 0.3, 0.6, 0.95):
        wanted = most * (share + draw.uniform(-0.02, 0.04))
        sitting = server.begin(here, *command, "--out", "killed")
        sitting.until(lambda wanted=wanted: looked(folder)[0] >= wanted)
        how = signal.SIGINT if share == 0.6 else signal.SIGKILL
        sitting.kill(group=how == signal.SIGINT or draw.random() < 0.5, how=how)
        code = sitting.end()
        assert code in (0, 130 if how == signal.SIGINT else -how), sitting.said
        kills += code != 0
        assert server.others() == []
        before = looked(folder)
        with Store(folder / FILE, create=False) as store:
            assert store.check().sound
            Tuned.of(store.load()).table()
    assert kills > 2
    last = server.begin(here, "tune", "--resume", "--out", "killed")
    assert last.end() == 0, last.said
    assert looked(folder)[1] >= before[1]
    ours, theirs = tuned(folder), tuned(here / "whole")
    assert ours.decisions == theirs.decisions
    assert ours.outcome == theirs.outcome
    assert ours.cost == theirs.cost
    if way != "fused":  # there the last digits may depend on the company
        assert numbers(folder) == numbers(here / "whole")
    assert is_sound(folder)
