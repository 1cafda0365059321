"""Rules that torch.optim has in part or not at all, against the packages and equations they come from."""

import numpy as np
import pytest
import torch

from surefoot.optimizers import (
    LAMB,
    Lion,
    Muon,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    adamw,
    init,
    torch_optimizer,
    update,
)

SHAPES = {"w": (4, 7), "tall": (9, 3), "row": (1, 6), "b": (5,), "s": (), "k": (2, 3, 4)}
STEPS = 40


def random(seed, rows, dtype, shapes=SHAPES):
    generator = torch.Generator().manual_seed(seed)
    size = 10 ** float(3 * torch.rand((), generator=generator) - 2)
    return {n: size * torch.randn(rows, *s, dtype=dtype, generator=generator) for n, s in shapes.items()}


def rates(hyper, t):
    return {**hyper, "lr": hyper["lr"] * (1 + 0.5 * ((t * 7) % 5))}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("adjust", ["original", "rms"])
def test_muon_is_torchs_for_matrices_and_adamw_for_the_rest(adjust, nesterov, dtype):
    rule = Muon(adjust=adjust, nesterov=nesterov)
    hyper = [
        rule.filled(
            {"lr": 0.01 * (k + 1), "momentum": (0.95, 0.5)[k % 2], "weight_decay": 0.1 * k, "ns_b": -4.5 - k / 10}
        )
        for k in range(3)
    ]
    own = [rule.filled({**h, "adam_lr_ratio": 0.3, "adam_beta2": 0.95, "adam_weight_decay": 0.02}) for h in hyper]
    params = random(0, 3, dtype)
    state = init(rule, params, own)
    leaves = [{n: p[k].clone().requires_grad_() for n, p in params.items()} for k in range(3)]
    for k, h in enumerate(hyper):
        matrices = [p for p in leaves[k].values() if p.ndim == 2]
        rest = [p for p in leaves[k].values() if p.ndim != 2]
        theirs = torch.optim.Muon(
            matrices, momentum=h["momentum"], weight_decay=h["weight_decay"], nesterov=nesterov,
            ns_coefficients=(3.4445, h["ns_b"], 2.0315),
            adjust_lr_fn={"original": "original", "rms": "match_rms_adamw"}[adjust],
        )  # fmt: skip
        beside = torch.optim.AdamW(rest, betas=(0.9, 0.95), weight_decay=0.02, foreach=False)
        leaves[k]["optimizers"] = [theirs, beside]
    twins = [{n: p[k].clone().requires_grad_() for n, p in params.items()} for k in range(3)]
    alone = [torch_optimizer(rule, twin.values(), h) for twin, h in zip(twins, own, strict=True)]
    for t in range(1, STEPS + 1):
        grads, now = random(t, 3, dtype), [rates(h, t) for h in own]
        update(rule, params, grads, state, now, t)
        for k in range(3):
            theirs, beside = leaves[k]["optimizers"]
            theirs.param_groups[0]["lr"], beside.param_groups[0]["lr"] = now[k]["lr"], now[k]["lr"] * 0.3
            alone[k].param_groups[0]["lr"] = now[k]["lr"]
            for name, g in grads.items():
                leaves[k][name].grad, twins[k][name].grad = g[k].clone(), g[k].clone()
            for optimizer in (theirs, beside, alone[k]):
                optimizer.step()
            for name, p in params.items():
                assert torch.equal(p[k], leaves[k][name]), (name, t)
                assert torch.equal(p[k], twins[k][name]), (name, t)


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.05}, {"r": 1.0, "weight_lr_power": 1.0}], ids=str)
@pytest.mark.parametrize("rule", [ScheduleFreeSGD(lr=0.05), ScheduleFreeAdamW()], ids=lambda rule: rule.name)
def test_schedule_free_is_the_package(rule, options):
    package = pytest.importorskip("schedulefree", reason="not installed: pip install schedulefree==1.4.1")
    sgd = isinstance(rule, ScheduleFreeSGD)
    hyper = rule.filled({**options, **({"momentum": 0.8} if sgd else {"beta1": 0.95, "beta2": 0.98})})
    params = random(0, 1, torch.float64)
    leaves = [p[0].clone().requires_grad_() for p in params.values()]
    if sgd:
        theirs = package.SGDScheduleFree(leaves, momentum=0.8, foreach=False, **options)
    else:
        theirs = package.AdamWScheduleFree(leaves, betas=(0.95, 0.98), foreach=False, **options)
    state = init(rule, params, [hyper])
    theirs.train()
    for t in range(1, STEPS + 1):
        grads, now = random(t, 1, torch.float64), rates(hyper, t)
        update(rule, params, grads, state, [now], t)
        theirs.param_groups[0]["lr"] = now["lr"]
        for leaf, g in zip(leaves, grads.values(), strict=True):
            leaf.grad = g[0].clone()
        theirs.step()
    for s in state.values():
        assert float(s["weight_sum"]) == pytest.approx(theirs.param_groups[0]["weight_sum"], rel=1e-13)
        assert float(s["lr_max"]) == theirs.param_groups[0]["lr_max"]
    for p, leaf in zip(params.values(), leaves, strict=True):
        torch.testing.assert_close(p[0], leaf, rtol=1e-12, atol=1e-13)
    theirs.eval()
    for (name, p), leaf in zip(params.items(), leaves, strict=True):
        measured = rule.evaluated(p, state[name], hyper)
        torch.testing.assert_close(measured[0], leaf, rtol=1e-12, atol=1e-13)


def lamb(w, g, s, t, lr, decay, decoupled):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    w = w * (1 - lr * decay * decoupled)
    u = s["m"] / (1 - 0.9**t) / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-6) + decay * (not decoupled) * w
    sizes = np.sqrt((w**2).sum()), np.sqrt((u**2).sum())
    return w - lr * (sizes[0] / sizes[1] if min(sizes) > 0 else 1) * u


def lion(w, g, s, t, lr, decay, decoupled):
    w = w * (1 - lr * decay)
    w = w - lr * np.sign(0.9 * s.get("m", 0) + 0.1 * g)
    s["m"] = 0.99 * s.get("m", 0) + 0.01 * g
    return w


@pytest.mark.parametrize(
    ("rule", "equations"),
    [(LAMB(), lamb), (LAMB(weight_decay=0.1), lamb), (LAMB(weight_decay=0.1, decoupled=True), lamb),
     (Lion(), lion), (Lion(weight_decay=0.1), lion)],
    ids=str,
)  # fmt: skip
def test_rules_are_their_equations(rule, equations):
    params = random(0, 1, torch.float64) | {"zero": torch.zeros(1, 3, dtype=torch.float64)}
    twins, states = {name: p[0].numpy().copy() for name, p in params.items()}, {name: {} for name in params}
    state = init(rule, params, [rule.hyper])
    for t in range(1, STEPS + 1):
        grads, now = random(t, 1, torch.float64), rates(rule.hyper, t)
        grads["zero"] = torch.zeros(1, 3, dtype=torch.float64)
        update(rule, params, grads, state, [now], t)
        for name, g in grads.items():
            decoupled = getattr(rule, "decoupled", True)
            twins[name] = equations(
                twins[name], g[0].numpy(), states[name], t, now["lr"], now["weight_decay"], decoupled
            )
    for name, p in params.items():
        np.testing.assert_allclose(p[0].numpy(), twins[name], rtol=1e-12, atol=1e-14)


def test_a_muon_without_matrices_is_adamw():
    rule, twin = Muon(lr=0.01), adamw(lr=0.01)
    params = random(0, 2, torch.float32, {"b": (5,), "k": (2, 3, 4)})
    other = {name: p.clone() for name, p in params.items()}
    state, twin_state = init(rule, params, [rule.hyper] * 2), init(twin, other, [twin.hyper] * 2)
    for t in range(1, STEPS + 1):
        grads = random(t, 2, torch.float32, {"b": (5,), "k": (2, 3, 4)})
        update(rule, params, grads, state, [rule.hyper] * 2, t)
        update(twin, other, grads, twin_state, [twin.hyper] * 2, t)
    assert all(torch.equal(p, other[name]) for name, p in params.items())


def test_a_rate_of_zero_leaves_the_schedule_free_average_alone():
    rule = ScheduleFreeSGD()
    params = {"w": torch.ones(1, 3)}
    state = init(rule, params, [rule.hyper])
    update(rule, params, {"w": torch.ones(1, 3)}, state, [rule.filled({"lr": 0})], 1)
    assert torch.equal(params["w"], torch.ones(1, 3))
    assert not state["w"]["weight_sum"].any()
