"""Laws of a population: a row's numbers depend on no other row."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    init,
    like,
    population,
    take,
    update,
)

RULES = [
    SGD(),
    SGD(momentum=0.9, nesterov=True),
    SGD(form="average"),
    SGD(form="average-first", decoupled=True),
    SGD(form="keras", nesterov=True),
    Adagrad(eps_inside=True, decoupled=True),
    RMSprop(centered=True, decoupled=True),
    RMSprop(lr_inside_momentum=True, eps_inside=True),
    Adam(amsgrad=True),
    like.keras.AdamW(),
    NAdam(),
    RAdam(beta2=0.9),
    RAdam(beta2=0.9, form="optax", decoupled=True),
    Adamax(),
    Adamax(form="keras"),
    Adadelta(),
    Lion(),
    LAMB(),
    LAMB(decoupled=True),
    Adafactor(),
    Adafactor(form="optax", min_dim=3),
    Muon(),
    Muon(form="optax", precision="full", adjust="rms"),
    ScheduleFreeSGD(),
    ScheduleFreeAdamW(r=1.0),
]
ROWS, STEPS = 5, 8


def hyper_of(rule):
    """Rows with and without momentum, weight decay, clipping and an average, where the rule allows both."""
    free = "momentum" in rule.hyper and not (getattr(rule, "nesterov", False) and rule.form == "heavy-ball")
    averages = rule.name.startswith("schedule_free")
    free = free and not averages
    rows = []
    for k in range(ROWS):
        own = {"lr": 0.01 * (k + 1), "weight_decay": 0.1 * (k % 2), "clip_norm": (0, 3.0, 1.0, 0, 1e-3)[k]}
        own |= {"clip_value": 0.5 * (k // 3), "ema": 0 if averages else (0, 0.9, 0, 0.5, 0.99)[k]}
        rows.append(rule.filled(own | ({"momentum": 0.3 * (k % 3)} if free else {})))
    return rows


def start(seed):
    generator = torch.Generator().manual_seed(seed)
    params = {"w": torch.randn(ROWS, 3, 5, generator=generator), "b": torch.randn(ROWS, generator=generator)}
    grads = [{n: torch.randn(p.shape, generator=generator) for n, p in params.items()} for _ in range(STEPS)]
    return params, grads


def trained(rule, params, grads, hyper, state=None, first=1):
    params = {name: p.clone() for name, p in params.items()}
    state = init(rule, params, hyper) if state is None else state
    for t, g in enumerate(grads, start=first):
        update(rule, params, g, state, hyper, t)
    return params, state


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


choose_rows = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=2 * ROWS)


@pytest.mark.parametrize("rule", RULES, ids=str)
@settings(max_examples=15, deadline=None)
@given(rows=choose_rows, seed=st.integers(0, 1000))
def test_any_choice_of_rows_trains_to_the_same_numbers(rule, rows, seed):
    """Leaving rows out, changing their order and naming them twice are all one law."""
    (params, grads), hyper = start(seed), hyper_of(rule)
    whole, state = trained(rule, params, grads, hyper)
    part, part_state = trained(rule, take(params, rows), [take(g, rows) for g in grads], [hyper[k] for k in rows])
    assert same(part, take(whole, rows))
    for name, buffers in part_state.items():
        for key, buffer in buffers.items():
            assert torch.equal(buffer, state[name][key][rows]), (name, key)


@pytest.mark.parametrize("rule", RULES, ids=str)
@settings(max_examples=15, deadline=None)
@given(rows=choose_rows, when=st.integers(0, STEPS))
def test_rows_drop_and_fork_at_any_step(rule, rows, when):
    (params, grads), hyper = start(when), hyper_of(rule)
    whole, _ = trained(rule, params, grads, hyper)
    early, state = trained(rule, params, grads[:when], hyper)
    later = [take(g, rows) for g in grads[when:]]
    part, _ = trained(rule, take(early, rows), later, [hyper[k] for k in rows], take(state, rows), when + 1)
    assert same(part, take(whole, rows))


def test_a_forked_row_goes_its_own_way():
    rule = Adam()
    (params, grads), hyper = start(0), hyper_of(Adam())
    early, state = trained(rule, params, grads[:4], hyper)
    forked, copies = take(early, [0, 0]), take(state, [0, 0])
    own = [hyper[0], rule.filled({"lr": 1.0})]
    ends, _ = trained(rule, forked, [take(g, [0, 0]) for g in grads[4:]], own, copies, 5)
    whole, _ = trained(rule, params, grads, hyper)
    assert torch.equal(ends["w"][0], whole["w"][0])
    assert not torch.equal(ends["w"][1], whole["w"][0])


def test_a_row_that_diverges_harms_no_other():
    rule = SGD()
    (params, grads), hyper = start(0), hyper_of(SGD())
    good, _ = trained(rule, params, grads, hyper)
    for g in grads:
        g["w"][2] = torch.nan
    bad, _ = trained(rule, params, grads, hyper)
    assert bad["w"][2].isnan().all()
    others = [0, 1, 3, 4]
    assert same(take(good, others), take(bad, others))


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("tile", [1, 7, 30])
def test_tiles_change_nothing(rule, tile, monkeypatch):
    (params, grads), hyper = start(1), hyper_of(rule)
    whole, state = trained(rule, params, grads, hyper)
    monkeypatch.setattr(population, "TILE", tile)
    tiled, tiled_state = trained(rule, params, grads, hyper)
    assert same(whole, tiled)
    assert all(same(state[name], tiled_state[name]) for name in state)


def test_a_buffer_first_needed_late_is_made_in_tiles_too(monkeypatch):
    monkeypatch.setattr(population, "TILE", 1)
    (params, grads), rule = start(1), SGD()
    still = [rule.hyper] * ROWS
    early, state = trained(rule, params, grads[:3], still)
    assert state["w"] == {}
    moving = [rule.filled({"momentum": 0.9 * (k == 3)}) for k in range(ROWS)]
    later, state = trained(rule, early, grads[3:], moving, state, 4)
    assert state["w"]["momentum_buffer"].abs().sum((1, 2)).nonzero().flatten().tolist() == [3]
    plain, _ = trained(rule, params, grads, still)
    assert same(take(plain, [0, 1, 2, 4]), take(later, [0, 1, 2, 4]))
    assert not torch.equal(plain["w"][3], later["w"][3])


def test_writes_in_place_and_leaves_gradients_alone():
    params, grads = start(0)
    kept = {name: g.clone() for name, g in grads[0].items()}
    rule, leaves = Adam(weight_decay=0.1), dict(params)
    hyper = [rule.hyper] * ROWS
    given_state = init(rule, params, hyper)
    out, state = update(rule, params, grads[0], given_state, hyper, 1)
    assert out is params
    assert state is given_state
    assert all(params[name] is leaf for name, leaf in leaves.items())
    assert same(kept, grads[0])


def test_a_parameter_without_a_gradient_stays():
    params, grads = start(0)
    before = params["b"].clone()
    rule = SGD(weight_decay=0.1)
    update(rule, params, {"w": grads[0]["w"]}, init(rule, params, [rule.hyper] * ROWS), [rule.hyper] * ROWS, 1)
    assert torch.equal(params["b"], before)


def test_taken_rows_are_copies():
    params, _ = start(0)
    rows = take(params, [0, 1])
    rows["w"].zero_()
    assert params["w"][:2].abs().sum() > 0


def test_refuses_rows_that_do_not_match():
    params, grads = start(0)
    rule = SGD()
    with pytest.raises(RecipeError, match="one entry for each of the 3 rows"):
        init(rule, params, [rule.hyper] * 3)
    with pytest.raises(RecipeError, match="one entry for each of the 1 rows"):
        init(rule, {"w": torch.tensor(1.0)}, [rule.hyper])
    with pytest.raises(RecipeError, match="at least one row"):
        init(rule, {}, [])
    with pytest.raises(RecipeError, match="counted from 1"):
        update(rule, params, grads[0], init(rule, params, [rule.hyper] * ROWS), [rule.hyper] * ROWS, 0)
