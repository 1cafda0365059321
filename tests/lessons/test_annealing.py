"""Annealing: the curves are torch's, Keras's are held elsewhere; strategies by name, one loop for all of them."""

import numpy as np
import pytest
import torch

from surefoot.core.errors import ScheduleError
from surefoot.lessons.annealing import Annealing
from surefoot.lessons.strategies import PEAKS, train


@pytest.fixture(scope="module")
def found():
    return Annealing().run()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("StepLR(50, 0.5)", lambda o: torch.optim.lr_scheduler.StepLR(o, 50, 0.5)),
        ("MultiStepLR([50, 125, 160], 0.5)", lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [50, 125, 160], 0.5)),
        ("MultiStepLR([30, 80], 0.1)", lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [30, 80], 0.1)),
        ("ExponentialLR(0.95)", lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.95)),
    ],
)
def test_a_curve_is_torchs_over_200_epochs_of_10(found, name, make):
    w = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    scheduler, values = make(optimizer), []
    for _ in range(200):
        values.append(optimizer.param_groups[0]["lr"])
        for _ in range(10):
            optimizer.step()
        scheduler.step()
    curve = next(each for each in found.annealed if each.name == name)
    assert curve.lr == pytest.approx(values, rel=1e-12)


def test_one_over_t(found):
    assert found.annealed[-1].lr == pytest.approx(0.1 / (1 + 0.1 * np.arange(200)), rel=1e-12)


def test_every_strategy_learns_by_the_same_loop(found):
    assert [each.name for each in found.trained] == list(PEAKS)
    for each in found.trained:
        assert len(each.lr) == len(each.loss) == len(each.accuracy) == 30
        assert each.accuracy[-1] > 0.9
        assert each.loss[-1] < each.loss[0] / 2
    rates = {each.name: each.lr for each in found.trained}
    assert rates["step_decay"][[9, 10, 20]] == pytest.approx([0.1, 0.05, 0.025])
    assert rates["exponential_decay"] == pytest.approx(0.1 * 0.9 ** np.arange(30))
    assert rates["cosine_annealing"][-1] < 1e-5
    assert rates["one_cycle"].argmax() in range(7, 11)


def test_plateau_is_shown_the_validation_loss(found):
    """Its rate is what torch's ReduceLROnPlateau makes of the same losses."""
    plateau = next(each for each in found.trained if each.name == "reduce_on_plateau")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=5)
    expected = []
    for loss in plateau.loss:
        expected.append(optimizer.param_groups[0]["lr"])
        scheduler.step(loss)
    assert plateau.lr == pytest.approx(expected)
    assert plateau.lr[-1] < 0.1  # it did fall: else this test says nothing


def test_an_unknown_strategy_is_a_value_error():
    with pytest.raises(ScheduleError, match="unknown strategy 'magic'"):
        train("magic")
    assert issubclass(ScheduleError, ValueError)


def test_the_training_repeats_itself():
    one, two = train("one_cycle", epochs=2, seed=3), train("one_cycle", epochs=2, seed=3)
    assert one.loss.tolist() == two.loss.tolist()
    assert train("one_cycle", epochs=2, seed=4).loss.tolist() != one.loss.tolist()


def test_keras_schedules_by_hand(found):
    lr = {each.name: each for each in found.keras}
    piecewise = lr["PiecewiseConstantDecay"]
    assert piecewise.lr[[0, 10, 11, 20, 21, 30, 31]].tolist() == [1.0, 1.0, 0.5, 0.5, 0.1, 0.1, 0.01]
    assert lr["ExponentialDecay, ×0.5 / 10 000"].lr[-1] == pytest.approx(0.1 * 0.5**4)
    assert lr["ExponentialDecay, ×0.96 / 1000"].lr[-1] == pytest.approx(0.1 * 0.96**49)
    assert lr["PolynomialDecay (linear)"].lr[[0, -1]] == pytest.approx([0.1, 0.1 * (1 - 49_999 / 50_000)])
