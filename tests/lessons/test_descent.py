"""Descent: the table by hand, the edges, the surfaces, the walks."""

import re

import numpy as np
import pytest
import torch

from surefoot.core.errors import UsageError
from surefoot.lessons import learn
from surefoot.lessons.descent import Descent
from surefoot.lessons.surfaces import RATES, SURFACES, walk


def test_the_table_of_the_parabola_is_the_one_by_hand():
    found = Descent(steps=1).run()
    x = {each.lr: each.x for each in found.descents}
    assert x[0.01] == pytest.approx([2, 1.84, 1.6928, 1.557376, 1.43278592])
    assert x[0.1] == pytest.approx([2, 0.4, 0.08, 0.016, 0.0032])
    assert x[0.125].tolist() == [2, 0, 0, 0, 0]  # lands on the minimum in one step
    assert x[0.2] == pytest.approx([2, -1.2, 0.72, -0.432, 0.2592])
    assert x[0.3] == pytest.approx([2, -2.8, 3.92, -5.488, 7.6832])  # diverges
    first = found.descents[0]
    assert (first.gradient[0], first.loss[0]) == (16, 16)
    assert first.loss == pytest.approx(4 * first.x**2)


@pytest.mark.parametrize("lr", [0.01, 0.2, 0.3])
def test_the_parabola_is_descended_as_torch_does(lr):
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    optimizer, points = torch.optim.SGD([x], lr=lr), [2.0]
    for _ in range(4):
        optimizer.zero_grad()
        (4 * x**2).backward()
        optimizer.step()
        points.append(x.item())
    assert Descent(lr=(lr,), steps=1).run().descents[0].x == pytest.approx(points, rel=1e-15)


@pytest.mark.parametrize(("coefficient", "exact", "edge"), [(4.0, 0.125, 0.25), (0.5, 1.0, 2.0)])
def test_the_edges_of_the_rate(coefficient, exact, edge):
    found = Descent(coefficient=coefficient, lr=(exact, 0.99 * edge, 1.01 * edge), iterations=50, steps=1).run()
    assert (found.exact, found.edge) == (exact, edge)
    lands, converges, diverges = (abs(each.x[-1]) for each in found.descents)
    assert lands == 0 < converges < 2 < diverges


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_is_lowest_where_it_says(name):
    surface = SURFACES[name]
    x, y, z = surface.grid(301)
    assert z.shape == (len(y), len(x))
    assert z.min() >= surface.lowest - 1e-12
    for a, b in surface.minima:
        assert surface.f(a, b) == pytest.approx(surface.lowest, abs=1e-12)
        w = torch.tensor([a, b], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.grad(surface.f(w[0], w[1]), w)[0].abs().max() < 1e-9
    assert surface.x[0] <= surface.start[0] <= surface.x[1]
    assert surface.y[0] <= surface.start[1] <= surface.y[1]


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_a_walk_is_torchs_at_the_same_rate(optimizer):
    surface, found = SURFACES["rosenbrock"], walk(SURFACES["rosenbrock"], optimizer, 30)
    w = torch.tensor(surface.start, dtype=torch.float64, requires_grad=True)
    made = {
        "momentum": lambda: torch.optim.SGD([w], lr=found.lr, momentum=0.9),
        "adam": lambda: torch.optim.Adam([w], lr=found.lr),
    }[optimizer]()
    for t in range(31):
        assert found.path[t] == pytest.approx(w.detach().numpy(), rel=1e-9)
        made.zero_grad()
        surface.f(w[0], w[1]).backward()
        made.step()


def test_a_walk_keeps_the_rate_with_the_lowest_mean_height():
    surface = SURFACES["ravine"]
    best = walk(surface, "sgd", 40)
    means = [walk(surface, "sgd", 40, [lr]).heights.mean() for lr in RATES if lr <= 0.02]  # beyond it diverges
    assert best.heights.mean() == pytest.approx(min(means))
    assert best.lr < 2 / 100


def test_momentum_is_ahead_in_the_ravine_and_the_saddle_is_left():
    sgd, momentum = (walk(SURFACES["ravine"], name, 100).heights[-1] for name in ("sgd", "momentum"))
    assert momentum < sgd / 10
    assert walk(SURFACES["saddle"], "rmsprop", 50).heights[-1] == pytest.approx(-0.25, abs=1e-3)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"lr": []}, "needs one value"),
        ({"lr": [-0.1]}, "from 0"),
        ({"lr": [float("nan")]}, "nan"),
        ({"iterations": 0}, "whole number from 1"),
        ({"iterations": 2.5}, "whole number"),
        ({"surface": "hill"}, "bowl, ravine"),
        ({"optimizers": ["adam", "lion"]}, "lion"),
        ({"speed": 3}, "no parameter 'speed'"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, told):
    with pytest.raises(UsageError, match=told):
        learn("descent", **wrong)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_surface_is_written_up_and_moves(surface, lang):
    taught = learn("descent", lang, surface=surface, steps=20, lr=[0.1, 0.26, 0.0, 0.25])
    page = taught.to_html()
    assert page.count("<polyline class=") == 6  # one way for each optimizer
    assert "<script" not in page
    assert not re.search(r"(src|href)=.http|@import|url\(http", page)  # nothing is fetched
    assert surface in taught.text()


def test_a_diverging_walk_is_drawn_all_the_same():
    taught = learn("descent", lr=[1e6], iterations=1000, steps=5)
    assert not np.isfinite(taught.found.descents[0].x[-1])
    assert "divergence" in taught.text()
    taught.plot()
    assert taught.to_json()["numbers"]["descents"][0]["x"][-1] is None
