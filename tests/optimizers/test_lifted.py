"""The tier that a fused trainer traces: all rows at once, with coefficients at hand. It gives `update`'s numbers."""

import copy
from functools import partial

import pytest
import torch
from optimizers.test_population import RULES, hyper_of
from torch.fx.experimental.proxy_tensor import make_fx

from surefoot.optimizers import clip_columns, evaluated, init, population, start, take, update, update_columns

SHAPES = {"w": (3, 5), "b": (5,), "s": (), "k": (4, 2, 3)}
ROWS, STEPS = 5, 4


def tensors(seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return {n: torch.randn(ROWS, *s, dtype=dtype, generator=generator) for n, s in SHAPES.items()}


def parted(rule, hyper, t):
    """The scalars of an update: those that all rows share, and columns of the others."""
    rows = [rule.scalars(h, t) for h in hyper]
    names = [name for name in rows[0] if len({row[name] for row in rows}) > 1]
    columns = {name: torch.tensor([row[name] for row in rows], dtype=torch.float64) for name in names}
    return {name: value for name, value in rows[0].items() if name not in names}, columns


def stepped(rule, shared, params, state, grads, columns):
    update_columns(rule, params, clip_columns(rule, grads, shared, columns), state, shared, columns)
    return params, state


def close(one, other, rtol):
    for name, value in one.items():
        if isinstance(value, dict):
            close(value, other[name], rtol)
        else:
            torch.testing.assert_close(value, other[name], rtol=rtol, atol=rtol, check_stride=False)


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_columns_give_the_numbers_of_rows(rule, traced):
    rough = getattr(rule, "precision", "") == "bfloat16"  # matrices of other sizes are multiplied in another order
    params, hyper = tensors(0), hyper_of(rule)
    twin = {name: p.clone() for name, p in params.items()}
    state, other = init(rule, params, hyper), init(rule, twin, hyper)
    for t in range(1, STEPS + 1):
        grads, (shared, columns) = tensors(t), parted(rule, hyper, t)

        step, given = partial(stepped, rule, shared), (twin, other, grads, columns)
        (make_fx(step)(*copy.deepcopy(given)) if traced and t in (1, STEPS) else step)(*given)
        update(rule, params, grads, state, hyper, t)
    rtol = 0.1 if rough else 1e-12
    close(params, twin, rtol)
    close(state, other, rtol)
    shared, columns = parted(rule, hyper, STEPS)
    close(evaluated(rule, params, state, shared, columns), evaluated(rule, twin, other, shared, columns), rtol)


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.elementwise], ids=str)
def test_a_stack_starts_as_its_rows_do(rule):
    params, hyper = tensors(0), hyper_of(rule)
    state = init(rule, params, hyper)
    for name, p in params.items():
        for k in range(ROWS):
            alone = rule.init(p[k], hyper[k])
            assert state[name].keys() - {"ema"} == alone.keys()
            assert all(torch.equal(state[name][key][k], buffer) for key, buffer in alone.items())
            assert all(state[name][key].dtype == buffer.dtype for key, buffer in alone.items())
    assert take(state, [1, 1])["w"].keys() == state["w"].keys()
    varying = {key: torch.rand(ROWS, 1, 1) for key in rule.hyper}
    assert start(rule, params["w"], varying).keys() == {*state["w"], "ema"}


@pytest.mark.parametrize("rule", [rule for rule in RULES if "free" in rule.name], ids=str)
def test_a_schedule_free_row_is_measured_at_the_average(rule):
    params, hyper = tensors(0), hyper_of(rule)
    state = init(rule, params, hyper)
    z = {name: [] for name in params}
    for t in range(1, STEPS + 1):
        update(rule, params, tensors(t), state, hyper, t)
        for name, s in state.items():
            z[name].append(s["z"].clone())
    found = population.evaluated(rule, params, state, rule.hyper, {})
    weights = torch.arange(1, STEPS + 1, dtype=torch.float64) ** rule.hyper["r"]  # the rate is constant
    for name, points in z.items():
        expected = (torch.stack(points) * (weights / weights.sum()).view(-1, *[1] * params[name].ndim)).sum(0)
        torch.testing.assert_close(found[name], expected, rtol=1e-12, atol=1e-13)
