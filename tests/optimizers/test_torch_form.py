"""The same rules as torch.optim optimizers, and rows that travel between a population and torch."""

import copy
import pickle

import pytest
import torch

from surefoot.core.errors import RecipeError
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
    RuleOptimizer,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    evaluating,
    export_row,
    import_row,
    init,
    like,
    set_hyper,
    take,
    torch_optimizer,
    torch_source,
    update,
)

OWN = [
    SGD(lr=0.1, momentum=0.9, form="average"),
    SGD(lr=0.1, momentum=0.9, form="keras", nesterov=True),
    SGD(lr=0.1, momentum=0.9, weight_decay=0.1, decoupled=True),
    Adagrad(lr=0.1, eps_inside=True, initial_accumulator_value=0.1),
    RMSprop(centered=True, lr_inside_momentum=True, momentum=0.9),
    like.keras.AdamW(learning_rate=0.1),
    NAdam(momentum_schedule=False),
    RAdam(form="optax"),
    Adamax(form="keras", weight_decay=0.1),
    Adadelta(decoupled=True, weight_decay=0.1),
    Lion(),
    LAMB(weight_decay=0.1),
    Adafactor(form="keras"),
    Muon(),
    ScheduleFreeSGD(),
    ScheduleFreeAdamW(),
]
NATIVE = [
    SGD(lr=0.1, momentum=0.9, weight_decay=0.1),
    SGD(lr=0.1, momentum=0.9, nesterov=True),
    SGD(lr=0.1, momentum=0.9, form="average-first"),
    Adagrad(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.1),
    RMSprop(alpha=0.9, momentum=0.9, centered=True),
    Adam(lr=0.1, beta2=0.99, amsgrad=True),
    Adam(weight_decay=0.1, decoupled=True),
    NAdam(lr=0.1, weight_decay=0.1, decoupled=True),
    RAdam(beta2=0.9, weight_decay=0.1),
    Adamax(eps=1e-6),
    Adadelta(rho=0.95),
    Adafactor(eps1=1e-3, d=1.5),
    Adafactor(weight_decay=0.1),
]
SHAPES = {"w": (3, 2), "b": (3,)}


def fresh(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator, requires_grad=True) for name, shape in SHAPES.items()}


def gradients(t):
    return {name: g.detach() for name, g in fresh(100 + t).items()}


def steps(optimizer, params, ts, rule=None):
    for t in ts:
        for name, g in gradients(t).items():
            params[name].grad = g.clone()
        if rule is not None:
            set_hyper(optimizer, rule, {"lr": 0.01 * t})
        optimizer.step()


def row(rule, params, ts, state=None):
    """A population of one, with the same gradients."""
    stacked = {name: p.detach().clone()[None] for name, p in params.items()}
    state = init(rule, stacked, [rule.hyper]) if state is None else state
    for t in ts:
        grads = {name: g[None] for name, g in gradients(t).items()}
        update(rule, stacked, grads, state, [rule.filled({"lr": 0.01 * t})], t)
    return {name: p[0] for name, p in stacked.items()}, state


def stacked_state(state):
    return {name: {key: buffer[None] for key, buffer in s.items()} for name, s in state.items()}


@pytest.mark.parametrize("rule", OWN + NATIVE, ids=str)
def test_optimizer_follows_the_population(rule):
    params = fresh()
    optimizer = torch_optimizer(rule, params.values())
    assert isinstance(optimizer, RuleOptimizer) == (rule in OWN)
    steps(optimizer, params, range(1, 31), rule)
    expected, _ = row(rule, fresh(), range(1, 31))
    assert all(torch.equal(params[name], expected[name]) for name in params)


@pytest.mark.parametrize("rule", OWN + NATIVE, ids=str)
def test_state_dict_goes_on_where_it_stopped(rule):
    whole, half = fresh(), fresh()
    steps(torch_optimizer(rule, whole.values()), whole, range(1, 21), rule)
    first = torch_optimizer(rule, half.values())
    steps(first, half, range(1, 11), rule)
    second = torch_optimizer(rule, half.values())
    second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
    steps(second, half, range(11, 21), rule)
    assert all(torch.equal(whole[name], half[name]) for name in whole)


@pytest.mark.parametrize("rule", OWN + NATIVE, ids=str)
def test_a_row_leaves_for_torch_and_comes_back(rule):
    whole, _ = row(rule, fresh(), range(1, 31))
    early, state = row(rule, fresh(), range(1, 11))
    params = {name: p.clone().requires_grad_() for name, p in early.items()}
    one = {name: {key: buffer[0] for key, buffer in s.items()} for name, s in state.items()}
    optimizer = torch_optimizer(rule, params.values())
    optimizer.load_state_dict(export_row(rule, params, one, rule.hyper, 10))
    steps(optimizer, params, range(11, 21), rule)
    back, t = import_row(rule, params, optimizer.state_dict())
    assert t == (None if type(optimizer) is torch.optim.SGD else 20)
    end, _ = row(rule, params, range(21, 31), stacked_state(back))
    assert all(torch.equal(end[name], whole[name]) for name in whole)


def test_a_row_exports_what_torch_itself_holds():
    rule, params = Adam(amsgrad=True), fresh()
    optimizer = torch.optim.Adam(params.values(), amsgrad=True, foreach=False)
    steps(optimizer, params, range(1, 6))
    state, t = import_row(rule, params, optimizer.state_dict())
    ours, theirs = export_row(rule, params, state, rule.hyper, t), optimizer.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    for index, buffers in theirs["state"].items():
        assert list(ours["state"][index]) == list(buffers)
        assert all(torch.equal(ours["state"][index][key], buffer) for key, buffer in buffers.items())


def test_an_average_travels_too():
    rule = Adam(ema=0.9)
    params, state = row(rule, fresh(), range(1, 6))
    one = {name: {key: buffer[0] for key, buffer in s.items()} for name, s in state.items()}
    saved = export_row(rule, params, one, rule.hyper, 5)
    torch_optimizer(rule, [p.requires_grad_() for p in params.values()]).load_state_dict(saved)
    back, t = import_row(rule, params, saved)
    assert t == 5
    assert all(torch.equal(back[name]["ema"], s["ema"]) for name, s in one.items())


@pytest.mark.parametrize("rule", [ScheduleFreeSGD(), ScheduleFreeAdamW(), Lion()], ids=str)
def test_a_model_is_measured_where_its_rule_says(rule):
    params, straight = fresh(), fresh()
    optimizer = torch_optimizer(rule, params.values())
    with evaluating(optimizer):  # nothing has happened yet
        assert all(torch.equal(p, fresh()[name]) for name, p in params.items())
    for t in range(1, 6):
        steps(optimizer, params, [t])
        own = {name: p.detach().clone() for name, p in params.items()}
        with evaluating(optimizer):
            for name, p in params.items():
                assert torch.equal(p, rule.evaluated(own[name], optimizer.state[p], rule.hyper))
                assert torch.equal(p, own[name]) == isinstance(rule, Lion) or t == 1
        assert all(torch.equal(p, own[name]) for name, p in params.items())
    steps(torch_optimizer(rule, straight.values()), straight, range(1, 6))
    assert all(torch.equal(p, straight[name]) for name, p in params.items())


def test_import_refuses_the_state_of_another_optimizer():
    params = fresh()
    optimizer = torch.optim.Adam(params.values())
    steps(optimizer, params, [1])
    with pytest.raises(RecipeError, match="is not one of rmsprop, which has momentum_buffer, square_avg"):
        import_row(RMSprop(), params, optimizer.state_dict())
    with pytest.raises(RecipeError, match="is not one of adam"):
        import_row(Adam(amsgrad=True), params, optimizer.state_dict())
    turned = dict(reversed(params.items()))
    with pytest.raises(RecipeError, match=r"exp_avg of 'b' must have the shape \[3\]; received \[3, 2\]"):
        import_row(Adam(), turned, optimizer.state_dict())
    params["w"].grad = None
    optimizer.step()
    with pytest.raises(RecipeError, match=r"different numbers of updates; received \[1, 2\]"):
        import_row(Adam(), params, optimizer.state_dict())


def test_an_optimizer_that_has_not_stepped_imports_as_a_start():
    for rule in (Adam(), Adagrad(initial_accumulator_value=0.5), OWN[0]):
        params = fresh()
        state, t = import_row(rule, params, torch_optimizer(rule, params.values()).state_dict())
        fresh_state = {name: rule.init(p.detach(), rule.hyper) for name, p in params.items()}
        assert t in (0, None)
        assert all(torch.equal(state[n][key], b) for n, s in fresh_state.items() for key, b in s.items())


@pytest.mark.parametrize("rule", NATIVE, ids=str)
def test_source_makes_the_same_optimizer(rule):
    made = eval(torch_source(rule), {"torch": torch, "model": torch.nn.Linear(2, 2)})
    ours = torch_optimizer(rule, torch.nn.Linear(2, 2).parameters())
    assert type(made) is type(ours)
    assert made.defaults | {"foreach": False} == ours.defaults


def test_source():
    assert torch_source(SGD()) == "torch.optim.SGD(model.parameters(), lr=0.001)"
    assert torch_source(SGD(), {"lr": 0.1, "momentum": 0.9}) == (
        "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)"
    )
    assert torch_source(Adam(decoupled=True, weight_decay=0.01, beta2=0.99)) == (
        "torch.optim.AdamW(model.parameters(), lr=0.001, betas=(0.9, 0.99))"
    )
    assert [torch_source(rule) for rule in OWN] == [None] * len(OWN)


def test_set_hyper_reaches_every_group():
    w, b = fresh().values()
    optimizer = torch_optimizer(Adam(), [{"params": [w]}, {"params": [b]}])
    set_hyper(optimizer, Adam(eps=1e-3), {"lr": 0.5, "beta1": 0.7})
    for group in optimizer.param_groups:
        assert (group["lr"], group["betas"], group["eps"]) == (0.5, (0.7, 0.999), 1e-3)
    with pytest.raises(RecipeError, match="lr of adam"):
        set_hyper(optimizer, Adam(), {"lr": float("nan")})


@pytest.mark.parametrize("rule", [OWN[1], NATIVE[0]], ids=str)
def test_learning_rate_schedulers_work(rule):
    params, other = fresh(), fresh()
    optimizer = torch_optimizer(rule, params.values())
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    by_hand = torch_optimizer(rule, other.values())
    for t in range(1, 6):
        steps(optimizer, params, [t])
        scheduler.step()
        set_hyper(by_hand, rule, {"lr": rule.hyper["lr"] * 0.5 ** (t - 1)})
        steps(by_hand, other, [t])
    assert all(torch.equal(params[name], other[name]) for name in params)


def test_rule_optimizer_is_an_ordinary_optimizer():
    w = torch.ones(2, requires_grad=True)
    unused = torch.ones(2, requires_grad=True)
    optimizer = RuleOptimizer([w, unused], OWN[0], {"lr": 0.25})

    def closure():
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 2
    assert torch.allclose(w, torch.full((2,), 1 - 0.25 * 0.1 * 2))
    assert torch.equal(unused, torch.ones(2))
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert other.rule == OWN[0]
        assert other.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
    with pytest.raises(RecipeError, match="sgd has no hyperparameter 'beta1'"):
        RuleOptimizer([w], OWN[0], {"beta1": 0.9})


def test_taken_rows_export():
    rule = Adam()
    params = {"w": torch.zeros(2, 3)}
    hyper = [rule.filled({"lr": lr}) for lr in (0.1, 0.2)]
    state = init(rule, params, hyper)
    update(rule, params, {"w": torch.ones(2, 3)}, state, hyper, 1)
    chosen = {name: {key: b[0] for key, b in s.items()} for name, s in take(state, [1]).items()}
    saved = export_row(rule, {"w": params["w"][1]}, chosen, hyper[1], 1)
    assert saved["param_groups"][0]["lr"] == 0.2
    assert saved["state"][0]["step"] == 1
