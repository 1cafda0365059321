"""`surefoot plot`: what it draws, says, writes and prints; the code it prints runs in its framework."""

import csv
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

import surefoot as sf
from surefoot.cli.main import run
from surefoot.core.errors import ScheduleError
from surefoot.report.chart import chart, round_ticks
from surefoot.report.framework_code import framework_code
from surefoot.report.plotted import Compared, Plotted, thinned
from surefoot.schedules.like.text import LIBRARIES, parse, presets

GOOD = "0.1 * (warmup('5%') >> cosine())"
HEAVY = ("torch", "scipy", "matplotlib", "sklearn", "pandas", "jax", "keras")


def printed(capsys, *arguments):
    assert run(["plot", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_schedule_is_drawn_and_told(capsys):
    out = printed(capsys, "0.1*(warmup('5%')>>cosine())", "--at", "500", "--at", "5000")
    lines = out.splitlines()
    assert "┌" in lines[0]
    assert any("⠤" in line for line in lines)
    assert "1,000" in out
    told = lines[lines.index(f"{GOOD}   from 0.1*(warmup('5%')>>cosine())") :]
    assert told[1] == "  peak 0.1 at step 49; last update (step 999) 2.73396e-07; after it 0"
    assert told[2:4] == [
        "  step 0 – 49     0.002 → 0.1         warmup('5%')",
        "  step 50 – 999   0.1 → 2.73396e-07   cosine()",
    ]
    assert told[4:] == ["  at step 500: 0.05412896727361663", "  at step 5,000: 0.0"]


def test_several_are_told_apart_and_findings_are_told(capsys):
    out = printed(capsys, "linear(500, end=0.5) >> cosine()", "constant(0.5)", "--steps", "2000")
    assert "\n* linear(500, end=0.5) >> cosine()\n" in out
    assert "\no constant(0.5)\n" in out
    assert out.count("*") > 20
    assert out.count("o") > 20
    assert "  ! jump at step 500: the value leaps from 0.5 to 1" in out
    assert "\x1b" not in out


def test_a_schedule_that_is_over_before_the_horizon_says_so(capsys):
    out = printed(capsys, "warmup(100) >> linear(100, end=0.5)")
    assert re.search(r"step 200 – 999 +0\.5 → 0\.5 +\(past its end\)", out)


def test_of_momentum_is_checked_as_momentum(capsys):
    assert "momentum out of range" in printed(capsys, "1.0 * constant()", "--of", "momentum")
    assert "momentum out of range" not in printed(capsys, "1.0 * constant()")


def test_units_and_epochs(capsys):
    out = printed(capsys, "0.1 * step('2ep')", "--epochs", "6", "--steps-per-epoch", "50", "--at", "99", "--at", "100")
    assert "last update (step 299)" in out
    assert "at step 99: 0.1\n" in out
    assert "at step 100: 0.010000000000000002\n" in out
    units = ["--batch-size", "10", "--tokens-per-step", "1000", "--at", "50", "--at", "20"]
    out = printed(capsys, "linear('1e3samples') * linear('4e4tok')", *units)
    assert "at step 50: 0.0\n" in out
    assert "at step 20: 0.4\n" in out


def test_a_file_is_a_drawing(tmp_path, capsys):
    two = [GOOD, "0.1 * cosine(end=0.5)", "--diff", "--out"]
    for suffix, begins in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("html", b"<!doctype html>")):
        path = tmp_path / f"x.{suffix}"
        out = printed(capsys, *two, str(path))
        assert out.endswith(f"Written: {path}\n")
        assert path.read_bytes().startswith(begins)
    ElementTree.parse(tmp_path / "x.svg")


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.loads, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loads += [v for k, v in attributes if k in ("src", "href", "xlink:href") and not (v or "").startswith("#")]

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone_and_says_what_the_terminal_says(tmp_path, capsys):
    path, given = tmp_path / "x.html", "linear(500, end=0.5)>>cosine()*plateau(watch='<b>')"
    printed(capsys, given, "--out", str(path), "--at", "7")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.loads == []
    assert not {"script", "b", "link", "img"} & set(page.tags)
    for part in (str(sf.parse(given)), given, "jump at step 500", "0 – 499", "At step 7: 0.993", "over 1,000 steps"):
        assert part in page.text, part


@pytest.mark.parametrize("to_file", [False, True])
def test_the_whole_curve_as_a_table(tmp_path, capsys, to_file):
    path = tmp_path / "x.csv"
    out = printed(capsys, GOOD, "cosine()", "--steps", "300", "--csv", *([str(path)] if to_file else []))
    rows = list(csv.reader(io.StringIO(path.read_text() if to_file else out)))
    assert rows[0] == ["step", GOOD, "cosine()"]
    table = np.array(rows[1:], dtype=float)
    assert table[:, 0].tolist() == list(range(300))
    assert table[:, 1].tolist() == sf.parse(GOOD).bind(300).values().tolist()
    assert table[:, 2].tolist() == sf.cosine().bind(300).values().tolist()
    assert ("┌" in out) == to_file


def test_what_differs(capsys):
    out = printed(capsys, "cosine(500)", "cosine(1000)", "--diff")
    assert "  cosine.over: 500 → 1000\n" in out
    assert "  they differ from step 1 on\n" in out
    old, new = sf.cosine(500).bind(1000).values(), sf.cosine(1000).bind(1000).values()
    step = int(abs(new - old).argmax())
    assert f"most at step {step}: {old[step]:.6g} → {new[step]:.6g} (+{new[step] - old[step]:.6g})" in out
    assert out.count("┌") == 2


def test_nothing_differs(capsys):
    out = printed(capsys, "linear()", "linear()", "--diff")
    assert "none: they are equal" in out
    assert "the same at every step" in out
    out = printed(capsys, "linear()", "polynomial()", "--diff")
    assert "linear() → polynomial()" in out
    assert "the same at every step" in out


def test_json_is_documented_data(tmp_path, capsys):
    path = tmp_path / "x.svg"
    given = ["exponential(5.0, every=1)", "linear(100) >> constant(0.5)"]
    found = json.loads(printed(capsys, *given, "--json", "--diff", "--at", "3", "--out", str(path)))
    assert (found["surefoot"], found["version"], found["of"]) == ("plot", 1, "lr")
    assert found["horizon"] == {"steps": 1000, "steps_per_epoch": None, "batch_size": None, "tokens_per_step": None}
    first, second = found["curves"]
    assert first["findings"][0] | {"remedy": ""} == {
        "kind": "not finite", "step": 442, "what": "the value is inf", "remedy": "",
    }  # fmt: skip
    assert first["last"] is None
    assert sf.from_json(second["json"]) == sf.parse(second["schedule"])
    assert second["at"] == [{"step": 3, "value": 0.97}]
    assert second["phases"][1] == {
        "schedule": "constant(0.5)", "start": 100, "stop": 999, "first": 0.5, "last": 0.5,
    }  # fmt: skip
    assert second["points"][0] == [0, 1.0]
    assert found["difference"]["first"] == 1
    assert found["files"] == {"drawing": str(path)}
    documented = (Path(__file__).parents[2] / "docs/json.md").read_text(encoding="utf-8")
    section = documented[documented.index("surefoot plot --json") :]
    for key in [*found, *first, *first["findings"][0], *first["phases"][0], *found["difference"]]:
        assert f"`{key}`" in section or key in ("surefoot", "version"), key


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ("torch.StepLR(step_size=10, gamma=0.5)", "step(10, factor=0.5)"),
        ("torch.StepLR(step_size=10, gamma=0.5, per='epoch')", "step('10ep', factor=0.5)"),
        ("0.1 * torch.StepLR(10)", "0.1 * step(10)"),
        ("torch.SequentialLR([torch.LinearLR(), torch.CosineAnnealingLR(100)], [5])", None),
        ("torch.ChainedScheduler([warmup(10), torch.StepLR(3)])", "warmup(10) * step(3)"),
        ("keras.CosineDecay(0.1, 1000)", None),
        ("optax.join_schedules([optax.linear_schedule(0., 1., 10), optax.cosine_decay_schedule(1., 90)], [10])", None),
    ],
)
def test_presets_are_read_as_text(given, same, capsys):
    made = parse(given)
    assert same is None or made == sf.parse(same)
    assert sf.parse(str(made)) == made
    out = printed(capsys, "--like", given, "--steps-per-epoch", "20")
    assert f"   from {given}" in out


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("torch.StepL(10)", "did you mean 'StepLR'"),
        ("torhc.StepLR(10)", "did you mean 'torch'"),
        ("torch.StepLR(10, gama=0.5)", "gama"),
        ("torch.StepLR()", "step_size"),
        ("torch.StepLR('many')", "many"),
        ("torch.MultiStepLR(3)", "MultiStepLR|milestones"),
        ("torch._common(3)", "no preset"),
        ("torch.SequentialLR([3], [5])", "schedule"),
        ("torch", "unknown schedule 'torch'"),
        ("0.5", "not a schedule"),
        ("os.system('true')", "no presets of 'os'"),
        ("torch.StepLR.__init__(3)", "not part of the language"),
        ("__import__('os')", "unknown schedule"),
        ("torch.__getattr__('os')", "no preset"),
        ("torch.StepLR(10) >> 3", "chain"),
    ],
)
def test_presets_that_make_no_sense_are_refused(given, complaint, capsys):
    with pytest.raises(ScheduleError, match=f"(?i){complaint}"):
        parse(given)
    assert run(["plot", "--like", given]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_every_library_has_presets():
    for library in LIBRARIES:
        assert len(presets(library)) > 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no schedule to plot"),
        (["cosin()"], "did you mean 'cosine'"),
        (["cosine('5ep')"], "steps_per_epoch"),
        (["0.1 * warmup(10) >> cosine()"], "parentheses"),
        (["warmup(600) >> constant() >> cosine(800)"], "longer than the time"),
        (["cosine()", "--steps", "0"], "--steps"),
        (["cosine()", "--steps", "100000000000"], "--steps"),
        (["cosine()", "--at", "-1"], "--at"),
        (["cosine()", "--diff"], "two schedules, not 1"),
        (["cosine()", "linear()", "--code", "torch"], "one schedule, not 2"),
        (["cosine()", "--code", "keras"], "0.1 * (cosine())"),
        (["0.1 * plateau()", "--code", "optax"], "reacts"),
        (["cosine()", "--out", "x.gif"], ".svg, .png, .html"),
        (["cosine()", "--epochs", "3"], "--steps-per-epoch"),
        (["cosine()", "--epochs", "3", "--steps-per-epoch", "9", "--steps", "10"], "not as both"),
        (["cosine()", "--epochs", "1000000", "--steps-per-epoch", "1000000"], "more than"),
        (["--csv", "cosine()"], "write --csv - before a schedule"),
        (["cosine()", "--csv", "-", "--json"], "both be printed"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_remedy(arguments, complaint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["plot", *arguments]) == 2
    out, err = capsys.readouterr()
    assert complaint.lower() in err.lower()
    assert out == ""
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_ends_with_1(tmp_path, capsys):
    for option in ("--out", "--csv"):
        assert run(["plot", "cosine()", option, str(tmp_path / "absent" / "x.svg")]) == 1
        assert "error: " in capsys.readouterr().err


def command(*arguments, **environment):
    code = (
        "import sys; from surefoot.cli.main import run; code = run(sys.argv[1:]); "
        f"print('loaded', [name for name in {HEAVY} if name in sys.modules]); sys.exit(code)"
    )
    env = os.environ | {"COLUMNS": "90", "PYTHONWARNINGS": "error"} | environment
    return subprocess.run([sys.executable, "-c", code, "plot", *arguments], capture_output=True, env=env)


def test_it_starts_without_what_it_does_not_need(tmp_path):
    done = command(GOOD, "linear()", "--diff", "--at", "3", "--like", "torch.LinearLR()")
    assert done.returncode == 2  # three schedules, and --diff takes two
    done = command(GOOD, "--like", "torch.LinearLR()", "--diff", "--at", "3", PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b"loaded []\n")
    done = command(GOOD, "--out", str(tmp_path / "x.html"), PYTHONIOENCODING="utf-8")
    assert done.stdout.endswith(b"loaded ['matplotlib']\n"), done


def test_output_that_is_not_utf8_is_ascii():
    done = command(GOOD, "linear(10, end=0.5) >> plateau(watch='Verlust ∅')", "--diff", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("ascii")
    assert "step 0 - 49" in text
    assert "0.002 -> 0.1" in text
    assert "+---" in text
    assert max(len(line) for line in text.splitlines() if line.startswith((" ", "+"))) <= 200


def test_the_chart_fills_its_width_and_keeps_the_shape():
    values = sf.parse(GOOD).bind(5000).values()
    for plain in (False, True):
        lines = chart([values], 70, 16, colour=False, plain=plain).splitlines()
        assert len(lines) == 16
        assert max(map(len, lines)) == 70
        assert all(ord(c) < 128 for line in lines for c in line) == plain
    coloured = chart([values, values / 2], 70, 16, colour=True, plain=False)
    assert "\x1b[38;5;12m" in coloured
    assert "\x1b[38;5;9m" in coloured
    high = [line.index("*") for line in chart([values], 70, 16, colour=False, plain=True).splitlines() if "*" in line]
    assert high[0] < 12  # the peak is at the left: the curve begins there and falls to the right


@pytest.mark.parametrize("values", [[0.1], [0.0, 0.0], [-1.0, -2.0], [np.inf, 1.0, np.nan], [1e308, -1e308, 0.0]])
def test_odd_values_are_drawn(values):
    assert "┌" in chart([np.array(values)], 60, 12, colour=False, plain=False)


def test_values_that_are_never_finite_are_not_drawn():
    assert "nothing to draw" in chart([np.array([np.nan, np.inf])], 60, 12, colour=False, plain=False)


def test_thinning_keeps_every_extreme_and_ticks_are_round():
    values = np.zeros(100_000)
    values[[7, 50_001, 99_998]] = [1.0, -1.0, 2.0]
    kept = thinned(values, 100)
    assert len(kept) <= 102
    assert {0, 7, 50_001, 99_998, 99_999} <= set(kept.tolist())
    assert round_ticks(0, 0.1, 4) == [0.0, 0.02, 0.04, 0.06, 0.08, 0.1]
    assert round_ticks(-1, 1, 4) == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert round_ticks(3, 3, 4) == [3.0]


def test_the_difference_of_curves_that_are_not_finite():
    old, new = (Plotted("", sf.parse(text).bind(500)) for text in ("exponential(5.0, every=1)", "constant()"))
    assert Compared(old, new).first == 1
    assert Compared(old, old).first is None


CODES = [
    GOOD,
    "0.1 * one_cycle()",
    "0.1 * (warmup(10) >> constant(over='20%') >> polynomial(power=2, end=0.1))",
    "0.1 * every(cosine(), 7)",
    "0.1 * cyclical(30)",
    "0.1 * piecewise([100, 200], values=[1.0, 0.5, 0.1])",
    "0.05 * constant()",
    "maximum(0.1 * exponential(0.9, every=10, staircase=True), 0.001)",
    "0.1 * cosine_restarts(30, mult=2)",
]


@pytest.mark.parametrize("text", [*CODES, "cosine()", "warmup(30) >> constant()"])
def test_torch_code_runs_and_gives_the_same_values(text, capsys):
    space = {}
    exec(printed(capsys, text, "--steps", "300", "--code", "torch"), space)
    lr = 1.0 if sf.parse(text).is_rate else 0.3
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler, seen = space["make_scheduler"](optimizer), []
    for _ in range(320):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert np.allclose(seen, lr * sf.parse(text).bind(300).values(stop=320), rtol=1e-14, atol=1e-15)


def test_torch_code_of_what_no_formula_gives_uses_the_adapter(capsys):
    for text in ("0.1 * noise(0.1) * cosine()", "cosine() * plateau()"):
        code = printed(capsys, text, "--steps", "50", "--steps-per-epoch", "10", "--code", "torch")
        assert "steps=50, steps_per_epoch=10" in code
        space = {}
        exec(code, space)
        optimizer, seen = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0), []
        scheduler = space["make_scheduler"](optimizer)
        for _ in range(50):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        assert np.allclose(seen, sf.parse(text).bind(50).values(), rtol=1e-14)


def test_optax_code_runs_and_gives_the_same_values():
    jax = pytest.importorskip("jax", reason="JAX is not installed: pip install jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        for text in [*CODES, "0.1 * noise(0.1) * cosine()"]:
            space, curve = {}, sf.parse(text).bind(300)
            exec(framework_code(curve, "optax"), space)
            count = jax.numpy.arange(320, dtype="int32")
            values = jax.jit(jax.vmap(space["schedule"]))(count)
            assert np.allclose(values, curve.values(stop=320), rtol=1e-12, atol=1e-15), text
    finally:
        jax.config.update("jax_enable_x64", before)


KERAS = """
import json, sys, warnings
warnings.simplefilter("ignore")  # Keras's own
import keras, numpy as np
for text, code, values in json.load(sys.stdin):
    space = {}
    exec(code, space)
    made = space.get("learning_rate") or space["Schedule"]()
    seen = [float(made(step)) for step in range(len(values))]
    assert np.allclose(seen, values, rtol=0, atol=2e-7 * max(values)), text  # float32
    keras.config.set_floatx("float64")
    assert np.allclose([float(made(step)) for step in range(len(values))], values, rtol=0, atol=1e-15), text
    keras.config.set_floatx("float32")
    if "Schedule" in space:
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
        assert float(again(40)) == seen[40]
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(made), "mse")
        model.fit(np.ones((8, 2)), np.ones(8), batch_size=2, verbose=0)
        assert abs(float(model.optimizer.learning_rate) - values[4]) < 1e-7, text
"""


def test_keras_code_runs_and_gives_the_same_values():
    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is not installed: pip install keras")
    curves = [sf.parse(text).bind(100) for text in [*CODES, "0.1 * noise(0.1) * cosine()"]]
    given = [(str(each.schedule), framework_code(each, "keras"), each.values(stop=110).tolist()) for each in curves]
    env = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", KERAS], input=json.dumps(given), text=True, env=env, capture_output=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
