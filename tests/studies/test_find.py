"""Find: a population of short runs, on small tasks."""

import copy
import json

import numpy as np
import pytest
import torch

import surefoot as sf
from surefoot.core.recipe import Recipe
from surefoot.studies.find import rates_between
from surefoot.studies.setting import Setting
from surefoot.training.short import ShortRows


def line(scale=1.0, **options):
    """Least squares on 160 samples: a quadratic."""
    x = torch.randn(160, 5, generator=torch.Generator().manual_seed(1))
    y = x.sum(1, keepdim=True) + 0.1 * torch.randn(160, 1, generator=torch.Generator().manual_seed(2))
    given = {"model": lambda: torch.nn.Linear(5, 1), "train": (x, y), "batch_size": 16, "epochs": 30} | options
    return sf.Task(name="line", loss=lambda out, y: scale * torch.nn.functional.mse_loss(out, y), **given)


def quick(task=None, *args, **options):
    return sf.find(task or line(), *args, progress=False, **options)


@pytest.fixture(scope="module")
def plain():
    return quick(None, "sgd")


def test_it_costs_no_more_than_its_budget(plain):
    assert plain.seen.horizon == 240
    assert 0.4 < plain.cost <= 0.5
    for budget in (0.3, 0.8):
        found = quick(None, "sgd", budget=budget)
        assert budget - 0.1 < found.cost <= budget
        assert found.seen.looks[-1] == found.found.updates


def test_the_edge_is_that_of_the_quadratic(plain):
    """2/λ of the mean loss, λ the largest eigenvalue of 2·XᵀX/N: batches differ a little."""
    x = line().train[0]
    largest = float(torch.linalg.eigvalsh(2 * x.T @ x / len(x)).max())
    assert plain.edge.low / 1.8 <= 2 / largest <= plain.edge.high * 1.8
    assert plain.interval[0] <= plain.suggestion <= plain.interval[1]
    assert plain.suggestion < plain.edge.high / 2


@pytest.mark.parametrize("scale", [10.0, 0.1])
def test_a_loss_times_ten_takes_a_tenth_of_plain_sgds_rate(plain, scale):
    scaled = quick(line(scale), "sgd")
    assert scaled.suggestion * scale == pytest.approx(plain.suggestion, rel=0.01)
    assert np.allclose(np.array(scaled.interval) * scale, plain.interval, rtol=0.01)


def test_adam_does_not_mind_the_scale_of_the_loss():
    one, ten = quick(None, "adam"), quick(line(100.0), "adam")
    assert ten.suggestion == pytest.approx(one.suggestion, rel=0.05)


def test_momentum_takes_a_lower_rate(plain):
    assert quick(None, "sgd(momentum=0.9)").suggestion < plain.suggestion / 2


def test_the_same_seeds_give_the_same_numbers(plain):
    again = quick(None, "sgd")
    assert again.to_json() == plain.to_json()
    other = quick(None, "sgd", [3])
    assert not np.array_equal(other.seen.losses[-1], plain.seen.losses[-1], equal_nan=True)


def test_trainers_agree(plain):
    loop = quick(None, "sgd", trainer="loop")
    assert np.allclose(loop.seen.losses, plain.seen.losses, rtol=1e-3, equal_nan=True)
    assert loop.suggestion == pytest.approx(plain.suggestion, rel=1e-2)


def test_what_cannot_be_stacked_goes_to_the_loop(capfd):
    class Looking(torch.nn.Linear):
        def forward(self, x):
            return super().forward(x if x.sum().item() < 1e9 else -x)

    task = line(model=lambda: Looking(5, 1), epochs=10)
    found = sf.find(task, "sgd", low=1e-3, high=1)
    assert "cannot be stacked" in capfd.readouterr().err
    assert found.suggestion > 0


def test_the_callers_model_and_state_are_untouched():
    """What other range tests have to restore, and sometimes forget, is never touched."""
    torch.manual_seed(5)
    mine = torch.nn.Linear(5, 1)
    weights = [p.detach().clone() for p in mine.parameters()]
    task = line(model=lambda: copy.deepcopy(mine))
    data = task.train[0].clone()
    threads, before, random = torch.get_num_threads(), torch.get_rng_state(), np.random.get_state()[1].copy()
    for trainer in ("fused", "loop"):
        quick(task, "sgd", low=1e-3, high=10, ramp=True, trainer=trainer)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], random)
    assert torch.get_num_threads() == threads
    assert torch.equal(task.train[0], data)
    assert all(torch.equal(p, held) for p, held in zip(mine.parameters(), weights, strict=True))
    assert all(p.grad is None for p in mine.parameters())
    assert mine.training


def test_every_seed_has_the_budget():
    found = quick(None, "sgd", 3)
    assert 1.2 < found.cost <= 1.5
    assert found.seen.losses.shape[2] == 3
    assert found.facts.seeds == (0, 1, 2)


def test_rows_that_diverge_cost_nothing_more():
    """Six rates that diverge at once leave the others as many updates as if they were not there, less the scan."""
    few = quick(None, "sgd", rates=[0.003, 0.01, 0.03, 0.1])
    more = quick(None, "sgd", rates=[0.003, 0.01, 0.03, 0.1, 1e5, 1e6, 1e7, 1e8])
    assert more.edge.high == 1e5
    assert few.edge.high is None
    assert more.found.updates > 0.7 * few.found.updates


def test_suggestions_of_one_seed_each_agree_on_digits():
    """Lightning's range test spreads by a factor of 1000 over six seeds."""
    found = [sf.find("digits", "sgd(momentum=0.9)", [seed], progress=False) for seed in range(6)]
    said = [each.suggestion for each in found]
    assert max(said) < 2 * min(said)
    assert all(each.cost <= 0.5 for each in found)
    assert all(each.interval[0] < 0.178 < each.interval[1] for each in found)  # the best of a dense grid


def test_a_lockstep_is_its_rows_one_by_one():
    setting = Setting.of(line(), [Recipe(str(rate), "sgd", rate) for rate in (0.01, 0.1, 100.0)], 2)
    rows = [entry.row() for entry in setting.entries]
    together = ShortRows(setting.task, rows, lambda event: None)
    losses = np.concatenate([together.advance(n) for n in (3, 70, 27)])
    alone = ShortRows(setting.task, rows[2:3], lambda event: None, "loop")
    assert np.allclose(losses[:, 2], alone.advance(100)[:, 0], rtol=1e-4)
    assert together.step == alone.step == 100
    assert together.live == [0, 1, 2, 3]  # the last two diverged
    assert together.made < 6 * 100
    measured = together.measured(setting.task.watched)
    assert np.isfinite(measured[:4]).all()
    assert np.isnan(measured[4:]).all()


def test_the_classic_ramp_beside_it():
    found = quick(None, "sgd", seeds=2, low=1e-4, high=10, ramp=True)
    assert len(found.ramps) == 2
    assert all(1e-4 <= ramp.steepest <= 10 for ramp in found.ramps)
    assert all(len(ramp.losses) <= 100 for ramp in found.ramps)
    assert found.cost <= 1
    assert found.ramp_cost == sum(len(ramp.losses) for ramp in found.ramps) / 240
    assert "classic ramp" in str(found)


def test_its_pictures_and_its_data(tmp_path, plain):
    for name in ("a.png", "a.svg"):
        plain.to_png(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5000
    (axes,) = plain.plot().axes
    assert axes.get_xscale() == "log"
    assert len(quick(None, "sgd", low=1e-3, high=10, ramp=True, lang="zh").plot().axes) == 2
    data = json.loads(json.dumps(plain.to_json(), allow_nan=False))
    assert (data["surefoot"], data["version"], data["horizon"]) == ("range", 1, 240)
    assert len(data["losses"]) == len(data["looks"])
    assert len(data["losses"][0]) == len(data["rates"]) == 17
    assert f"{plain.suggestion:.2g}" in str(plain)


def test_where_every_rate_diverges_it_says_where_to_start():
    with pytest.raises(sf.UsageError, match=r"every rate from 1000 to 1e\+06 diverged.*low=0.1"):
        quick(None, "sgd", low=1e3, high=1e6)


def test_where_no_rate_does_anything_it_says_so():
    with pytest.raises(sf.UsageError, match=r"no rate from 1e-30 to 1e-28 lowers the loss.*higher"):
        quick(None, "sgd", low=1e-30, high=1e-28)


def test_the_best_at_an_end_is_told():
    assert "look higher" in str(quick(None, "sgd", low=1e-5, high=1e-3))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"low": 1.0, "high": 0.1}, "range of rates is empty"),
        ({"low": 0.1, "high": 0.1}, "range of rates is empty"),
        ({"low": 0}, "range of rates is empty"),
        ({"low": -1}, "finite number, 0 or above"),
        ({"high": float("nan")}, "finite number, 0 or above"),
        ({"low": "a"}, "finite number, 0 or above"),
        ({"rates": [0.1, 0.2, 0.3], "low": 0.1}, "leave them out|Leave them out"),
        ({"rates": [0.1, 0.1, 0.2]}, "three different rates"),
        ({"rates": []}, "three different rates"),
        ({"rates": [0, 0.1, 0.2]}, "three different rates"),
        ({"rates": 2}, "three rates or more"),
        ({"rates": True}, "three rates or more"),
        ({"budget": 0}, "above 0"),
        ({"budget": float("inf")}, "above 0"),
        ({"budget": 0.01}, "budget is too small.*0.28 or more"),
        ({"seeds": 0}, "seeds must be"),
        ({"trainer": "best"}, "auto, fused, loop"),
        ({"epoch": 3}, "no option 'epoch'.*epochs"),
        ({"patience": 3}, "no option 'patience'"),
        ({"optimizer": "sdg"}, "did you mean|Did you mean"),
        ({"lang": "xx"}, "no language"),
    ],
)
def test_bad_input_is_told_before_anything_is_trained(options, says):
    with pytest.raises(sf.UsageError, match=says):
        quick(None, **options)


def test_the_grid_is_the_same_whatever_a_factor_of_ten():
    assert rates_between(1e-3, 1e-1, None) == pytest.approx([1e-3, 10**-2.5, 1e-2, 10**-1.5, 1e-1])
    assert len(rates_between(None, None, None)) == 17
    assert len(rates_between(0.1, 0.2, None)) == 5
