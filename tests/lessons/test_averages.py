"""Averages: the recursion by hand, its unrolled form, the bias correction, the rule of momentum."""

import numpy as np
import pytest
import torch

from surefoot.lessons.averages import Averages


@pytest.fixture(scope="module")
def found():
    return Averages().run()


def test_the_temperatures_are_the_documents(found):
    torch.manual_seed(0)
    assert found.temperatures == pytest.approx((torch.randn(30) * 10).double().numpy(), abs=0)


def test_the_first_days_by_hand(found):
    y, (half, nine) = found.temperatures, found.averages
    assert (half.beta, nine.beta) == (0.5, 0.9)
    assert half.first[0] == nine.first[0] == y[0]
    assert half.first[1] == pytest.approx(0.5 * y[0] + 0.5 * y[1])
    assert nine.first[2] == pytest.approx(0.9 * (0.9 * y[0] + 0.1 * y[1]) + 0.1 * y[2])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.98])
def test_unrolled_it_is_a_weighted_sum(beta):
    found = Averages(beta=(beta,)).run()
    y, average = found.temperatures, found.averages[0]
    t = np.arange(len(y))
    for day in (0, 1, 7, 29):
        weights = (1 - beta) * beta ** (day - t[: day + 1])
        assert average.zero[day] == pytest.approx(weights @ y[: day + 1])
        assert average.corrected[day] == pytest.approx(weights @ y[: day + 1] / weights.sum())


def test_a_larger_memory_is_smoother(found):
    assert found.averages[1].jump < found.averages[0].jump < found.jump


def test_it_is_what_momentum_does_to_gradients(found):
    """SGD with dampening = momentum keeps the average from the first value."""
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1, momentum=0.9, dampening=0.9)
    for y, average in zip(found.temperatures, found.averages[1].first, strict=True):
        w.grad = torch.tensor([y], dtype=torch.float64)
        optimizer.step()
        assert optimizer.state[w]["momentum_buffer"].item() == pytest.approx(average)
