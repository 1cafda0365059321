"""`surefoot learn`: every lesson as a person runs it, in both languages; what it prints and writes; its errors."""

import json
import re
import subprocess
import sys

import pytest
from attrs import fields

from surefoot.cli.main import run
from surefoot.lessons import LESSONS, lesson_named

FAST = {"annealing": ["--train-epochs", "2"], "batches": ["--train-epochs", "1"], "experiment": ["--epochs", "2"]}


def test_without_a_name_it_lists_the_lessons(capsys):
    assert run(["learn"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == list(LESSONS)
    assert run(["learn", "--lang", "zh"]) == 0
    chinese = capsys.readouterr().out.splitlines()
    assert all(re.search(r"[\u4e00-\u9fff]", line) for line in chinese)


@pytest.mark.parametrize("order", [["--lang", "zh", "averages"], ["averages", "--lang", "zh"]])
def test_the_language_may_stand_before_the_name(order, capsys):
    assert run(["learn", *order]) == 0
    assert capsys.readouterr().out.startswith("指数加权平均")


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_prints_its_text_and_pictures(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for lang in ("en", "zh"):
        assert run(["learn", name, "--lang", lang, "--out", f"{lang}.html", *FAST.get(name, [])]) == 0
        out, err = capsys.readouterr()
        assert "│" in out  # a chart
        assert f"{lang}.html" in out.splitlines()[-1]
        assert bool(re.search(r"[\u4e00-\u9fff]{4}", out)) == (lang == "zh")
        assert "Traceback" not in err
        page = (tmp_path / f"{lang}.html").read_text(encoding="utf-8")
        assert f'<html lang="{lang}">' in page
        assert "<svg" in page
        assert "<script" not in page


@pytest.mark.parametrize("name", LESSONS)
def test_every_parameter_is_an_option(name, capsys):
    assert run(["learn", name, "--help"]) == 0
    help_text = capsys.readouterr().out
    for each in fields(lesson_named(name)):
        assert f"--{each.name.replace('_', '-')}" in help_text
    assert re.search(rf"Example:\n\s+surefoot learn {name}", help_text)


def test_options_reach_the_lesson_and_json_is_data_alone(capsys):
    assert run(["learn", "descent", "--lr", "0.1,0.25", "--iterations", "2", "--steps", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["surefoot"], document["version"], document["lesson"]) == ("lesson", 1, "descent")
    assert document["parameters"]["lr"] == [0.1, 0.25]
    assert document["numbers"]["descents"][1]["x"] == [2.0, -2.0, 2.0]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_pictures_are_written(tmp_path, monkeypatch, suffix, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["learn", "averages", "--out", f"picture.{suffix}"]) == 0
    head = (tmp_path / f"picture.{suffix}").read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if suffix == "png" else b"<?xml" in head


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["descentt"], "No such command 'descentt'"),
        (["descent", "--lr", "fast"], "not a list of numbers"),
        (["descent", "--lr", ""], "needs one value at least"),
        (["descent", "--iterations", "0"], "whole number from 1"),
        (["descent", "--surface", "hill"], "bowl, ravine"),
        (["descent", "--out", "walk.pdf"], "must end in one of .png, .svg, .html"),
        (["descent", "--out", "nowhere/walk.png"], "there is no folder"),
        (["backprop", "--weights", "1,2"], "8 numbers"),
        (["adam", "--betas", "0.9"], "two numbers"),
        (["averages", "--beta", "1.5"], "beta of averages"),
        (["descent", "--lang", "fr"], "'fr' is not one of"),
        (["batches", "--samples", "0"], "samples of batches"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_computed(arguments, complaint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["learn", *arguments]) == 2
    out, err = capsys.readouterr()
    assert complaint in err
    assert out == ""
    assert "Traceback" not in err


def test_help_loads_no_torch():
    code = (
        "import sys; from surefoot.cli.main import run; run(['learn']); run(['learn', 'adam', '--help']); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_a_terminal_without_unicode_gets_ascii_drawings():
    code = "from surefoot.cli.main import run; run(['learn', 'averages'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={"PYTHONIOENCODING": "ascii", "PATH": ""}, check=True
    )
    assert b"|" in done.stdout
    done.stdout.decode("ascii")
