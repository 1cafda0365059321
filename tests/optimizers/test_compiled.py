"""The compiled update: the interpreted one's numbers, for every rule."""

import numpy as np
import pytest
import torch
from attrs import evolve

from surefoot.core.errors import RecipeError
from surefoot.optimizers import SGD, Adagrad, Adam, RMSprop, init, update
from surefoot.optimizers.compiled import CompiledUpdate
from surefoot.optimizers.inductor import compiled, compiler_found

pytestmark = pytest.mark.skipif(not compiler_found(), reason="there is no C++ compiler")
ROWS, STEPS = 5, 6
RULES = [
    SGD(),
    SGD(momentum=0.9, nesterov=True),
    SGD(form="average-first", decoupled=True, momentum=0.5),
    SGD(form="keras", momentum=0.5),
    Adagrad(eps_inside=True),
    RMSprop(centered=True, momentum=0.5),
    Adam(amsgrad=True),
    Adam(decoupled=True, weight_decay=0.1),
    Adam(form="keras"),
    Adam(clip_norm=0.5, ema=0.9),
]


def start(dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    shapes = {"w": (ROWS, 3, 5), "b": (ROWS, 5), "scale": (ROWS,)}
    params = {n: torch.randn(s, generator=generator, dtype=dtype) for n, s in shapes.items()}
    grads = [{n: torch.randn(s, generator=generator, dtype=dtype) for n, s in shapes.items()} for _ in range(STEPS)]
    return params, grads


def rows_at(rule, t):
    """Rates that differ and move, decays that differ."""
    return [rule.filled({"lr": 0.01 * (k + 1) / t, "weight_decay": 0.1 * (k % 2)}) for k in range(ROWS)]


def columns_of(rows):
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_compiled_equals_interpreted(rule):
    ours, grads = start()
    theirs = {name: p.clone() for name, p in ours.items()}
    state, plain = init(rule, ours, rows_at(rule, 1)), init(rule, theirs, rows_at(rule, 1))
    before = {name: p.clone() for name, p in ours.items()}
    step = CompiledUpdate(rule, ours, state, rows_at(rule, 1))
    assert all(torch.equal(ours[name], before[name]) for name in ours)  # compiling trains nothing
    for t, g in enumerate(grads, start=1):
        rows = rows_at(rule, t)
        step(ours, g, state, columns_of(rows) if t % 2 else rows, t)
        update(rule, theirs, g, plain, rows, t)
    for name, expected in theirs.items():
        torch.testing.assert_close(ours[name], expected, rtol=1e-12, atol=1e-14)
        for key, buffer in plain[name].items():
            torch.testing.assert_close(state[name][key], buffer, rtol=1e-12, atol=1e-14)


def test_momentum_that_comes_later_has_its_buffer():
    """Off at first in all rows, then on: it is among what moves, so the state has a buffer from the start."""
    rule, (ours, grads) = SGD(lr=0.1), start()
    theirs = {name: p.clone() for name, p in ours.items()}
    rows = [rule.filled({})] * ROWS
    state, plain = init(rule, ours, rows), init(rule, theirs, rows)
    step = CompiledUpdate(rule, ours, state, rows, moving=("momentum",))
    for t, g in enumerate(grads, start=1):
        rows = [rule.filled({"momentum": 0.9 if t > 2 else 0.0})] * ROWS
        step(ours, g, state, rows, t)
        update(rule, theirs, g, plain, rows, t)
    for name, expected in theirs.items():
        torch.testing.assert_close(ours[name], expected, rtol=1e-12, atol=1e-14)


def test_rows_that_all_agree_and_one_row_alone():
    rule = Adam()
    for rows in (1, ROWS):
        params = {"w": torch.ones(rows, 2)}
        hyper = [rule.filled({})] * rows
        state = init(rule, params, hyper)
        step = CompiledUpdate(rule, params, state, hyper, moving=())
        step(params, {"w": torch.ones(rows, 2)}, state, hyper, 1)
        torch.testing.assert_close(params["w"], torch.full((rows, 2), 0.999))


def test_a_constant_that_changes_and_rows_that_are_missing_are_refused():
    rule, (params, grads) = Adam(), start()
    rows = rows_at(rule, 1)
    state = init(rule, params, rows)
    step = CompiledUpdate(rule, params, state, rows)
    with pytest.raises(RecipeError, match=r"compiled for beta1=0\.9.*moving=\('beta1'"):
        step(params, grads[0], state, [{**row, "beta1": 0.8} for row in rows], 1)
    with pytest.raises(RecipeError, match="one entry for each of the 5 rows"):
        CompiledUpdate(rule, params | {"b": torch.ones(4, 5)}, state, rows)
    with pytest.raises(RecipeError, match="one entry for each of the 3 rows"):
        CompiledUpdate(rule, params, state, rows[:3])


def test_gradients_may_have_any_strides_and_nothing_another_shape():
    rule, (ours, grads) = Adam(), start()
    theirs = {name: p.clone() for name, p in ours.items()}
    rows = rows_at(rule, 1)
    state, plain = init(rule, ours, rows), init(rule, theirs, rows)
    before = torch.get_rng_state()
    step = CompiledUpdate(rule, ours, state, rows)
    assert torch.equal(before, torch.get_rng_state())
    turned = grads[0] | {"w": grads[0]["w"].transpose(1, 2).contiguous().transpose(1, 2)}
    assert not turned["w"].is_contiguous()
    step(ours, turned, state, rows, 1)
    update(rule, theirs, grads[0], plain, rows, 1)
    torch.testing.assert_close(ours["w"], theirs["w"], rtol=1e-12, atol=1e-14)
    with pytest.raises(RecipeError, match="other shapes"):
        step(ours | {"b": ours["b"].T.contiguous().T}, grads[0], state, rows, 2)
    with pytest.raises(RecipeError, match="other shapes"):
        step(ours, grads[0] | {"b": grads[0]["b"].float()}, state, rows, 2)


def test_numbers_that_differ_are_not_trusted(monkeypatch):
    """A compiler that is wrong: what is written counts where it is asked for."""
    monkeypatch.setattr("torch._inductor.compile", lambda graph, example, options: lambda x: x.mul_(3))
    with pytest.raises(ArithmeticError, match="other numbers"):
        compiled(lambda x: x.mul_(2), [torch.ones(2)], written=1)


def test_equal_rules_of_other_numbers_have_other_constants():
    rule, (params, grads) = Adam(), start()
    other = evolve(rule, beta1=0.5)
    rows = [other.filled({"lr": 0.01 * (k + 1)}) for k in range(ROWS)]
    ours, theirs = ({name: p.clone() for name, p in params.items()} for _ in range(2))
    state, plain = init(other, ours, rows), init(other, theirs, rows)
    CompiledUpdate(other, ours, state, rows)(ours, grads[0], state, rows, 1)
    update(other, theirs, grads[0], plain, rows, 1)
    torch.testing.assert_close(ours["w"], theirs["w"], rtol=1e-12, atol=1e-14)


def test_a_device_has_a_compiler_of_its_own(monkeypatch):
    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: True)
    assert compiler_found("cuda")
    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: False)
    assert not compiler_found("cuda")
    assert not compiler_found("mps")
