"""`surefoot advise`: options, questions, a task, a history, code, JSON, errors."""

import json
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from attrs import evolve

import surefoot as sf
from surefoot.cli.main import run

KNOWN = ["--task", "classification", "--samples", "60000", "--epochs", "10", "--model", "cnn", "--pretrained"]
KNOWN += ["--sensitive", "--val-loss", "unstable"]
TASK = """
import torch
import surefoot as sf

def task():
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    return sf.Task(name="mine", model=lambda: torch.nn.Linear(4, 2), loss="cross_entropy",
                   train=(x, (x.sum(1) > 0).long()), epochs=2)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(TASK)
    return tmp_path


def test_options_give_a_ranked_list_with_reasons(here, capsys):
    assert run(["advise", *KNOWN]) == 0
    out, err = capsys.readouterr()
    text = re.sub(r"\s+", " ", out)
    for part in ("What to try first", "For: ", "against it, ", "What would change the answer", "Sources", "Besides"):
        assert part in text
    assert "60,000 samples × 10 epochs = 600,000" in text
    assert err == ""
    assert not list(here.glob("surefoot-runs"))


def ask(answers, *arguments):
    code = f"from surefoot.cli.main import main; main({['advise', *arguments]!r})"
    return subprocess.run([sys.executable, "-c", code], input=answers, capture_output=True, text=True)


def test_questions_are_asked_where_nothing_is_told():
    done = ask("classification\n60000\n10\n\ncnn\nno\nyes\nunstable\n\nno\n")
    assert done.returncode == 0
    assert "What is the task?" in done.stderr
    assert "model = CNN" in re.sub(r"\s+", " ", done.stdout)
    assert "pretrained = no" in re.sub(r"\s+", " ", done.stdout)
    chinese = ask("classification\n\n\n\n\n是\n\n\n\n否\n", "--lang", "zh")
    assert chinese.returncode == 0
    assert "任务是什么" in chinese.stderr
    assert "预训练 = 是" in chinese.stdout


def test_an_answer_that_makes_no_sense_is_asked_again():
    done = ask("shoes\nregression\n0\n100\nten\n10\n4000\n16\n\n\n\n\n\n\n\n")
    assert done.returncode == 0
    for complaint in ("task must be one of", "received 0", "received 'ten'", "a batch of 4000 samples does not fit"):
        assert complaint in done.stderr
    assert "samples = 100, epochs = 10, batch size = 16" in re.sub(r"\s+", " ", done.stdout)


def test_no_more_answers_is_told():
    done = ask("classification\n")
    assert done.returncode == 2
    assert "there were no more answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_task_is_looked_at(here, capsys):
    assert run(["advise", "mine.py", "--sensitive"]) == 0
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "task = classification, samples = 160, epochs = 2, batch size = 32, model = linear" in text


def test_measuring_leaves_a_study(here, capsys):
    assert run(["advise", "mine.py", "--measure", "--seeds", "2", "--first", "2"]) == 0
    out = capsys.readouterr().out
    assert "place measured" in out
    assert re.search(r"Measurement (and rules (agree|disagree)|does not contradict)", out)
    assert run(["show", "1"]) == 0
    assert "2 recipes × 2 seeds, 2 epochs" in capsys.readouterr().out
    assert "surefoot advise mine.py --measure" in (here / "surefoot-runs/compare-1-mine/report.html").read_text()


def test_the_script_after_measuring_is_the_measured_best(here, capsys):
    measure = ["advise", "mine.py", "--measure", "--seeds", "2", "--first", "2"]
    assert run([*measure, "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["measured"]["comparison"]
    best = measured["verdict"]["best"]
    assert run([*measure, "--code", "torch"]) == 0
    out, err = capsys.readouterr()
    compile(out, "script.py", "exec")
    assert f"The script is for: {best}" in err


@pytest.mark.parametrize("place", [1, 2])
def test_the_best_is_the_measured_one_wherever_the_rules_have_it(place):
    advice = sf.advise(model="cnn")
    verdict = SimpleNamespace(best=advice.recipes[place - 1].name)
    measured = evolve(advice, measured=SimpleNamespace(comparison=SimpleNamespace(verdict=verdict)))
    assert measured.best == place
    assert measured.code("torch") == advice.code("torch", place)


def test_json_holds_data_alone(here, capsys):
    assert run(["advise", "mine.py", "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["answers"]["samples"] == 160
    assert "<function" not in out
    assert " at 0x" not in out


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_interrupting_the_questions_ends_them(tmp_path):
    asked = subprocess.Popen(
        [sys.executable, "-c", "from surefoot.cli.main import main; main(['advise'])"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    asks = "?" in iter(lambda: asked.stderr.read(1), "")
    asked.send_signal(signal.SIGINT)
    out, err = asked.communicate(timeout=60)
    assert asks
    assert asked.returncode == 130
    assert out == ""
    assert "no more answers" not in err
    assert "Traceback" not in err


def test_a_history_is_read(here, capsys):
    (here / "log.csv").write_text(
        "epoch,loss,val_loss\n" + "".join(f"{i},{2 - 0.01 * i},{2.1 - 0.01 * i}\n" for i in range(20))
    )
    assert run(["advise", "--history", "log.csv", "--model", "cnn", "--out", "advice.html"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("What the history shows")
    assert "Too slow." in out
    assert (here / "advice.html").read_text().count("<svg") == 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "empty"),
        ("epoch,loss\n0,1.0\n", "At least 4 points"),
        ("epoch,speed\n" + "".join(f"{i},{i}\n" for i in range(9)), "speed"),
        ("epoch,loss\n0,1\n1,fast\n2,1\n3,1\n4,1\n", "fast"),
    ],
)
def test_a_bad_history_is_told(here, capsys, content, complaint):
    (here / "log.csv").write_text(content)
    assert run(["advise", "--history", "log.csv"]) == 2
    out, err = capsys.readouterr()
    assert complaint in err
    assert out == ""
    assert "Traceback" not in err


def test_code_and_json_are_alone_on_standard_output(here, capsys):
    assert run(["advise", *KNOWN, "--code", "torch"]) == 0
    source = capsys.readouterr().out
    compile(source, "script.py", "exec")
    assert run(["advise", *KNOWN, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["surefoot"], document["version"]) == ("advice", 1)
    assert document["answers"]["samples"] == 60_000
    assert document["recipes"][0]["schedule"] in source
    assert {"rule", "reason", "evidence", "source"} == set(document["schedules"][0]["for"][0])
    assert run(["advise", "--json"]) == 0  # nothing is asked where data is wanted
    assert json.loads(capsys.readouterr().out)["recipes"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--samples", "0"], "0 is not in the range"),
        (["--samples", "10", "--batch-size", "32"], "does not fit a training set of 10"),
        (["--length", "unknown", "--epochs", "3"], "unknown and given at once"),
        (["--model", "tree"], "'tree' is not one of"),
        (["--history", "absent.csv"], "absent.csv"),
        (["absent.py"], "absent.py"),
        (["--measure", "--model", "cnn"], "nothing to measure on"),
        (["--model", "cnn", "--code", "mxnet"], "mxnet"),
        (["--model", "cnn", "--out", "advice.pdf"], ".png, .svg, .html"),
    ],
)
def test_wrong_usage_ends_with_2(here, capsys, arguments, complaint):
    assert run(["advise", *arguments]) == 2
    out, err = capsys.readouterr()
    assert complaint in err
    assert out == ""
    assert "Traceback" not in err
