"""`surefoot train`, `surefoot compare --plan`: what a user types and reads."""

import json

import pytest
from safetensors.torch import load_file

from surefoot.cli.main import run
from surefoot.store import FILE, Store

TASK = """
import torch
import surefoot as sf


def task():
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    return sf.Task(name="mine", model=lambda: torch.nn.Linear(4, 2), loss="cross_entropy", epochs=4,
                   train=(x, (x[:, 0] > 0).long()))
"""
RECIPES = """
- {name: trunk, optimizer: sgd, lr: 0.1}
- {name: early, optimizer: sgd, lr: 0.1, schedule: "multistep(['25%'], factor=0.1)"}
- {name: late, optimizer: sgd, lr: 0.1, schedule: "multistep(['75%'], factor=0.1)"}
- {name: slow, optimizer: sgd, lr: 1.0e-6}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(TASK)
    (tmp_path / "mine.yaml").write_text(RECIPES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMPARE = ["compare", "mine.py", "--recipes", "mine.yaml", "--seeds", "2"]


def test_a_plan_shows_the_tree_the_work_saved_and_the_time(here, capsys):
    assert run([*COMPARE, "--plan"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith(
        "mine: 4 recipes × 2 seeds, 20 updates each\n\n0–5  trunk, early, late\n├─ 5–15  trunk, late\n"
    )
    assert "│  └─ 15–20  late\n└─ 5–20  early\n0–20  slow\n" in out
    assert "Work: 120 of 160 updates: sharing saves 25.0 %" in out
    assert "Time: about" in out
    assert not (here / "surefoot-runs").exists()


def test_a_plan_as_data_and_in_chinese(here, capsys):
    assert run([*COMPARE, "--plan", "--json", "--trainer", "loop"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["surefoot"], plan["version"]) == ("plan", 1)
    assert plan["updates"] == {"apart": 160, "together": 120, "saved": 0.25}
    assert plan["stages"][0]["recipes"] == ["trunk", "early", "late"]
    assert plan["seconds"] > 0
    assert run([*COMPARE, "--plan", "--no-share", "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert "节省 0.0 %" in out
    assert out.count("0–20") == 4


def test_sharing_changes_no_number(here, capsys):
    found = []
    for more in (["--share"], ["--no-share"]):
        assert run([*COMPARE, "--json", "--trainer", "loop", *more]) == 0
        found.append([recipe["summary"]["finals"] for recipe in json.loads(capsys.readouterr().out)["recipes"]])
    assert found[0] == found[1]


def test_train_says_what_came_of_it_and_where_it_is(here, capsys):
    given = [
        "--optimizer",
        "adam(ema=0.5)",
        "--lr",
        "0.01",
        "--schedule",
        "cosine()",
        "--hyper",
        "weight_decay@vectors=0.1",
    ]
    assert run(["train", "mine.py", *given, "--seed", "3", "--epochs", "2"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("mine: adam(ema=0.5), seed 3, 10 of 10 updates\nbest: step ")
    for file in ("best.safetensors", "last/weights.safetensors", "last/optimizer.pt", "last/schedule.json"):
        assert f"surefoot-runs/train-1-mine/{file}" in out
        assert (here / "surefoot-runs/train-1-mine" / file).exists()
    assert run(["show", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["surefoot"], shown["steps"], shown["horizon"]) == ("train", 10, 10)
    assert load_file(shown["files"]["best"]).keys() == {"weight", "bias"}


def test_a_recipe_of_a_file_and_the_winner_of_a_comparison(here, capsys):
    assert run(["train", "mine.py", "--recipes", "mine.yaml", "--name", "late", "--epochs", "2"]) == 0
    assert capsys.readouterr().out.startswith("mine: late, seed 0")
    assert run([*COMPARE, "--epochs", "3", "--batch-size", "20"]) == 0
    assert "Train the winner: surefoot train --winner --study 2" in capsys.readouterr().out
    assert run(["train", "--winner", "--json"]) == 0
    won = json.loads(capsys.readouterr().out)
    assert won["recipe"] in ("trunk", "late")
    assert won["horizon"] == 3 * 8  # as it was compared: 160 samples in batches of 20
    assert run(["train", "--winner", "--epochs", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["horizon"] == 5 * 8


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["mine.py"], "say what to train with: --optimizer, or --recipes with --name, or --winner"),
        (["mine.py", "--optimizer", "sgd", "--winner"], "received '--optimizer, --winner'"),
        (["mine.py", "--recipes", "mine.yaml", "--name", "lat"], "Did you mean 'late'?"),
        (["mine.py", "--recipes", "mine.yaml"], "mine.yaml has no recipe of this name"),
        (["--winner", "--lr", "5"], "--lr goes with --optimizer, not with --winner"),
        (["mine.py", "--optimizer", "sgd", "--study", "1"], "--study goes with --winner, not with --optimizer"),
        (["mine.py", "--optimizer", "sgd", "--hyper", "momentum"], "'momentum' is not NAME=VALUE"),
        (["mine.py", "--optimizer", "sgd", "--hyper", "weight_decay@tail=1"], "no parameter of the model is meant"),
        (["mine.py", "--optimizer", "sgd", "--device", "cuda:7"], "this device cannot be used here"),
        (["mine.py", "--optimizer", "torch_class('nowhere.Fast')"], "nowhere"),
        (["--winner", "--study", "4"], "there is no store"),
        (["--resume"], "nothing to go on with"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(here, given, told, capsys):
    assert run(["train", *given]) in (1, 2)
    assert told in capsys.readouterr().err
    assert not (here / "surefoot-runs" / FILE).exists()


def test_resume_alone_goes_on_with_the_training(here, capsys):
    given = ["train", "mine.py", "--optimizer", "sgd", "--epochs", "3"]
    assert run(given) == 0
    with Store(here / "surefoot-runs" / FILE) as store:
        store.database.write("UPDATE studies SET status = 'interrupted'")
        store.database.write("UPDATE runs SET status = 'running'")
        store.database.commit()
    capsys.readouterr()
    assert run(["show"]) == 0
    assert run(["compare", "--resume"]) == 2
    assert run(["train", "--resume", "--lang", "zh"]) == 0
    out, err = capsys.readouterr()
    assert "继续：surefoot train mine.py --optimizer sgd --epochs 3" in err
    assert "mine：sgd，种子 0，15 次更新中的 15 次" in out


def test_a_training_of_a_winner_goes_on_with_that_winner_on_that_task(here, capsys):
    """Though another comparison was made since, and the task was named."""
    (here / "other.py").write_text(TASK.replace('"mine"', '"other"'))
    assert run([*COMPARE, "--epochs", "2"]) == 0
    assert run(["train", "other.py", "--winner"]) == 0
    first = capsys.readouterr().out.splitlines()[-6:]
    assert run(["compare", "mine.py", "--recipes", "mine.yaml", "--lr", "1e-9", "--seeds", "1", "--epochs", "1"]) == 0
    with Store(here / "surefoot-runs" / FILE) as store:
        store.database.write("UPDATE studies SET status = 'interrupted' WHERE id = 2")
        store.database.write("UPDATE runs SET status = 'running' WHERE study = 2")
        store.database.commit()
    capsys.readouterr()
    assert run(["train", "--resume"]) == 0
    out, err = capsys.readouterr()
    assert "going on with: surefoot train other.py --winner --study 1" in err
    assert out.startswith("other: ")
    assert out.splitlines()[-6:] == first
    assert run(["show", "--json"]) == 0
    assert [study["kind"] for study in json.loads(capsys.readouterr().out)["studies"]] == [
        "compare",
        "train",
        "compare",
    ]
