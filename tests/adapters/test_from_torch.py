"""Live torch schedulers, read at their beginning and on the way, against themselves stepped on to the end."""

import json
import subprocess
import sys
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch.optim import SGD, Adam
from torch.optim import lr_scheduler as original
from torch.optim.swa_utils import SWALR

from surefoot.adapters.from_torch import from_torch
from surefoot.core.errors import ScheduleError
from surefoot.core.record import Observation
from surefoot.schedules import parse

RATES = (0.1, 0.004)
STEPS = 600


def optimizer(kind=SGD, **options):
    groups = [{"params": [torch.zeros(1, dtype=torch.float64, requires_grad=True)], "lr": lr} for lr in RATES]
    return kind(groups, **({"momentum": 0.9} if kind is SGD else {}), **options)


def in_sequence(o):
    parts = [
        original.LinearLR(o, 0.1, total_iters=30),
        original.CosineAnnealingLR(o, 90, 0.001),
        original.MultiStepLR(o, [20, 50, 50], 0.5),
    ]
    return original.SequentialLR(o, parts, [30, 210])


def chained(o):
    parts = [original.LinearLR(o, 0.2, total_iters=50), original.ExponentialLR(o, 0.995), original.StepLR(o, 90, 0.5)]
    return original.ChainedScheduler(parts)


def averaging_after(o):
    parts = [original.ExponentialLR(o, 0.99), SWALR(o, [0.03, 0.01], 200, "linear")]
    return original.SequentialLR(o, parts, [120])


def one_cycle_after(o):
    parts = [original.ConstantLR(o, 0.5, 50), original.OneCycleLR(o, [0.3, 0.02], 700, three_phase=True)]
    return original.SequentialLR(o, parts, [40])


def chained_waves(o):
    parts = [original.PolynomialLR(o, 500, 2.0), original.ConstantLR(o, 0.3, 70), original.CosineAnnealingLR(o, 1000)]
    return original.ChainedScheduler(parts)


LIVE = {
    "StepLR": lambda o: original.StepLR(o, 70, 0.5),
    "MultiStepLR": lambda o: original.MultiStepLR(o, [200, 30, 30], 0.3),
    "ConstantLR": lambda o: original.ConstantLR(o, 0.25, 100),
    "LinearLR": lambda o: original.LinearLR(o, 0.01, 0.9, 333),
    "ExponentialLR": lambda o: original.ExponentialLR(o, 0.99),
    "PolynomialLR": lambda o: original.PolynomialLR(o, 400, 1.5),
    "CosineAnnealingLR": lambda o: original.CosineAnnealingLR(o, 80),
    "CosineAnnealingLR with a floor": lambda o: original.CosineAnnealingLR(o, 80, 0.002),
    "CosineAnnealingWarmRestarts": lambda o: original.CosineAnnealingWarmRestarts(o, 9, 2, 0.0001),
    "CyclicLR": lambda o: original.CyclicLR(o, [0.01, 0.0], [0.2, 0.1], 33, 57, "triangular2"),
    "CyclicLR, exponential": lambda o: original.CyclicLR(o, 0.01, 0.2, 50, mode="exp_range", gamma=0.995),
    "CyclicLR without momentum": lambda o: original.CyclicLR(o, 0.01, 0.2, 50, cycle_momentum=False),
    "OneCycleLR": lambda o: original.OneCycleLR(o, [0.5, 0.02], STEPS),
    "OneCycleLR in three": lambda o: original.OneCycleLR(
        o, 0.5, STEPS, pct_start=0.21, anneal_strategy="linear", div_factor=1.0, final_div_factor=1.0, three_phase=True
    ),
    "OneCycleLR of nothing": lambda o: original.OneCycleLR(o, [0.5, 0.0], STEPS, cycle_momentum=False),
    "SWALR": lambda o: SWALR(o, [0.02, 0.05], 250),
    "SWALR at once": lambda o: SWALR(o, [0.02, 0.05], 0, "linear"),
    "SequentialLR": in_sequence,
    "SequentialLR to SWALR": averaging_after,
    "SequentialLR to OneCycleLR": one_cycle_after,
    "ChainedScheduler": chained,
    "ChainedScheduler with a wave": chained_waves,
    "SequentialLR of one": lambda o: original.SequentialLR(o, [original.StepLR(o, 100)], []),
}


def values(scheduler, steps, group, start=0):
    found = []
    for _ in range(start, steps):
        found.append(float(scheduler.optimizer.param_groups[group]["lr"]))
        scheduler.optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("group", [0, 1])
@pytest.mark.parametrize("at", [0, 1, 29, 35, 121, 300])
@pytest.mark.parametrize("kind", LIVE)
def test_read_on_the_way_it_goes_where_the_original_goes(kind, at, group):
    scheduler = LIVE[kind](optimizer())
    theirs = values(scheduler, at, group)
    read = from_torch(scheduler, group=group)
    theirs += values(scheduler, STEPS, group, start=at)
    assert read.is_rate
    first = at if kind == "SWALR at once" else 0  # it has forgotten what was before
    ours = read.bind(STEPS).values()
    np.testing.assert_allclose(ours[first:], theirs[first:], rtol=0, atol=1e-12 * max(theirs))
    assert parse(str(read)) == read


@pytest.mark.parametrize("kind", LIVE)
def test_reading_leaves_it_alone(kind):
    scheduler = LIVE[kind](optimizer())
    values(scheduler, 50, 0)
    before = deepcopy(scheduler.state_dict()), deepcopy(scheduler.optimizer.state_dict())
    first, second = from_torch(scheduler), from_torch(scheduler)
    assert first == second
    assert repr((scheduler.state_dict(), scheduler.optimizer.state_dict())) == repr(before)


@pytest.mark.parametrize("kind", ["StepLR", "CosineAnnealingLR with a floor", "OneCycleLR", "SequentialLR to SWALR"])
def test_stepped_once_an_epoch(kind):
    scheduler = LIVE[kind](optimizer())
    ours = from_torch(scheduler, per="epoch", group=1).bind(4 * STEPS, steps_per_epoch=4).values()
    theirs = np.repeat(values(scheduler, STEPS, 1), 4)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * theirs.max())


@pytest.mark.parametrize("kind", ["CyclicLR", "CyclicLR, exponential", "OneCycleLR", "OneCycleLR in three"])
@pytest.mark.parametrize("adam", [False, True])
def test_the_momentum_that_goes_with_it(kind, adam):
    scheduler = LIVE[kind](optimizer(Adam if adam else SGD))
    ours, theirs = from_torch(scheduler, of="momentum").bind(STEPS).values(), []
    for _ in range(STEPS):
        options = scheduler.optimizer.param_groups[0]
        theirs.append(options["betas"][0] if adam else options["momentum"])
        scheduler.optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("at", [0, 40])
def test_a_plateau_replays_its_observations(at):
    opt = optimizer()
    original.LinearLR(opt, 1.0)  # leaves the rate as it is, and says what it was
    scheduler = original.ReduceLROnPlateau(opt, factor=0.5, patience=3, cooldown=2, min_lr=[0.0, 0.002], eps=1e-4)
    losses = np.random.default_rng(0).random(200).tolist()
    for loss in losses[:at]:
        scheduler.step(loss)
    curves = [from_torch(scheduler, group=group).bind(1000) for group in (0, 1)]
    states = [curve.start() for curve in curves]
    for step, loss in enumerate(losses, start=1):
        states = [c.update(s, Observation(step, {"loss": loss})) for c, s in zip(curves, states, strict=True)]
        if step > at:
            scheduler.step(loss)
            theirs = [group["lr"] for group in opt.param_groups]
            assert [c(step, s) for c, s in zip(curves, states, strict=True)] == pytest.approx(theirs, rel=1e-12)
    assert opt.param_groups[0]["lr"] < 0.01
    assert opt.param_groups[1]["lr"] == 0.002


def test_a_plateau_that_forgot_its_rate_is_refused():
    scheduler = original.ReduceLROnPlateau(optimizer())
    from_torch(scheduler)
    scheduler.step(1.0)
    with pytest.raises(ScheduleError, match="Read it before it is stepped"):
        from_torch(scheduler)


def test_milestones_that_went_through_json():
    """torch's own MultiStepLR silently stops decaying: its milestones come back as text."""
    scheduler = original.MultiStepLR(optimizer(), [30, 80, 80], 0.1)
    state = json.loads(json.dumps(scheduler.state_dict()))
    scheduler.load_state_dict(state)
    ours = from_torch(scheduler).bind(100)
    assert [ours(29), ours(30), ours(80)] == pytest.approx([0.1, 0.01, 0.0001])
    assert values(scheduler, 100, 0)[-1] == 0.1


def test_sequences_in_sequences_and_chains_in_them():
    """torch switches the inner one a step early (pytorch/pytorch#196243), and cannot go on to a chain."""
    opt = optimizer()
    inner = original.SequentialLR(opt, [original.ConstantLR(opt, 0.1, 99), original.ConstantLR(opt, 0.4, 99)], [5])
    chain = original.ChainedScheduler([original.StepLR(opt, 3, 0.5), original.ExponentialLR(opt, 0.9)])
    with pytest.warns(UserWarning, match=r"before `optimizer.step"):
        outer = original.SequentialLR(opt, [inner, chain], [8])
    expected = [0.1] * 5 + [0.4] * 3 + [0.5 ** (t // 3) * 0.9**t for t in range(20)]
    np.testing.assert_allclose(from_torch(outer).bind(28).values(), 0.1 * np.array(expected), rtol=1e-13, atol=0)
    outer_chain = original.ChainedScheduler([outer, original.ExponentialLR(opt, 0.7)])
    expected *= 0.7 ** np.arange(28)
    np.testing.assert_allclose(from_torch(outer_chain).bind(28).values(), 0.1 * expected, rtol=1e-13, atol=0)


def test_tensor_rates_are_read():
    opt = SGD([torch.zeros(1, requires_grad=True)], lr=torch.tensor(0.5, dtype=torch.float64))
    assert str(from_torch(original.StepLR(opt, 10))) == "0.5 * step(10)"
    assert str(from_torch(original.CosineAnnealingLR(opt, 10, 0.25))) == "0.5 * cosine_wave(10, end=0.5, over=10)"


class Mine(original.StepLR):
    pass


@pytest.mark.parametrize(
    ("make", "options", "complaint"),
    [
        (lambda o: original.LambdaLR(o, lambda t: 1.0), {}, "LambdaLR has no preset: its function cannot be read"),
        (lambda o: original.MultiplicativeLR(o, lambda t: 1.0), {}, "MultiplicativeLR has no preset"),
        (lambda o: original.CyclicLR(o, 0.1, 0.2, scale_fn=lambda x: 1.0), {}, "a scale_fn has no preset"),
        (lambda o: Mine(o, 10), {}, "Mine is no scheduler of torch's own"),
        (lambda o: o, {}, "SGD is no scheduler of torch's own"),
        (lambda o: None, {}, "NoneType is no scheduler of torch's own"),
        (lambda o: original.StepLR(o, 10), {"group": 2}, "one of the 2 parameter groups; received 2"),
        (lambda o: original.StepLR(o, 10), {"group": "bias"}, "one of the 2 parameter groups; received 'bias'"),
        (lambda o: original.StepLR(o, 10), {"per": "batch"}, "per must be one of"),
        (lambda o: original.StepLR(o, 10), {"of": "momentum"}, "StepLR leaves the momentum alone"),
        (
            lambda o: original.CyclicLR(o, 0.1, 0.2, cycle_momentum=False),
            {"of": "momentum"},
            "CyclicLR leaves the momentum alone",
        ),
        (
            lambda o: original.ChainedScheduler([original.CosineAnnealingLR(o, 9, 0.1), original.StepLR(o, 3)]),
            {},
            "no closed form; received 'CosineAnnealingLR'. Write the product",
        ),
        (lambda o: original.ChainedScheduler([SWALR(o, 0.1), original.StepLR(o, 3)]), {}, "no closed form"),
        (
            lambda o: original.SequentialLR(
                o, [original.StepLR(o, 3), original.LambdaLR(o, [lambda t: 1.0, lambda t: 0.5])], [5]
            ),
            {},
            "LambdaLR has no preset",
        ),
    ],
)
def test_refusals_name_what_cannot_be_read(make, options, complaint):
    with pytest.raises(ScheduleError, match=complaint):
        from_torch(make(optimizer()), **options)


def test_no_torch_is_imported_for_it():
    code = "import sys, surefoot.adapters.from_torch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
