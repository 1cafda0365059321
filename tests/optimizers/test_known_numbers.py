"""Numbers that are known from elsewhere: worked examples, and what sets the libraries apart."""

import math

import pytest
import torch

from surefoot.optimizers import SGD, Adagrad, Adam, RMSprop, like, parse


def path(rule, gradient, start=1.0, steps=2, rates=None):
    """The parameter after each update, in float64; `gradient` is a function of it, or a list."""
    p, points = torch.tensor(start, dtype=torch.float64), []
    state = rule.init(p, rule.hyper)
    for t in range(1, steps + 1):
        g = torch.as_tensor(gradient(p.clone()) if callable(gradient) else gradient[t - 1], dtype=torch.float64)
        h = rule.filled({"lr": rates[t - 1]} if rates else {})
        rule.update(p, g, state, rule.coefficients(h, t))
        points.append(float(p))
    return points


@pytest.mark.parametrize(
    ("rule", "points"),
    [
        (SGD(lr=0.01, momentum=0.9), [0.99, 0.9711]),
        (Adagrad(lr=0.01), [0.99, 0.98296]),
        (RMSprop(lr=0.01, alpha=0.9), [0.96838, 0.94579]),
        (Adam(lr=0.01, beta2=0.99), [0.99, 0.98]),
    ],
    ids=str,
)
def test_two_updates_on_half_a_square(rule, points):
    # Adam's second point is .9800025...; the others are known to five places.
    assert path(rule, lambda w: w) == pytest.approx(points, abs=6e-6)


def test_gradient_descent_on_half_a_square_as_keras_does_it():
    assert path(like.keras.SGD(learning_rate=0.1), lambda w: w, steps=1) == [0.9]


def test_momentum_when_the_rate_falls():
    rates = [0.1, 0.01]
    assert path(like.torch.SGD(momentum=0.9), [1, 1], 0.0, 2, rates)[-1] == pytest.approx(-0.119, abs=1e-15)
    assert path(like.keras.SGD(momentum=0.9), [1, 1], 0.0, 2, rates)[-1] == pytest.approx(-0.200, abs=1e-15)


@pytest.mark.parametrize(
    ("form", "moved"),
    # rate 1, β .9, g = 1, 2, 3: buffers .1 .29 .561, from the first gradient 1 1.1 1.29, heavy-ball 1 2.9 5.61
    [("average", -0.951), ("average-first", -3.39), ("heavy-ball", -9.51)],
)
def test_forms_of_momentum_after_three_gradients(form, moved):
    rule = SGD(lr=1, momentum=0.9, form=form)
    assert path(rule, [1, 2, 3], 0.0, 3)[-1] == pytest.approx(moved, abs=1e-14)


def test_the_average_from_zero_is_heavy_ball_at_a_smaller_rate():
    gradients = [0.3, -2.0, 5.0, 0.1, 0.7]
    average = path(SGD(lr=0.5, momentum=0.8, form="average"), gradients, steps=5)
    assert average == pytest.approx(path(SGD(lr=0.5 * (1 - 0.8), momentum=0.8), gradients, steps=5), rel=1e-14)


def test_first_adam_step_on_a_tiny_gradient():
    lr, g = 1e-3, 1e-7
    ours = path(like.torch.Adam(lr=lr), [g], 0.0, 1)[0]
    assert ours == pytest.approx(-lr * g / (g + 1e-8), rel=1e-12)
    assert ours / lr == pytest.approx(-0.909, abs=1e-3)
    keras = path(like.keras.Adam(learning_rate=lr), [g], 0.0, 1)[0]
    root = math.sqrt(1 - 0.999)
    assert keras == pytest.approx(-lr * root / 0.1 * (0.1 * g) / (root * g + 1e-7), rel=1e-10)
    assert keras / lr == pytest.approx(-0.0307, abs=1e-4)


def test_centered_rmsprop_turns_to_nan_on_constant_gradients_where_torch_does():
    g = torch.linspace(0.1, 4.0, 40)  # v - a² rounds below zero for some of them, after some 130 updates
    w, p = torch.zeros(40, requires_grad=True), torch.zeros(40)
    optimizer = torch.optim.RMSprop([w], alpha=0.9, centered=True, foreach=False)
    rule = RMSprop(alpha=0.9, centered=True)
    state = rule.init(p, rule.hyper)
    for t in range(1, 201):
        w.grad = g.clone()
        optimizer.step()
        rule.update(p, g, state, rule.coefficients(rule.hyper, t))
        assert torch.equal(p.isnan(), w.isnan())
    assert 0 < p.isnan().sum() < 40


def test_weight_decay_of_adamw_leaves_the_moments_alone():
    coupled, decoupled = parse("adam(weight_decay=0.5)"), parse("adamw(weight_decay=0.5)")
    assert path(coupled, [0.0], 1.0, 1)[0] == pytest.approx(1 - 0.001, abs=1e-9)  # the decay is all of the gradient
    assert path(decoupled, [0.0], 1.0, 1)[0] == pytest.approx(1 - 0.001 * 0.5, abs=1e-15)
