"""What is saved is plain data, goes on exactly, and says what differs from what it is loaded into."""

import copy
import io
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import surefoot as sf
from surefoot.adapters.torch import Scheduler
from surefoot.core.errors import ScheduleError

STEPS = 20
LR = sf.warmup(4) >> sf.cosine()


def made(lr=LR, rate=0.1, **options):
    weights = [torch.nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(2)]
    groups = [{"params": weights[:1]}, {"params": weights[1:], "lr": rate / 2, "name": "head"}]
    optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9)
    return optimizer, Scheduler(optimizer, lr, **{"steps": STEPS} | options)


def train(optimizer, scheduler, updates):
    used = []
    for _ in range(updates):
        used.append(scheduler.get_last_lr())
        for group in optimizer.param_groups:
            group["params"][0].grad = group["params"][0].detach().sin()
        optimizer.step()
        scheduler.step()
    return used


def saved(updates, *args, **options):
    optimizer, scheduler = made(*args, **options)
    train(optimizer, scheduler, updates)
    return optimizer.state_dict(), scheduler.state_dict()


def through_json(state):
    return json.loads(json.dumps(state))


def through_torch(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


PIECES = [
    sf.multistep([3, 7, 11], factor=0.3),
    sf.warmup(4) >> sf.cosine(),
    sf.cosine() * sf.plateau(0.5, patience=1),
    0.1 * sf.step("1ep", factor=1 / 3),
    "greedy(patience=0, window=2) * linear()",
]


@pytest.mark.parametrize("carried", [through_json, through_torch])
@pytest.mark.parametrize("lr", PIECES, ids=str)
def test_it_goes_on_exactly_through_json_and_weights_only(lr, carried):
    options = {"steps_per_epoch": 5, "momentum": sf.linear(end=0.5), "groups": {1: {"momentum": 0.8 * sf.linear()}}}
    optimizer, scheduler = made(lr, **options)
    for _ in range(8):
        train(optimizer, scheduler, 1)
        scheduler.observe(loss=1.0)
    state = scheduler.state_dict()
    other, resumed = made(lr, **options)
    resumed.load_state_dict(carried(state))
    assert resumed.values() == scheduler.values()
    assert carried(resumed.state_dict() | {"seconds": state["seconds"]}) == carried(state)
    assert train(other, resumed, 8) == train(optimizer, scheduler, 8)


@pytest.mark.parametrize("order", ["load build restore", "build load restore", "build restore load"])
def test_the_order_of_loading_does_not_matter(order):
    """Where the optimizer is loaded before it is built, torch's SequentialLR is wrong from then on."""
    optimizer, scheduler = made()
    train(optimizer, scheduler, 7)
    weights = [group["params"][0].detach().clone() for group in optimizer.param_groups]
    states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    whole = train(optimizer, scheduler, 10)

    new = [{"params": [torch.nn.Parameter(weight)], "lr": 0.77} for weight in weights]
    other = torch.optim.SGD(new, momentum=0.9)
    for what in order.split():
        if what == "load":
            other.load_state_dict(states[0])
        elif what == "build":
            resumed = Scheduler(other, LR, steps=STEPS)
        else:
            resumed.load_state_dict(states[1])
    assert train(other, resumed, 10) == whole
    for a, b in zip(other.param_groups, optimizer.param_groups, strict=True):
        assert torch.equal(a["params"][0], b["params"][0])


def test_the_optimizer_loaded_last_does_not_bring_its_old_rates_back():
    old_optimizer, old = saved(10)
    optimizer, scheduler = made(0.7 * sf.constant())
    scheduler.load_state_dict(old, on_mismatch="replace")
    optimizer.load_state_dict(old_optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [0.7, 0.7]


def test_an_optimizer_loaded_without_its_scheduler_brings_its_initial_rates():
    old_optimizer, _ = saved(6)
    optimizer, scheduler = made(rate=0.9)
    optimizer.load_state_dict(old_optimizer)
    assert [rates[0] for rates in train(optimizer, scheduler, 5)] == (0.1 * LR.bind(STEPS).values(0, 5)).tolist()


def test_a_rate_given_to_the_optimizer_later_is_not_multiplied():
    """The initial rates are the saved ones, as in torch: a run that goes on does not change its rate silently."""
    _, old = saved(6)
    optimizer, scheduler = made(rate=0.3)
    scheduler.load_state_dict(old)
    assert scheduler.base_lrs == [0.1, 0.05]
    assert optimizer.param_groups[0]["lr"] == 0.1 * LR.bind(STEPS)(6)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({}, {"steps": 40}, "horizon: 20 → 40 steps"),
        ({"lr": sf.cosine(10)}, {"lr": sf.cosine(12)}, r"cosine\.over: 10 → 12"),
        ({"lr": sf.cosine()}, {"lr": sf.linear()}, r"cosine\(\) → linear\(\)"),
        ({}, {"lr": 0.1 * LR, "steps": 30}, r"warmup\(4\) >> cosine\(\) → 0\.1 \* .*; horizon: 20 → 30 steps"),
        ({}, {"momentum": sf.linear()}, r"momentum: None → linear\(\)"),
        ({"groups": {"head": {"lr": LR}}}, {}, r"head\.lr: warmup\(4\) >> cosine\(\) → None"),
        ({"momentum": sf.linear(5)}, {"momentum": sf.linear(6)}, r"momentum: linear\.over: 5 → 6"),
        ({}, {"steps_per_epoch": 5}, "steps_per_epoch: None → 5"),
    ],
)
def test_a_mismatch_says_what_differs_and_what_can_be_done(old, new, words):
    _, state = saved(6, **old)
    _, scheduler = made(**new)
    before = scheduler.values()
    with pytest.raises(ScheduleError, match=rf"another: {words}.*'keep'.*'replace'.*from step 6.*'extend'"):
        scheduler.load_state_dict(state)
    assert (scheduler.last_epoch, scheduler.values()) == (0, before)


def test_keep_goes_on_with_the_saved_schedule_and_horizon():
    _, state = saved(6)
    optimizer, scheduler = made(sf.linear(), steps=50)
    scheduler.load_state_dict(state, on_mismatch="keep")
    assert [rates[0] for rates in train(optimizer, scheduler, 10)] == (0.1 * LR.bind(STEPS).values(6, 16)).tolist()
    assert repr(scheduler) == "Scheduler(lr=warmup(4) >> cosine(), step 16 of 20)"


def test_replace_goes_on_with_the_new_schedule_from_the_same_step():
    _, state = saved(6)
    optimizer, scheduler = made(sf.linear(), steps=50, on_mismatch="replace")
    scheduler.load_state_dict(state)
    assert [rates[0] for rates in train(optimizer, scheduler, 10)] == (
        0.1 * sf.linear().bind(50).values(6, 16)
    ).tolist()


def test_extend_plays_what_was_left_over_the_new_horizon():
    _, state = saved(10)
    optimizer, scheduler = made(steps=30)
    scheduler.load_state_dict(state, on_mismatch="extend")
    rates = [rates[0] for rates in train(optimizer, scheduler, 21)]
    plan = LR.bind(STEPS)
    assert rates == pytest.approx([0.1 * plan(10 + t / 2) for t in range(21)], rel=1e-14, abs=1e-17)


def test_after_an_extension_the_same_program_goes_on_without_a_word():
    _, state = saved(10)
    optimizer, scheduler = made(steps=30)
    scheduler.load_state_dict(state, on_mismatch="extend")
    train(optimizer, scheduler, 4)
    for on_mismatch in ("refuse", "extend", "keep"):
        _, again = made(steps=30, on_mismatch=on_mismatch)
        again.load_state_dict(through_json(scheduler.state_dict()))
        assert again.curves == scheduler.curves
        assert again.values() == scheduler.values()


def test_extending_again_and_extending_what_reacts():
    lr = LR * sf.plateau(0.5, patience=0)
    optimizer, scheduler = made(lr)
    for _ in range(10):
        train(optimizer, scheduler, 1)
        scheduler.observe(loss=1.0)
    before = scheduler.values()
    for steps in (30, 40):
        state = scheduler.state_dict()
        optimizer, scheduler = made(lr, steps=steps, on_mismatch="extend")
        scheduler.load_state_dict(state)
        assert scheduler.values() == before
        before = train(optimizer, scheduler, 5) and scheduler.values()
    assert all(0 < rates[0] < 0.1 for rates in train(optimizer, scheduler, 20))
    assert scheduler.get_last_lr() == [pytest.approx(0, abs=1e-12)] * 2


def test_extending_refuses_what_it_would_pass_over():
    _, state = saved(10)
    _, scheduler = made(2.0 * LR, steps=30)
    with pytest.raises(ScheduleError, match=r"horizon alone.*2\.0 \*.*'replace'"):
        scheduler.load_state_dict(state, on_mismatch="extend")
    _, scheduler = made(steps=30)
    scheduler.load_state_dict(saved(0)[1], on_mismatch="extend")  # nothing was trained: nothing to keep
    assert repr(scheduler) == "Scheduler(lr=warmup(4) >> cosine(), step 0 of 30)"


def test_replacing_the_horizon_keeps_what_reactive_pieces_learned():
    lr = sf.constant() * sf.plateau(0.5, patience=0)
    optimizer, scheduler = made(lr)
    train(optimizer, scheduler, 1)
    scheduler.observe(loss=1.0)
    train(optimizer, scheduler, 1)
    scheduler.observe(loss=1.0)
    _, longer = made(lr, steps=50)
    longer.load_state_dict(scheduler.state_dict(), on_mismatch="replace")
    assert longer.get_last_lr() == [0.05, 0.025]
    _, other = made(sf.plateau(0.1), steps=50)
    other.load_state_dict(scheduler.state_dict(), on_mismatch="replace")
    assert other.get_last_lr() == [0.1, 0.05]


def test_a_group_added_later_comes_back():
    optimizer, scheduler = made()
    train(optimizer, scheduler, 3)
    late = {"params": [torch.nn.Parameter(torch.ones(2))], "lr": 0.4}
    optimizer.add_param_group(late)
    train(optimizer, scheduler, 3)
    state = scheduler.state_dict()
    other, resumed = made()
    resumed.load_state_dict(state)
    other.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))], "lr": 0.4})
    assert train(other, resumed, 3)[1:] == train(optimizer, scheduler, 3)[1:]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"last_epoch": 3}, "not the state of a scheduler of Surefoot"),
        (None, "not the state"),
        ({"surefoot": "scheduler", "version": 99}, "version 99; this Surefoot reads up to 1"),
    ],
)
def test_a_state_of_something_else_is_refused(state, message):
    _, scheduler = made()
    with pytest.raises(ScheduleError, match=message):
        scheduler.load_state_dict(state)
    with pytest.raises(ScheduleError, match="on_mismatch must be"):
        scheduler.load_state_dict(scheduler.state_dict(), on_mismatch="force")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 19), st.integers(1, 6), st.sampled_from(PIECES), st.booleans())
def test_breaking_off_anywhere_changes_nothing(at, patience, lr, before_step):
    """Also between the optimizer's step and the scheduler's."""

    def observed(optimizer, scheduler, start, stop):
        used = []
        for t in range(start, stop):
            used += train(optimizer, scheduler, 1)
            if t % patience == 0:
                scheduler.observe(loss=1.0)
        return used

    optimizer, scheduler = made(lr, steps_per_epoch=4)
    first = observed(optimizer, scheduler, 0, at)
    state = through_json(scheduler.state_dict())
    other, resumed = made(lr, steps_per_epoch=4)
    resumed.load_state_dict(state)
    if before_step:
        resumed.step()
    whole, fresh = made(lr, steps_per_epoch=4)
    assert first + observed(other, resumed, at, 20) == observed(whole, fresh, 0, 20)


@pytest.mark.parametrize("first", ["optimizer", "scheduler"])
def test_training_goes_on_in_a_new_process_as_if_nothing_had_happened(trained, first):
    whole = trained("torch", "whole")
    rest = trained("torch", "rest", first)
    assert len(rest["values"]) == 13
    assert rest["values"] == whole["values"][-13:]
    assert rest["weights"] == whole["weights"]
