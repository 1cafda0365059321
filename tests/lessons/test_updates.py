"""The lessons of single optimizers: known numbers, torch at every update, and what their pictures claim."""

import inspect

import numpy as np
import pytest
import torch

from surefoot.core.errors import UsageError
from surefoot.lessons import learn
from surefoot.lessons.adagrad import AdaGrad, _regression
from surefoot.lessons.adam import Adam
from surefoot.lessons.momentum import Momentum
from surefoot.lessons.rmsprop import RMSprop


@pytest.fixture(scope="module")
def momentum():
    return Momentum().run()


@pytest.fixture(scope="module")
def adagrad():
    return AdaGrad().run()


def traced(lesson):
    found = lesson.run()
    return found.heavy if isinstance(lesson, Momentum) else found.traced


@pytest.mark.parametrize(
    ("lesson", "points"),
    [
        (Momentum(), [0.99, 0.9711]),
        (AdaGrad(), [0.99, 0.98296]),
        (RMSprop(), [0.96838, 0.94579]),
        (Adam(), [0.99, 0.98]),
    ],
    ids=["momentum", "adagrad", "rmsprop", "adam"],
)
def test_the_known_updates(lesson, points):
    found = traced(lesson)
    assert [row.w for row in found.rows] == pytest.approx(points, abs=6e-6)
    assert [row.gradient for row in found.rows] == pytest.approx([1, points[0]], abs=6e-6)
    assert found.difference < 1e-15


@pytest.mark.parametrize("kind", [Momentum, AdaGrad, RMSprop, Adam])
def test_a_hundred_updates_are_torchs(kind):
    found = traced(kind(start=-3.0, lr=0.05, updates=100))
    assert len(found.torch) == 100
    assert found.difference < 1e-13
    assert abs(found.rows[-1].w) < 3


def test_adagrads_own_decay_counts_from_the_first_update():
    assert traced(AdaGrad(lr_decay=0.5, updates=20)).difference < 1e-14
    assert traced(AdaGrad(lr_decay=0.5)).rows[0].w == pytest.approx(0.99)  # the first at the full rate


def test_the_average_form_and_the_four_forms(momentum):
    assert [row.w for row in momentum.average.rows] == pytest.approx([0.99, 0.98001])
    assert momentum.average.difference < 1e-15
    moved = {form: w for form, (_, w) in momentum.forms.items()}
    assert moved == pytest.approx({"average": -0.951, "average-first": -3.39, "heavy-ball": -9.51, "keras": -9.51})
    assert momentum.forms["average"][0] == pytest.approx([0.1, 0.29, 0.561])


def test_momentum_leaves_the_saddle_sooner_and_damps_noise(momentum):
    sgd, heavy = momentum.saddle
    assert sgd.lr == heavy.lr == 0.05
    assert (heavy.heights < -0.2).argmax() < (sgd.heights < -0.2).argmax()
    ratio = momentum.jumps["momentum"] / momentum.jumps["sgd"]
    assert ratio == pytest.approx((0.1 / 1.9) ** 0.5, rel=0.25)


def test_adagrads_rate_falls_with_the_root(adagrad):
    assert adagrad.effective == pytest.approx(0.01 / np.sqrt(np.arange(1, 201)), rel=1e-9)


def test_adagrad_is_closer_on_the_sparse_problem(adagrad):
    assert adagrad.sparse["AdaGrad"].mean < adagrad.sparse["SGD"].mean
    for each in adagrad.sparse.values():
        assert 0.003 < each.lr < 3  # inside the grid: a wider one would not change it


def test_the_regression_is_torchs_linear_with_adagrad():
    seeded = torch.Generator().manual_seed(0)
    x, true = (torch.randn(*shape, generator=seeded, dtype=torch.float64) for shape in ((100, 10), (10, 1)))
    y = x @ true + 0.1 * torch.randn(100, 1, generator=seeded, dtype=torch.float64)
    model = torch.nn.Linear(10, 1).double()
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.5, weight_decay=0.01)
    for _ in range(10):
        for part in range(0, 100, 10):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x[part : part + 10]), y[part : part + 10]).backward()
            optimizer.step()
    found = _regression(0.01)
    assert len(found.losses) == 11
    assert found.length == pytest.approx(model.weight.norm().item(), rel=1e-12)
    assert found.losses[-1] == pytest.approx(torch.nn.functional.mse_loss(model(x), y).item(), rel=1e-12)


def test_weight_decay_shortens_the_weights(adagrad):
    lengths = [each.length for each in adagrad.regressions]
    assert [each.weight_decay for each in adagrad.regressions] == [0, 0.01, 0.1, 1]
    assert lengths == sorted(lengths, reverse=True)


def test_rmsprop_recovers_and_adagrad_does_not():
    effective = RMSprop().run().effective
    assert effective["RMSprop"][-1] == pytest.approx(0.01 / 0.1, rel=1e-3)
    assert effective["RMSprop"][90] == pytest.approx(0.01, rel=1e-3)
    assert (np.diff(effective["AdaGrad"]) < 0).all()


def test_adams_first_step_and_what_keras_does_with_epsilon():
    found = Adam(betas=(0.9, 0.999)).run()
    first = {each.gradient: each for each in found.first}
    assert first[1.0].torch == pytest.approx(1, abs=1e-7)
    assert first[1e-7].torch == pytest.approx(0.909, abs=5e-4)
    assert first[1e-7].keras == pytest.approx(0.031, abs=5e-4)
    assert first[1.0].uncorrected == pytest.approx(0.1 / 0.001**0.5, rel=1e-6)
    assert found.lengths["without"][0] == pytest.approx(0.01 * 0.1 / 0.001**0.5, rel=1e-6)


@pytest.mark.parametrize(("name", "kind"), [("adagrad", "Adagrad"), ("rmsprop", "RMSprop"), ("adam", "Adam")])
def test_the_defaults_shown_are_torchs_own(name, kind):
    text = learn(name).text(110)
    for argument, spec in inspect.signature(getattr(torch.optim, kind)).parameters.items():
        if argument in ("params", "foreach", "maximize", "differentiable", "capturable", "fused"):
            continue
        if argument == "decoupled_weight_decay":
            continue
        assert f"{argument} " in text
        assert str(spec.default) in text, argument


def test_bad_numbers_are_refused():
    with pytest.raises(UsageError, match="two numbers"):
        Adam(betas=(0.9,))
    with pytest.raises(UsageError, match=r"beta of momentum must be a number from 0 to 0\.9999"):
        Momentum(beta=1.0)
    with pytest.raises(UsageError, match="lr of adam"):
        Adam(lr=-1)


@pytest.mark.parametrize("kind", [AdaGrad, RMSprop, Adam])
def test_at_the_minimum_nothing_moves(kind):
    found = traced(kind(start=0.0, eps=1e-30))
    assert [row.w for row in found.rows] == [0, 0]
