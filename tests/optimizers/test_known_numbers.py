"""Numbers that are known from elsewhere: worked examples, and what sets the libraries apart."""

import math

import pytest
import torch

from surefoot.optimizers import (
    LAMB,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    Lion,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
    ScheduleFreeSGD,
    like,
    parse,
)


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


def step(rule, p, g, t=1):
    p, state = p.clone(), rule.init(p, rule.hyper)
    for now in range(1, t + 1):
        before = p.clone()
        rule.update(p, g, state, rule.coefficients(rule.hyper, now))
    return p - before, state


def test_first_steps():
    """On one number that is 1 with a gradient of 2."""
    first = {
        Lion(lr=0.1): 0.1,
        Adamax(lr=0.1): 0.1,
        LAMB(lr=0.1): 0.1,
        RAdam(lr=0.1): 0.1 * 2,  # as gradient descent: the spread is not known yet
        Adafactor(lr=0.1): 0.1,
        # (ε/((1 - ρ)·g²))^½·g
        Adadelta(): (1e-6 / (0.1 * 4 + 1e-6)) ** 0.5 * 2,
        # μ₁ = .9·(1 - ½·.96^.004), μ₂: the gradient in the share 1 - μ₁, undone; the average in the share μ₂
        NAdam(lr=0.1): 0.1 * (1 + 0.1 * 0.450146943 / (1 - 0.450073472 * 0.450146943)),
        ScheduleFreeSGD(lr=0.1): 0.1 * 2,
    }
    for rule, moved in first.items():
        assert path(rule, [2.0], steps=1)[0] == pytest.approx(1 - moved, rel=1e-6), rule


def test_lamb_moves_every_tensor_by_the_same_share_of_it():
    generator = torch.Generator().manual_seed(0)
    for size in (1e-3, 1.0, 1e3):
        p, g = size * torch.randn(4, 5, generator=generator), torch.randn(4, 5, generator=generator)
        moved, _ = step(LAMB(lr=0.01), p, g)
        assert float(moved.norm() / p.norm()) == pytest.approx(0.01, rel=1e-3)


def test_a_step_of_muon_is_as_large_in_every_direction():
    generator = torch.Generator().manual_seed(0)
    g = torch.randn(20, 8, generator=generator) * torch.logspace(-1, 1, 8)
    moved, _ = step(Muon(lr=1.0, weight_decay=0, precision="full", adjust="none"), torch.zeros(20, 8), g)
    values = torch.linalg.svdvals(moved)
    assert float(torch.linalg.svdvals(g).max() / torch.linalg.svdvals(g).min()) > 50
    assert 0.6 < float(values.min()) < float(values.max()) < 1.3


def test_adafactor_needs_a_row_and_a_column_where_they_say_all():
    """On a gradient of rank one they do: its steps are those of Adam's second moment held whole."""
    generator = torch.Generator().manual_seed(0)
    g = torch.outer(torch.randn(4, generator=generator), torch.randn(6, generator=generator)).double()
    p = torch.ones(4, 6, dtype=torch.float64)
    matrix, state = step(Adafactor(), p, g, t=5)
    assert {key: tuple(value.shape) for key, value in state.items()} == {"row_var": (4, 1), "col_var": (1, 6)}
    whole, state = step(Adafactor(min_dim=5), p, g, t=5)
    assert state.keys() == {"variance"}
    assert torch.allclose(matrix, whole, rtol=1e-10)


def test_a_schedule_free_model_is_measured_at_the_mean_of_its_points():
    rule, gradients = ScheduleFreeSGD(lr=0.1), [1.0, 2.0, 4.0]
    p = torch.tensor(0.0, dtype=torch.float64)
    state, z = rule.init(p, rule.hyper), []
    for t, g in enumerate(gradients, start=1):
        rule.update(p, torch.tensor(g).double(), state, rule.coefficients(rule.hyper, t))
        z.append(float(state["z"]))
    assert z == pytest.approx([-0.1, -0.3, -0.7])
    assert float(rule.evaluated(p, state, rule.hyper)) == pytest.approx(sum(z) / 3)
    assert float(p) == pytest.approx(0.1 * z[-1] + 0.9 * sum(z) / 3)
