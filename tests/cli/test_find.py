"""`surefoot find` from the outside."""

import json
import re
from pathlib import Path

import pytest

from surefoot.cli.main import run

QUICK = ["find", "digits", "--epochs", "5", "--low", "1e-3", "--high", "10"]


def test_it_prints_and_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run([*QUICK, "--ramp"]) == 0
    said = capsys.readouterr().out
    for part in ("suggestion: ", "edge of divergence: ", "basin: ", "cost: ", "classic ramp", "learning rate"):
        assert part in said
    picture = tmp_path / "surefoot-runs/find-digits-sgd-momentum-0.9.png"
    assert str(picture.relative_to(tmp_path)) in said
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert 'surefoot train digits --optimizer "sgd(momentum=0.9)" --lr ' in said


def test_its_json_is_the_documented_one(tmp_path, capsys):
    drawn = tmp_path / "a.svg"
    assert run([*QUICK, "--optimizer", "adam", "--seeds", "0,4", "--budget", "0.4", "--out", str(drawn), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["surefoot"], data["version"], data["seeds"]) == ("range", 1, [0, 4])
    assert data["interval"][0] < data["suggestion"] < data["interval"][1]
    assert data["cost"] <= 0.8
    assert data["files"] == {"figure": str(drawn)}
    assert "<svg" in drawn.read_text()
    page = (Path(__file__).parents[2] / "docs/json.md").read_text()
    section = page.split("## `surefoot find --json`")[1].split("\n## ")[0]
    assert all(f"`{name}`" in section for name in data if name not in ("surefoot", "version"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--low", "1", "--high", "0.1"], "range of rates is empty"),
        (["--rates", "a,b"], "is not a number of rates"),
        (["--seeds", "x"], "is not a number of seeds"),
        (["--out", "a.txt"], "must end with one of"),
        (["--patience", "3"], "No such option"),
        (["--optimizer", "sdg"], "sgd"),
        (["--low", "1e5", "--high", "1e9"], "start lower|Start lower"),
        (["--budget", "-1"], "above 0"),
    ],
)
def test_wrong_usage_exits_with_two(more, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["find", "digits", *more]) == 2
    assert re.search(says, capsys.readouterr().err)
    assert not (tmp_path / "surefoot-runs").exists()


def test_a_picture_that_cannot_be_written_exits_with_one(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run([*QUICK, "--out", str(tmp_path / "file" / "a.png")]) == 1
    assert "suggestion" in capsys.readouterr().out


def test_help_shows_an_example(capsys):
    assert run(["find", "--help"]) == 0
    assert "surefoot find --ramp" in capsys.readouterr().out
