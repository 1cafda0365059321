"""Every rule equals torch.optim's loop bit for bit: a row alone, a population of one, and rows of mixed options."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    NAdam,
    RAdam,
    RMSprop,
    init,
    set_hyper,
    torch_optimizer,
    update,
)
from surefoot.optimizers.rule import AROUND

# Sizes on both sides of the vector widths of processors: the tail of a tensor takes another path than its body.
SHAPES = [(), (0,), (1,), (3,), (7,), (31,), (33,), (257,), (5, 9)]
STEPS, SLOW = 60, 20  # a rule that is lifted row by row takes longer


def options(**values):
    return [dict(zip(values, choice, strict=True)) for choice in itertools.product(*values.values())]


DECAY = {"weight_decay": (0, 0.01)}
ADAM = options(beta1=(0.9, 0.5), beta2=(0.999, 0.9), eps=(1e-8, 1e-3), **DECAY)
RMSPROP = options(alpha=(0.99, 0.9), eps=(1e-8, 1e-3), momentum=(0, 0.9), **DECAY)
NADAM = options(momentum_decay=(4e-3, 1.0), beta1=(0.9, 0.5), beta2=(0.999, 0.9), **DECAY)
CASES = {
    "sgd": (SGD(), options(momentum=(0, 0.9), dampening=(0, 0.5), **DECAY)),
    "sgd, nesterov": (SGD(momentum=0.9, nesterov=True), options(momentum=(0.9, 0.5), **DECAY)),
    "sgd, average-first": (SGD(form="average-first"), options(momentum=(0, 0.9), **DECAY)),
    "adagrad": (
        Adagrad(),
        options(lr_decay=(0, 0.1), initial_accumulator_value=(0, 0.1), eps=(1e-10, 1e-3), **DECAY),
    ),
    "rmsprop": (RMSprop(), RMSPROP),
    "rmsprop, centered": (RMSprop(centered=True), RMSPROP),
    "adam": (Adam(), ADAM),
    "amsgrad": (Adam(amsgrad=True), ADAM),
    "adamw": (Adam(decoupled=True), ADAM),
    "adamw, amsgrad": (Adam(decoupled=True, amsgrad=True), ADAM),
    "adadelta": (Adadelta(), options(rho=(0.9, 0.5), eps=(1e-6, 1e-3), **DECAY)),
    "nadam": (NAdam(), NADAM),
    "nadam, decoupled": (NAdam(decoupled=True), NADAM),
    "radam": (RAdam(), ADAM),
    "radam, decoupled": (RAdam(decoupled=True), ADAM),
    "adamax": (Adamax(), ADAM),
    "adafactor": (
        Adafactor(),
        options(beta2_decay=(-0.8, -0.5), eps1=(0, 1e-3), eps2=(1e-3, 0.1), d=(1.0, 1.5), **DECAY),
    ),
}
NATIVE = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "amsgrad": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adadelta": torch.optim.Adadelta,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adamax": torch.optim.Adamax,
    "adafactor": torch.optim.Adafactor,
}


def shapes_of(case):
    """torch's Adafactor divides by the size of a parameter; matrices it keeps as a row and a column."""
    return [s for s in SHAPES if 0 not in s] + [(2, 3, 4), (1, 6)] if case == "adafactor" else SHAPES


def at(hyper, t):
    """A rate that changes at every step, differently in each row."""
    return {**hyper, "lr": hyper["lr"] * (1 + 0.5 * ((t * 7) % 5)) / (1 + hyper["lr"] * t)}


def gradients(shapes, rows, dtype, generator):
    size = 10 ** float(4 * torch.rand((), generator=generator) - 3)
    return {str(i): size * torch.randn(rows, *s, dtype=dtype, generator=generator) for i, s in enumerate(shapes)}


def row_of(params, state, k):
    return {name: p[k] for name, p in params.items()}, {
        name: {key: buffer[k] for key, buffer in s.items()} for name, s in state.items()
    }


def assert_same(ours, theirs):
    """Equal parameters and equal buffers; rows without momentum have no buffer in torch."""
    (params, state), (leaves, optimizer) = ours, theirs
    for (name, p), leaf in zip(params.items(), leaves, strict=True):
        assert torch.equal(p, leaf), name
        for key, buffer in optimizer.state[leaf].items():
            assert key == "step" or torch.equal(state[name][key], buffer), (name, key)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_every_row_equals_torch(case, dtype):
    rule, choices = CASES[case]
    hyper = [rule.filled({"lr": 0.001 * 1.7**k, **choice}) for k, choice in enumerate(choices)]
    rows, singles = range(len(hyper)), range(0, len(hyper), 3)
    generator = torch.Generator().manual_seed(len(case))
    stacked = {name: 3 * g for name, g in gradients(shapes_of(case), len(hyper), dtype, generator).items()}
    state = init(rule, stacked, hyper)
    single = {k: {name: p[k : k + 1].clone() for name, p in stacked.items()} for k in singles}
    single_state = {k: init(rule, single[k], hyper[k : k + 1]) for k in singles}
    alone = [{name: p[k].clone() for name, p in stacked.items()} for k in rows]
    alone_state = [{name: rule.init(p, hyper[k]) for name, p in alone[k].items()} for k in rows]
    leaves = [[p[k].clone().requires_grad_() for p in stacked.values()] for k in rows]
    optimizers = [torch_optimizer(rule, leaves[k], hyper[k]) for k in rows]
    assert all(type(each) is NATIVE[case.partition(",")[0]] for each in optimizers)

    steps = STEPS if rule.elementwise else SLOW
    for t in range(1, steps + 1):
        grads = gradients(shapes_of(case), len(hyper), dtype, generator)
        now = [at(h, t) for h in hyper]
        update(rule, stacked, grads, state, now, t)
        for k in singles:
            update(rule, single[k], {name: g[k : k + 1] for name, g in grads.items()}, single_state[k], [now[k]], t)
        for k in rows:
            for name, p in alone[k].items():
                rule.update(p, grads[name][k], alone_state[k][name], rule.coefficients(now[k], t))
            for leaf, g in zip(leaves[k], grads.values(), strict=True):
                leaf.grad = g[k].clone()
            set_hyper(optimizers[k], rule, now[k])
            optimizers[k].step()
            if t in (1, 2, steps):
                theirs = leaves[k], optimizers[k]
                assert_same((alone[k], alone_state[k]), theirs)
                assert_same(row_of(stacked, state, k), theirs)
                if k in singles:
                    assert_same(row_of(single[k], single_state[k], 0), theirs)


@st.composite
def populations(draw):
    rule = CASES[draw(st.sampled_from(sorted(CASES)))][0]
    nesterov, form = getattr(rule, "nesterov", False), getattr(rule, "form", "")
    most = {"beta1": 0.9999, "beta2": 0.99999, "alpha": 1.0, "rho": 1.0, "momentum": 1.0, "dampening": 1.0}
    most |= {"d": 3.0, "beta2_decay": 0.0}
    least = {"momentum": 0.01 if nesterov else 0.0, "d": 1.0, "beta2_decay": -1.0}
    free = [name for name in rule.hyper if name != "dampening" or (form == "heavy-ball" and not nesterov)]
    free = [name for name in free if name not in AROUND]

    def value(name):
        return draw(st.floats(least.get(name, 0.0), most.get(name, 0.5), allow_subnormal=False))

    hyper = [rule.filled({name: value(name) for name in free}) for _ in range(draw(st.integers(1, 4)))]
    return rule, hyper, draw(st.sampled_from([torch.float32, torch.float64])), draw(st.integers(0, 2**31))


@settings(max_examples=60, deadline=None)
@given(populations())
def test_any_numbers_equal_torch(population):
    rule, hyper, dtype, seed = population
    generator = torch.Generator().manual_seed(seed)
    shapes = [(19,), (2, 3)]
    params = gradients(shapes, len(hyper), dtype, generator)
    leaves = [[p[k].clone().requires_grad_() for p in params.values()] for k in range(len(hyper))]
    optimizers = [torch_optimizer(rule, own, h) for own, h in zip(leaves, hyper, strict=True)]
    state = init(rule, params, hyper)
    for t in range(1, 6):
        grads = gradients(shapes, len(hyper), dtype, generator)
        update(rule, params, grads, state, hyper, t)
        for k, optimizer in enumerate(optimizers):
            for leaf, g in zip(leaves[k], grads.values(), strict=True):
                leaf.grad = g[k].clone()
            optimizer.step()
            for p, leaf in zip(params.values(), leaves[k], strict=True):
                finite = leaf.isfinite()  # beyond that a row has diverged, to infinity or NaN
                assert torch.equal(p[k].isfinite(), finite)
                assert torch.equal(p[k][finite], leaf[finite])


@pytest.mark.parametrize("rule", [SGD(momentum=0.9), RMSprop(momentum=0.9)], ids=str)
def test_momentum_that_passes_through_zero_equals_torch(rule):
    momenta = [[0.9, 0.9, 0, 0, 0.5, 0.9], [0.9, 0, 0.9, 0, 0.9, 0.9], [0.9] * 6]
    params = {"w": torch.randn(3, 11)}
    leaves = [p.clone().requires_grad_() for p in params["w"]]
    optimizers = [torch_optimizer(rule, [leaf]) for leaf in leaves]
    state = init(rule, params, [rule.hyper] * 3)
    for t in range(1, 7):
        hyper = [rule.filled({"momentum": own[t - 1]}) for own in momenta]
        grads = {"w": torch.randn(3, 11)}
        update(rule, params, grads, state, hyper, t)
        for k, optimizer in enumerate(optimizers):
            leaves[k].grad = grads["w"][k].clone()
            set_hyper(optimizer, rule, hyper[k])
            optimizer.step()
            assert torch.equal(params["w"][k], leaves[k])
            assert torch.equal(state["w"]["momentum_buffer"][k], optimizer.state[leaves[k]]["momentum_buffer"])


@pytest.mark.parametrize("rule", [SGD(), RMSprop()], ids=str)
def test_momentum_that_begins_late_equals_torch(rule):
    params = {"w": torch.randn(2, 11)}
    leaves = [p.clone().requires_grad_() for p in params["w"]]
    optimizers = [torch_optimizer(rule, [leaf]) for leaf in leaves]
    state = init(rule, params, [rule.hyper] * 2)
    assert "momentum_buffer" not in state["w"]
    for t in range(1, 7):
        hyper = [rule.filled({"momentum": 0.9 if t > 3 else 0}), rule.filled({"momentum": 0})]
        grads = {"w": torch.randn(2, 11)}
        update(rule, params, grads, state, hyper, t)
        for k, optimizer in enumerate(optimizers):
            leaves[k].grad = grads["w"][k].clone()
            set_hyper(optimizer, rule, hyper[k])
            optimizer.step()
            assert torch.equal(params["w"][k], leaves[k])
