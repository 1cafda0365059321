"""Commands: split once, filled without quotes, and refused where a place is missing or unknown."""

import sys
from pathlib import Path

import pytest

from surefoot.core.errors import UsageError
from surefoot.programs import Command
from surefoot.schedules import parse
from surefoot.search import Arm, Rates, Space
from surefoot.studies.program_space import SCHEDULES, goal_of, space_of

RATES = Rates(1e-3, 1.0)
ONE = Space({"own": RATES}, ["own"])


def test_values_need_no_quotes_and_braces_can_be_written():
    command = Command.of(
        "python 'a file.py' --opt={optimizer}:{lr} '{schedule}' --json '{{\"a\": 1}}' --to {folder}/x {seed}"
    )
    arm = Arm(0.00012, (("optimizer", "sgd; rm"), ("schedule", "warmup('5%') >> cosine() # \"x\" $HOME")))
    assert command.filled(arm, 7, Path("/tmp/a b")) == [
        "python",
        "a file.py",
        "--opt=sgd; rm:0.00012",
        "warmup('5%') >> cosine() # \"x\" $HOME",
        "--json",
        '{"a": 1}',
        "--to",
        "/tmp/a b/x",
        "7",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the command is empty"),
        ("python 'train.py", "No closing quotation"),
        ("python t.py --lr {lr", "the braces do not match"),
        ("python t.py --lr {lr:.3f}", "braces hold the name"),
        ("python t.py --lr {}", "braces hold the name"),
        ("python t.py --lr {lr!r}", "braces hold the name"),
        ("python t.py {lr} > log", "no shell runs the command"),
        ("no-such-program {lr}", "there is no such program"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        Command.of(text)


@pytest.mark.parametrize(
    ("text", "space", "seeds", "said"),
    [
        ("python t.py", ONE, [0], r"no \{lr\}, so that every run would be the same"),
        ("python t.py {lr} {sead}", ONE, [0], r"in place of \{sead\}.*Did you mean 'seed'\?"),
        ("python t.py {lr}", Space({"own": RATES}, ["a", "b"]), [0], r"the schedule is searched.*no \{schedule\}"),
        ("python t.py {lr}", Space({"sgd": RATES, "adam": RATES}, ["a"]), [0], "the optimizer is searched"),
        ("python t.py {lr}", Space({"a": RATES}, ["b"], {"decay": ["0", "1"]}), [0], "the decay is searched"),
        ("python t.py {lr}", ONE, [0, 1], r"2 seeds are wanted.*no \{seed\}"),
    ],
)
def test_what_is_searched_needs_its_place_and_a_place_its_values(text, space, seeds, said):
    with pytest.raises(UsageError, match=said):
        Command.of(text).check(space, seeds)


def test_choices_with_one_value_need_no_place():
    Command.of("python t.py {lr}").check(ONE, [0])


def test_the_space_follows_the_places():
    for schedule in SCHEDULES:  # in a program that knows its number of updates and nothing else
        assert parse(schedule).bind(steps=10).values()[0] > 0
    assert space_of("python t.py {lr}").schedules == ("own",)
    assert len(space_of("python t.py {lr} {schedule}").schedules) > 2
    assert list(space_of("python t.py {lr} {optimizer}", optimizers=["sgd", "adam"]).branches) == ["sgd", "adam"]
    with pytest.raises(UsageError, match="List names that it takes"):
        space_of("python t.py {lr} {optimizer}")


@pytest.mark.parametrize(
    ("metric", "goal"),
    [("acc", "max"), ("val_accuracy", "max"), ("AUC", "max"), ("f1", "max"), ("bleu", "max"), ("eval/loss", "min"),
     ("perplexity", "min"), ("error", "min"), ("reconstruction_loss", "min")],
)  # fmt: skip
def test_the_goal_is_guessed_from_the_name(metric, goal):
    assert goal_of(metric) == goal


def test_options_are_checked_before_anything_runs(tune, tmp_path):
    command = f"{sys.executable} -c 0 {{lr}}"
    with pytest.raises(UsageError, match="Give it: --looks 20"):
        tune(command, looks=None)
    with pytest.raises(UsageError, match="at least one look"):
        tune(command, looks=0)
    for options, said in (
        ({"workers": 0}, "at least one program"),
        ({"paused": -1}, "paused must be 0 or above"),
        ({"fresh": -1}, "fresh must be 0 or above"),
        ({"grace": float("nan")}, "grace must be 0 or above"),
        ({"seeds": 0}, "every run needs a seed"),
        ({"seeds": []}, "every run needs a seed"),
        ({"seeds": [1, 1]}, "seeds are given twice"),
    ):
        with pytest.raises(UsageError, match=said):
            tune(command, **options)
    with pytest.raises(UsageError, match="the budget is too small"):
        tune(command, budget=0.5)
    assert not (tmp_path / "out").exists()
