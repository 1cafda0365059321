"""The built-in tasks on text and on patients: their parts, their numbers, and that they can be learned."""

import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_absolute_error, r2_score
from torch import nn
from training.test_trainers import ran

from surefoot.core.errors import DataError
from surefoot.core.recipe import Recipe
from surefoot.core.task import Task
from surefoot.tasks import load, prepare
from surefoot.tasks.decoder import Decoder
from surefoot.tasks.diabetes import explained, mean_error
from surefoot.tasks.text import CHARACTERS, bits


def read(tokens):
    return "".join((CHARACTERS + "\N{REPLACEMENT CHARACTER}")[i] for i in tokens.flatten().tolist())


def test_the_text_is_pythons_manual_in_parts_that_follow_each_other():
    from pydoc_data.topics import topics

    whole = "\n".join(topics[name] for name in sorted(topics))
    task, place = load("char-lm"), 0
    for x, y in (task.train, task.validation, task.test):
        assert x.shape == y.shape
        assert x.shape[1] == 64
        assert torch.equal(x.flatten()[1:], y.flatten()[:-1])
        found = "".join(
            c if c in CHARACTERS else "\N{REPLACEMENT CHARACTER}" for c in whole[place : place + len(whole)]
        )
        start = found.index(read(x)) + place
        assert start == place or start - place <= 65
        place = start + x.numel() + 1  # the last target is in no other part
    assert place > 0.99 * len(whole)
    assert [round(len(x) / (place / 64), 2) for x, _ in (task.train, task.validation, task.test)] == [0.8, 0.1, 0.1]


def test_a_python_without_its_manual_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match=r"comes without the text of its manual.*Take a Python with the whole standard"):
        load("char-lm")


def test_the_decoder_looks_at_no_later_place():
    torch.manual_seed(0)
    model, tokens = Decoder(11, 8, width=8, heads=2).double(), torch.randint(0, 11, (3, 8))
    changed = tokens.clone()
    changed[:, 5:] = (changed[:, 5:] + 1) % 11
    ours, theirs = model(tokens), model(changed)
    torch.testing.assert_close(ours[..., :5], theirs[..., :5], rtol=1e-12, atol=0)
    assert not torch.allclose(ours[..., 5:], theirs[..., 5:])
    assert model.score.weight is model.token.weight


def test_bits_of_a_character_that_is_certain_or_one_of_many():
    x = load("char-lm").validation[0]
    assert bits(nn.functional.one_hot(x, 97).transpose(1, 2) * 1e4, x).item() == 0
    assert bits(torch.zeros(*x.shape, 97).transpose(1, 2), x).item() == pytest.approx(np.log2(97))


def test_the_decoder_learns_and_stacks():
    """A part of the text is enough: in 40 updates from 6.6 bits to under 5.2; the trainers agree."""
    whole = load("char-lm")
    part = {
        "train": tuple(each[:320] for each in whole.train), "validation": tuple(each[:64] for each in whole.validation),
    }  # fmt: skip
    task = prepare(
        Task(name="part", model=whole.model, loss=whole.loss, metrics=whole.metrics, batch_size=8, epochs=1, **part)
    )
    fused, loop = (ran(task, [Recipe("adam", "adam", 0.01)], trainer=trainer) for trainer in ("fused", "loop"))
    assert (fused["used"], loop["used"]) == ("fused", "loop")
    for run in (0, 1):
        assert fused["losses"][run] == pytest.approx(loop["losses"][run], rel=1e-2)  # Adam enlarges rounding
        assert loop["seen"][run][-1].values["bits per character"] < 5.2


def test_the_patients_are_standardised_by_what_the_training_part_knows():
    inputs, target = load_diabetes(return_X_y=True, scaled=False)
    task = load("diabetes")
    parts = [task.train, task.validation, task.test]
    assert [tuple(x.shape) for x, _ in parts] == [(266, 10), (88, 10), (88, 10)]
    assert all(y.shape == (len(x), 1) and x.dtype == y.dtype == torch.float32 for x, y in parts)
    for values in task.train:
        assert values.mean(0).abs().max() < 1e-5
        assert (values.std(0, unbiased=False) - 1).abs().max() < 1e-5
    fifth = np.arange(442) % 5
    mean, deviation = target[fifth < 3].mean(), target[fifth < 3].std()
    for (x, y), rows in zip(parts, (fifth < 3, fifth == 3, fifth == 4), strict=True):
        assert (y[:, 0] * deviation + mean).numpy() == pytest.approx(target[rows], rel=1e-4)
        assert np.corrcoef(x[:, 2], inputs[rows, 2])[0, 1] == pytest.approx(1)


def test_the_metrics_of_regression_are_scikit_learns():
    task = load("diabetes")
    (_, y), deviation = task.test, load_diabetes(scaled=False).target[np.arange(442) % 5 < 3].std()
    outputs = y + torch.linspace(-1, 1, len(y))[:, None]
    assert explained(outputs, y).item() == pytest.approx(r2_score(y, outputs), rel=1e-5)
    error = mean_absolute_error(y * deviation, outputs * deviation)
    assert mean_error(deviation, outputs, y).item() == pytest.approx(error, rel=1e-5)
    assert task.metrics[1].of(outputs, y).item() == pytest.approx(error, rel=1e-5)
    assert [(metric.name, metric.goal) for metric in task.metrics] == [("R²", "max"), ("error", "min")]


def test_diabetes_can_be_learned():
    task = prepare(load("diabetes"))
    seen = ran(task, [Recipe("adam", "adam", 0.003, "cosine()")], seeds=(0,))["seen"][0]
    assert seen[-1].values["R²"] > 0.4
