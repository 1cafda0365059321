"""The lesson on hyperparameters and model parameters, against closed forms, torch and exact least squares."""

import json

import numpy as np
import pytest
import torch
from scipy.stats import linregress

from surefoot.core.errors import UsageError
from surefoot.core.language import words
from surefoot.lessons import learn
from surefoot.lessons.lesson import write_up
from surefoot.lessons.parameters import COLUMNS, Parameters, descend


@pytest.fixture(scope="module")
def found():
    return Parameters().run()


def test_the_points_are_standardised_and_real(found):
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    assert found.x.mean() == pytest.approx(0, abs=1e-14)
    assert (found.x**2).mean() == pytest.approx(1)
    bmi = data.data[:20, data.feature_names.index("bmi")]
    np.testing.assert_allclose(found.x * bmi.std() + bmi.mean(), bmi)
    np.testing.assert_array_equal(found.y, data.target[:20])


@pytest.mark.parametrize("column", COLUMNS)
def test_the_exact_line_is_that_of_least_squares(column):
    found = Parameters(column=column, points=100, epochs=1).run()
    line = linregress(found.x, found.y)
    assert (found.w, found.b) == pytest.approx((line.slope, line.intercept), rel=1e-9)
    assert found.loss == pytest.approx(np.mean((line.slope * found.x + line.intercept - found.y) ** 2), rel=1e-12)


@pytest.mark.parametrize("lr", [0.01, 0.1, 0.3, 0.5, 0.9, 1.05])
def test_descent_has_a_closed_form(found, lr):
    made, t = descend(found.x, found.y, lr, 30, found.w), np.arange(31)
    share = 1 - (1 - 2 * lr) ** t  # of the way to the best, in w and in b: the curvature is 2 in both
    np.testing.assert_allclose(made.w, found.w * share, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(made.b, found.b * share, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(made.loss, found.loss + (made.w - found.w) ** 2 + (made.b - found.b) ** 2, rtol=1e-9)
    assert made.left == pytest.approx(abs(1 - 2 * lr) ** 30, rel=1e-6, abs=1e-9)


def test_descent_is_that_of_torch(found):
    x, y = torch.from_numpy(found.x), torch.from_numpy(found.y)
    w, b = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer = torch.optim.SGD([w, b], lr=0.1)
    for t in range(50):
        assert (w.item(), b.item()) == pytest.approx((found.fit.w[t], found.fit.b[t]), rel=1e-10, abs=1e-10)
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(w * x + b, y).backward()
        optimizer.step()
    assert (w.item(), b.item()) == pytest.approx((found.fit.w[-1], found.fit.b[-1]), rel=1e-10)


def test_the_fit_is_checked_against_the_exact_line(found):
    gap = np.hypot(found.fit.w[-1] - found.w, found.fit.b[-1] - found.b) / np.hypot(found.w, found.b)
    assert found.distance == pytest.approx(gap)
    assert found.close
    text = write_up(Parameters(), found).text()
    assert f"{found.fit.w[-1]:.6g}" in text
    assert f"{found.w:.6g}" in text
    assert "Gradient descent found it" in text
    assert not Parameters(epochs=5).run().close


def test_the_network_is_counted(found):
    from surefoot.tasks import load

    network = found.network
    assert network.learned == sum(weight.numel() for weight in load("digits").model().parameters())
    assert network.learned == 64 * 64 + 64 + 64 * 10 + 10 == 4810
    assert network.larger == 784 * 128 + 128 + 128 * 10 + 10
    assert [(each.inputs, each.outputs) for each in network.layers] == [(64, 64), (64, 10)]
    assert network.chosen == len(Parameters().tables(found, words())["settings"].rows)


def test_every_stride_is_judged_by_its_factor():
    given = {0.0: "nothing moves", 0.01: "too short", 0.3: "good", 0.5: "lands on the minimum", 0.99: "long",
             1.0: "the same height", 1.05: "1.1 times as far"}  # fmt: skip
    text = " ".join(learn("parameters", strides=list(given), epochs=20).text().split())
    for lr, said in given.items():
        sentence = text.split(f"- η = {lr:g}: ")[1].split(" - η")[0].split("The learning rate is the stride")[0]
        assert said in sentence


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    "given",
    [
        {"epochs": 1, "points": 3},
        {"lr": 1e3, "strides": [1e3, 1e6], "epochs": 1000},
        {"lr": 0, "strides": 0.0, "epochs": 2},
        {"lr": 1.0, "points": 442, "column": "s5", "epochs": 3},
    ],
)
def test_odd_parameters(lang, given, tmp_path):
    taught = learn("parameters", lang, **given)
    assert "{" not in taught.text()
    json.dumps(taught.to_json(), allow_nan=False)
    taught.save(tmp_path / "x.png")


def test_a_rate_too_high_is_told():
    text = learn("parameters", lr=1e3, epochs=1000).text()
    assert "Gradient descent did not find it: at this learning rate it diverges" in " ".join(text.split())


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ({"lr": -0.1}, "-0.1"), ({"epochs": 0}, "0"), ({"points": 2}, "2"), ({"points": 443}, "443"),
        ({"column": "sex"}, "'sex'"), ({"strides": [0.1, -1]}, "-1"), ({"strides": []}, r"\[\]"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(given, received):
    with pytest.raises(UsageError, match=f"{next(iter(given))} of parameters.*received {received}"):
        learn("parameters", **given)
