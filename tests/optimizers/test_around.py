"""What happens around a rule: clipping and the average of the weights, as the libraries have them."""

import copy
import math

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from surefoot.core.errors import RecipeError
from surefoot.optimizers import (
    Average,
    clip_columns,
    clip_gradients_,
    evaluated,
    init,
    parse,
    set_hyper,
    take,
    torch_optimizer,
    update,
    update_columns,
)

SHAPES = {"w": (3, 5), "b": (5,), "s": (), "none": (0,)}
FORMS = ["torch", "keras", "keras-each", "optax"]
ROWS, STEPS = 6, 8


def random(t, dtype=torch.float64, scale=1.0):
    generator = torch.Generator().manual_seed(t)
    return {n: scale * torch.randn(ROWS, *s, dtype=dtype, generator=generator) for n, s in SHAPES.items()}


def hyper_of(rule):
    """Rows with and without each of the three."""
    return [
        rule.filled(
            {
                "lr": 0.01 * (k + 1),
                "clip_norm": (0, 0.5, 1e6)[k % 3],
                "clip_value": (0, 0.1)[k % 2],
                "ema": (0, 0.9, 0, 0.5, 0.99, 0)[k],
            }
        )
        for k in range(ROWS)
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_rows_equal_torch_with_its_clipping_and_its_average(dtype):
    rule = parse("adam(weight_decay=0.1)")
    params, hyper = random(0, dtype), hyper_of(rule)
    models = [torch.nn.ParameterList([p[k].clone() for p in params.values()]) for k in range(ROWS)]
    optimizers = [torch_optimizer(rule, list(m.parameters()), h) for m, h in zip(models, hyper, strict=True)]
    averages = [
        torch.optim.swa_utils.AveragedModel(m, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(h["ema"]))
        for m, h in zip(models, hyper, strict=True)
    ]
    own = [Average(m.parameters()) for m in models]
    state = init(rule, params, hyper)
    for t in range(1, STEPS + 1):
        grads = random(t, dtype, 10 ** (t % 3 - 1.0))
        kept = {name: g.clone() for name, g in grads.items()}
        update(rule, params, grads, state, hyper, t)
        assert all(torch.equal(g, kept[name]) for name, g in grads.items())
        for k, model in enumerate(models):
            for p, g in zip(model.parameters(), grads.values(), strict=True):
                p.grad = g[k].clone()
            if hyper[k]["clip_value"]:
                torch.nn.utils.clip_grad_value_(model.parameters(), hyper[k]["clip_value"], foreach=False)
            if hyper[k]["clip_norm"]:
                torch.nn.utils.clip_grad_norm_(model.parameters(), hyper[k]["clip_norm"], foreach=False)
            optimizers[k].step()
            averages[k].update_parameters(model)
            own[k].update(hyper[k]["ema"])
            for (name, p), leaf in zip(params.items(), model.parameters(), strict=True):
                assert torch.equal(p[k], leaf)
                assert hyper[k]["ema"] or torch.equal(state[name]["ema"][k], leaf)
            for s, theirs, ours in zip(state.values(), averages[k].parameters(), own[k].weights, strict=True):
                assert torch.equal(s["ema"][k], theirs)
                assert torch.equal(ours, theirs)


@pytest.mark.parametrize("form", FORMS)
def test_a_row_is_clipped_in_company_as_alone_and_as_a_single_model(form):
    rule = parse(f"sgd(clip={form!r}, momentum=0.9)")
    params, hyper = random(0), hyper_of(rule)
    state = init(rule, params, hyper)
    alone = [take(params, [k]) for k in range(ROWS)]
    alone_state = [init(rule, p, [h]) for p, h in zip(alone, hyper, strict=True)]
    leaves = [[p[k].clone().requires_grad_() for p in params.values()] for k in range(ROWS)]
    optimizers = [torch_optimizer(rule, own, h) for own, h in zip(leaves, hyper, strict=True)]
    for t in range(1, STEPS + 1):
        grads = random(t, scale=10 ** (t % 3 - 1.0))
        update(rule, params, grads, state, hyper, t)
        for k in range(ROWS):
            update(rule, alone[k], take(grads, [k]), alone_state[k], [hyper[k]], t)
            for leaf, g in zip(leaves[k], grads.values(), strict=True):
                leaf.grad = g[k].clone()
            clip_gradients_(leaves[k], rule, hyper[k])
            set_hyper(optimizers[k], rule, hyper[k])
            optimizers[k].step()
            for (name, p), leaf in zip(params.items(), leaves[k], strict=True):
                assert torch.equal(p[k], alone[k][name][0])
                assert torch.equal(p[k], leaf)


def test_off_changes_nothing_even_where_the_norm_overflows():
    rule = parse("sgd(lr=1.0)")
    params = {"w": torch.zeros(2, 3)}
    hyper = [rule.hyper, rule.filled({"clip_norm": 1.0, "clip_value": 3.0})]
    grads = {"w": torch.tensor([[1e30, 1e30, 1e30], [3.0, 4.0, 0.0]])}
    plain = update(rule, {"w": torch.zeros(1, 3)}, take(grads, [0]), init(rule, {"w": torch.zeros(1, 3)}, hyper[:1]),
                   hyper[:1], 1)[0]  # fmt: skip
    update(rule, params, grads, init(rule, params, hyper), hyper, 1)
    assert torch.equal(params["w"][:1], plain["w"])
    assert torch.linalg.vector_norm(params["w"][1]) == pytest.approx(1, abs=1e-6)
    limits = {"clip_norm": torch.tensor([math.inf, 1.0]), "clip_value": torch.tensor([math.inf, 3.0])}
    for form in FORMS:
        found = clip_columns(parse(f"sgd(clip={form!r})"), grads, {}, limits)["w"]
        assert torch.equal(found[0], grads["w"][0])
        assert torch.allclose(found[1], torch.tensor([0.5**0.5, 0.5**0.5, 0]), atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("same", [False, True])
def test_columns_traced_equal_rows(form, same):
    rule = parse(f"adam(clip={form!r})")
    params, hyper = random(0), [rule.filled({"clip_norm": 0.5, "ema": 0.9})] * ROWS if same else hyper_of(rule)
    twin = {name: p.clone() for name, p in params.items()}
    state, other = init(rule, params, hyper), init(rule, twin, hyper)

    def step(params, state, grads, columns):
        clipped = clip_columns(rule, grads, shared, columns)
        update_columns(rule, params, clipped, state, shared, columns, tiled=False)
        return params, state

    for t in range(1, STEPS + 1):
        grads, rows = random(t, scale=10 ** (t % 3 - 1.0)), [rule.scalars(h, t) for h in hyper]
        names = [] if same else [name for name in rows[0] if len({row[name] for row in rows}) > 1]
        shared = {name: value for name, value in rows[0].items() if name not in names}
        columns = {name: torch.tensor([row[name] for row in rows], dtype=torch.float64) for name in names}
        given = twin, other, grads, columns
        (make_fx(step)(*copy.deepcopy(given)) if t in (1, STEPS) else step)(*given)  # tracing runs it too
        update(rule, params, grads, state, hyper, t)
    for name, p in params.items():
        torch.testing.assert_close(twin[name], p, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(other[name]["ema"], state[name]["ema"], rtol=1e-12, atol=1e-14)
    measured = evaluated(rule, params, state, rule.hyper, {})
    assert all(measured[name] is state[name]["ema"] for name in params)


def test_an_average_that_begins_late():
    """Until then it is the weights; so it is where another row has one from the start."""
    rule = parse("sgd(lr=0.1)")
    params, twin = {"w": torch.ones(1, 2)}, {"w": torch.ones(2, 2)}
    state, other = init(rule, params, [rule.hyper]), init(rule, twin, [rule.filled({"ema": 0.5})] * 2)
    assert "ema" not in state["w"]
    for t in range(1, 6):
        now = rule.filled({"ema": 0.5 if t > 2 else 0})
        update(rule, params, {"w": torch.ones(1, 2)}, state, [now], t)
        update(rule, twin, {"w": torch.ones(2, 2)}, other, [now, rule.filled({"ema": 0.5})], t)
    assert torch.equal(state["w"]["ema"][0], other["w"]["ema"][0])
    assert not torch.equal(other["w"]["ema"][0], other["w"]["ema"][1])


def test_the_average_of_a_model_goes_on_where_it_stopped():
    w = torch.ones(3)
    whole, first = Average([w]), Average([w])
    for t in range(6):
        w += t
        whole.update(0.9)
        first.update(0.9)
        saved, first = first.state_dict(), Average([w])
        first.load_state_dict(saved)
    assert torch.equal(whole.weights[0], first.weights[0])
    own = w.clone()
    with whole.applied():
        assert torch.equal(w, whole.weights[0])
    assert torch.equal(w, own)


def test_what_prints_reads_back():
    text = "adam(lr=0.1, clip_norm=1.0, ema=0.999, clip='optax')"
    assert str(parse(text)) == text
    assert str(parse("adamw(clip_norm=1, clip_value=0.5)")) == "adamw(clip_norm=1.0, clip_value=0.5)"
    assert next(iter(parse("adam").hyper)) == "lr"
    assert parse("adam(clip='keras')").structure != parse("adam").structure


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("adam(ema=1)", "ema of adam must lie below 1; received 1"),
        ("adam(clip_norm=-1)", "clip_norm of adam must be a finite number"),
        ("adam(clip='jax')", "clip of adam must be 'torch' or 'keras' or 'keras-each' or 'optax'"),
    ],
)
def test_refused(text, says):
    with pytest.raises(RecipeError, match=says):
        parse(text)
