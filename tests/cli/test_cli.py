"""The command, as a person uses it: what it prints where, what it leaves behind, and its exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from surefoot.cli.main import COMMANDS, run

TASK = """
import torch
import surefoot as sf

def task():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(200, 4, generator=g)
    return sf.Task(name="mine", model=lambda: torch.nn.Linear(4, 2), loss="cross_entropy",
                   train=(x, (x.sum(1) > 0).long()), epochs=2)
"""
LOOK = """
from pathlib import Path

looks = []

def looked_at(outputs, targets):
    looks.append(1)
    if len(looks) > 7 and Path("stop").exists():
        raise KeyboardInterrupt
    return (outputs.argmax(1) == targets).double().mean()
"""
RECIPES = "- {name: a, optimizer: sgd, lr: 0.1}\n- {name: b, optimizer: adam, lr: 0.01, schedule: cosine()}\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(TASK)
    (tmp_path / "mine.yaml").write_text(RECIPES)
    return tmp_path


def test_compare_prints_and_keeps(here, capsys):
    assert run(["compare", "mine.py", "--recipes", "mine.yaml", "--seeds", "2", "--target", "0.5"]) == 0
    out, err = capsys.readouterr()
    assert "mine: 2 recipes × 2 seeds, 2 epochs of 5 steps, batch 32" in out
    assert "steps to ≥ 0.5" in out
    assert "Verdict: " in out
    assert "validation: 40 samples held out" in err
    assert "Verdict" not in err
    report, figure = re.search(r"Report  (\S+)\nFigure  (\S+)", out).groups()
    assert (here / report).read_text().startswith("<!doctype html>")
    assert (here / figure).read_bytes().startswith(b"\x89PNG")


def test_show_lists_and_draws_again(here, capsys):
    assert run(["compare", "mine.py", "--recipes", "mine.yaml", "--seeds", "2"]) == 0
    compared = capsys.readouterr().out
    assert run(["compare", "mine.py", "--recipes", "mine.yaml", "--lr", "0.1,0.01", "--seeds", "3,5"]) == 0
    capsys.readouterr()
    assert run(["show"]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"1 .* mine +2 +2 +done", listed)
    assert re.search(r"2 .* mine +4 +2 +done", listed)
    assert run(["show", "1"]) == 0
    assert capsys.readouterr().out == compared


def test_json_is_data_alone(here, capsys):
    assert run(["compare", "mine.py", "--recipes", "mine.yaml", "--seeds", "3,5", "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert (compared["surefoot"], compared["version"], compared["facts"]["seeds"]) == ("comparison", 1, [3, 5])
    assert {entry["recipe"]["name"] for entry in compared["recipes"]} == {"a", "b"}
    assert run(["show", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == compared
    assert run(["show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["studies"][0]["id"] == 1


def test_it_speaks_chinese(here, capsys, monkeypatch):
    command = ["compare", "mine.py", "--recipes", "mine.yaml", "--seeds", "2"]
    assert run([*command, "--lang", "zh"]) == 0
    chinese = capsys.readouterr().out
    assert "mine：2 个配方 × 2 个随机种子，2 轮，每轮 5 步，批大小 32" in chinese
    assert "\n结论：" in chinese
    report = re.search(r"报告  (\S+)\n图像  (\S+)", chinese)[1]
    assert '<html lang="zh">' in (here / report).read_text()
    assert run(["show", "1"]) == 0  # as it was asked for now, not as it was begun
    english = capsys.readouterr().out
    assert "\nVerdict: " in english
    assert not re.search("[一-鿿]", english)
    assert '<html lang="en">' in (here / report).read_text()
    assert run(["show", "1", "--lang", "zh"]) == 0
    assert capsys.readouterr().out == chinese
    monkeypatch.setenv("SUREFOOT_LANG", "zh")
    assert run(["show", "1"]) == 0
    assert capsys.readouterr().out == chinese
    assert run(["show", "1", "--lang", "en"]) == 0
    assert capsys.readouterr().out == english
    assert run(["show"]) == 0
    listed = capsys.readouterr().out
    assert re.search("编号 +类型 +创建时间 +任务 +配方数 +随机种子 +状态", listed)
    assert re.search(r"1 .* mine +2 +2 +已完成", listed)
    assert run(["show", "--check"]) == 0
    assert "完好：" in capsys.readouterr().out


def test_json_has_english_keys_and_chinese_sentences(here, capsys):
    assert run(["compare", "mine.py", "--recipes", "mine.yaml", "--seeds", "2", "--json", "--lang", "zh"]) == 0
    chinese = json.loads(capsys.readouterr().out)
    assert run(["show", "1", "--json"]) == 0
    english = json.loads(capsys.readouterr().out)
    assert [reading["heading"] for reading in chinese["readings"]] == ["训练效率", "长期表现", "稳定性"]
    assert chinese["verdict"]["sentence"].endswith("。")
    for each in (chinese, english):
        del each["readings"], each["verdict"]["sentence"]
    assert chinese == english


def test_a_missing_font_is_told_once_and_apart_from_the_data(here, capsys, monkeypatch):
    monkeypatch.setattr("surefoot.report.fonts.chinese_font", lambda: None)
    command = ["compare", "mine.py", "--recipes", "mine.yaml", "--seeds", "1", "--lang", "zh"]
    assert run([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    json.loads(out)
    assert err.count("fonts-noto-cjk") == 1
    assert "没有安装中文字体" in err
    assert run(["show", "1"]) == 0
    assert "fonts-noto-cjk" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("begun", "asked", "chinese"), [("zh", [], True), ("en", ["--lang", "zh"], True), ("zh", ["--lang", "en"], False)]
)
def test_resume_speaks_the_language_asked_for_or_begun_in(here, capsys, begun, asked, chinese):
    metrics = "epochs=4, metrics=[sf.Metric('accuracy', looked_at)]"
    (here / "mine.py").write_text(TASK.replace("epochs=2", metrics) + LOOK)
    (here / "stop").touch()
    command = ["compare", "mine.py", "--recipes", "mine.yaml", "--seeds", "2", "--trainer", "loop", "--lang", begun]
    assert run(command) == 130
    (here / "stop").unlink()
    assert run(["show", "1", "--lang", "zh"]) == 0
    assert "研究 1 尚未完成。继续：surefoot compare --resume" in capsys.readouterr().out
    assert run(["compare", "--resume", *asked]) == 0
    out, err = capsys.readouterr()
    assert ("结论：" in out) == ("继续：surefoot compare mine.py" in err) == chinese
    assert ("Verdict: " in out) == ("going on with: surefoot compare mine.py" in err) == (not chinese)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["compair"], "compair"),
        (["compare", "digitz"], "did you mean 'digits'"),
        (["compare", "absent.py"], "absent.py"),
        (["compare", "--recipes", "clasic"], "did you mean 'classic'"),
        (["compare", "--recipes", "absent.yaml"], "cannot read the recipe file"),
        (["compare", "--recipes", "wrong.yaml"], "wrong.yaml:2:14: unknown optimizer 'adm'"),
        (["compare", "--recipes", "long.yaml"], "recipe 'a': the schedule is longer than the time there is"),
        (["compare", "--lr", "-1"], "received -1.0"),
        (["compare", "--lr", "nan"], "received nan"),
        (["compare", "--lr", "fast"], "not a number"),
        (["compare", "--seeds", "0"], "seeds must be"),
        (["compare", "--seeds", "1,1"], "seeds must be"),
        (["compare", "--seeds", "many"], "not a number of seeds"),
        (["compare", "--epochs", "0"], "epochs"),
        (["compare", "--batch-size", "100000"], "batch size"),
        (["compare", "--trainer", "quantum"], "quantum"),
        (["compare", "--device", "abacus"], "abacus"),
        (["compare", "--data", "."], "data"),
        (["compare", "--target", "nan"], "target"),
        (["compare", "--colour", "red"], "--colour"),
        (["compare", "--lang", "zn"], "'en', 'zh'"),
        (["show", "first"], "first"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_remedy_before_training(here, capsys, arguments, complaint):
    (here / "wrong.yaml").write_text("- name: a\n  optimizer: adm\n")
    (here / "long.yaml").write_text("- {name: a, optimizer: adam, schedule: cosine('20ep')}\n")
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert complaint.lower() in err.lower()
    assert out == ""
    assert "Traceback" not in err
    assert not (here / "surefoot-runs").exists()


def test_a_task_file_that_raises_keeps_its_traceback(here, capsys):
    (here / "broken.py").write_text("def task():\n    return {}['my key']\n")
    assert run(["compare", "broken.py"]) == 2
    err = capsys.readouterr().err
    assert "KeyError: 'my key'" in err
    assert 'broken.py", line 2' in err
    assert "surefoot/cli" not in err


@pytest.mark.parametrize("made", ["file", "text"])
def test_a_place_that_cannot_be_written_is_told_before_training(here, capsys, made):
    if made == "file":
        (here / "out").write_text("")
    else:
        (here / "out").mkdir()
        (here / "out" / "surefoot.sqlite").write_text("no database" * 1000)
    assert run(["compare", "mine.py", "--out", "out"]) == 1
    err = capsys.readouterr().err
    assert "error: " in err
    assert "store" in err
    assert "Traceback" not in err


def test_a_folder_without_permission(here, capsys):
    locked = here / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write anywhere (root): permissions do not bind it")
    assert run(["compare", "mine.py", "--out", "locked"]) == 1
    assert "permission" in capsys.readouterr().err.lower()


def test_show_without_records(here, capsys):
    assert run(["show"]) == 1
    assert "nothing has been recorded" in capsys.readouterr().err


def test_a_run_that_diverges_is_a_result(here, capsys):
    (here / "wild.yaml").write_text(
        "- {name: wild, optimizer: sgd(weight_decay=1e30), lr: 1.0e+30}\n- {name: tame, optimizer: sgd, lr: 0.1}\n"
    )
    assert run(["compare", "mine.py", "--recipes", "wild.yaml"]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"wild, seed 0: diverged at step \d+", err)
    assert "wild diverged on 3 of 3 seeds" in out.replace("\n  ", " ")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_has_an_example(command, capsys):
    assert run([*command, "--help"]) == 0
    assert re.search(r"Examples?:\n\s+surefoot ", capsys.readouterr().out)


def surefoot(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", "from surefoot.cli import main; main()", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, **options,
    )  # fmt: skip


def test_ctrl_c_stops_cleanly_and_keeps_what_was_recorded(here):
    process = surefoot("compare", "--epochs", "2000", "--seeds", "1")
    for line in process.stderr:
        if "rows alive" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; what was recorded before" in err
    assert "Traceback" not in err
    shown = surefoot("show", "1")
    out, _ = shown.communicate(timeout=60)
    assert shown.returncode == 0
    assert "interrupted" in out


def test_help_is_quick_because_torch_is_not_loaded():
    code = "import sys; from surefoot.cli.main import run; run(['compare', '--help']); sys.exit('torch' in sys.modules)"
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
    assert time.monotonic() - began < 20
