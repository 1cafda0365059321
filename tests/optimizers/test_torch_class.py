"""Any class of torch optimizer as a rule: other packages', and the user's own."""

import subprocess
import sys

import pytest
import torch
from torch.optim import Optimizer

from surefoot.core.errors import RecipeError
from surefoot.optimizers import (
    adam,
    evaluating,
    init,
    parse,
    set_hyper,
    torch_class,
    torch_optimizer,
    torch_source,
    update,
)


class Halving(Optimizer):
    """A user's own: p ← p - lr·scale·g, and half of it in every third update."""

    def __init__(self, params, lr=0.1, scale=2.0, every=3, kind="plain", betas=(0.9, 0.99), hidden=1.0):
        super().__init__(params, {"lr": lr, "scale": scale, "every": every, "kind": kind, "betas": betas})
        self.hidden, self.steps = hidden, 0

    @torch.no_grad()
    def step(self, closure=None):
        self.steps += 1
        for group in self.param_groups:
            assert isinstance(group["every"], int)
            share = 0.5 if self.steps % group["every"] == 0 else 1.0
            for p in group["params"]:
                p.sub_(p.grad, alpha=share * group["lr"] * group["scale"])


class NoRate(Halving):
    def __init__(self, params, scale=1.0):
        super().__init__(params, scale=scale)


class Needy(Halving):
    def __init__(self, params, model, steps, lr=0.1):
        super().__init__(params, lr, every=steps)


class Closed(Halving):
    def step(self, closure):
        return closure()


class Broken(Halving):
    def step(self, closure=None):
        raise RuntimeError("backward with create_graph=True first\nor not")


class Fussy(Halving):
    def __init__(self, params, lr=0.1, scale=1.0):
        if scale > 5:
            raise ValueError("scale is too large")
        super().__init__(params, lr, scale)


class Rateless(Halving):
    def __init__(self, params, lr):
        super().__init__(params, lr)


HERE = f"{__name__}:"


def trained(optimizer, p, rule=None, rates=None, steps=8):
    for t in range(steps):
        p.grad = torch.cos(p.detach() + t)
        if rates:
            set_hyper(optimizer, rule, {"lr": rates[t]})
        optimizer.step()
    return p.detach()


def start():
    return torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_()


def test_a_class_of_ones_own():
    rule = torch_class(Halving, scale=3, betas=[0.8, 0.9], clip_norm=1.0)
    assert str(rule) == f"torch_class('{HERE}Halving', betas=[0.8, 0.9], scale=3.0, clip_norm=1.0)"
    assert parse(str(rule)) == rule
    assert hash(parse(str(rule))) == hash(rule)
    assert rule.hyper == {"lr": 0.1, "scale": 3.0, "every": 3.0, "clip_norm": 1.0, "clip_value": 0.0, "ema": 0.0}
    ours, theirs, rates = start(), start(), [0.1 * (1 + t) for t in range(8)]
    optimizer = torch_optimizer(rule, [ours], {"lr": 0.5})
    assert type(optimizer) is Halving
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"]) == (0.5, (0.8, 0.9))
    trained(optimizer, ours, rule, rates)
    plain = Halving([theirs], scale=3.0)
    for t, rate in enumerate(rates):
        plain.param_groups[0]["lr"] = rate
        theirs.grad = torch.cos(theirs.detach() + t)
        plain.step()
    assert torch.equal(ours, theirs)
    set_hyper(optimizer, rule, {"lr": 0.1, "every": 2, "scale": 4})
    assert [optimizer.param_groups[0][key] for key in ("every", "scale")] == [2, 4.0]


def test_equal_rules_have_equal_text():
    assert torch_class(Halving, scale=2, lr=0.1) == torch_class(Halving)
    assert str(torch_class(Halving, every=3)) == f"torch_class('{HERE}Halving')"
    assert torch_class(Halving, scale=3).structure == torch_class(Halving, scale=4, lr=1).structure
    assert torch_class(Halving, kind="other").structure != torch_class(Halving).structure
    assert torch_class(Rateless).hyper["lr"] == 1e-3
    assert torch_class(Halving, hidden=2).hyper.keys() == torch_class(Halving).hyper.keys()  # no group has it


def test_arguments_that_a_class_needs():
    rule = torch_class(Needy, model="small", steps=2)
    assert parse(str(rule)) == rule
    assert torch_optimizer(rule, [start()]).param_groups[0]["every"] == 2


def test_torchs_own_by_name():
    rule = parse("torch_class('torch.optim.Rprop', lr=0.1, etas=[0.4, 1.3])")
    ours, theirs = start(), start()
    trained(torch_optimizer(rule, [ours]), ours)
    assert torch.equal(ours, trained(torch.optim.Rprop([theirs], lr=0.1, etas=(0.4, 1.3)), theirs))
    assert torch_source(rule) is None


def test_a_model_at_a_time():
    rule = torch_class(Halving)
    assert not rule.stackable
    assert adam().stackable
    params = {"w": torch.ones(2, 3)}
    state = init(rule, params, [rule.hyper] * 2)
    with pytest.raises(RecipeError, match=r"updates one model at a time: rows of it cannot be stacked\. Train"):
        update(rule, params, params, state, [rule.hyper] * 2, 1)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("schedulefree.AdamWScheduleFree", {"betas": (0.95, 0.99), "weight_decay": 0.1}),
        ("prodigyopt.Prodigy", {"d_coef": 2.0, "betas": (0.9, 0.99), "slice_p": 2}),
        ("pytorch_optimizer.AdaBelief", {"weight_decay": 0.1, "rectify": True}),
        ("pytorch_optimizer.SOAP", {"precondition_frequency": 2}),
        ("pytorch_optimizer.Lion", {}),
    ],
)
def test_other_packages(text, options):
    package, name = text.split(".")
    module = pytest.importorskip(package, reason=f"{package} is not installed")
    rule = torch_class(text, **options)
    assert parse(str(rule)) == rule
    ours, theirs = start(), start()
    optimizer, plain = torch_optimizer(rule, [ours]), getattr(module, name)([theirs], **options)
    if hasattr(plain, "train"):
        plain.train()
    trained(optimizer, ours, rule, [rule.hyper["lr"]] * 8)
    assert torch.equal(ours, trained(plain, theirs))
    with evaluating(optimizer):
        if hasattr(plain, "eval"):
            plain.eval()
        assert torch.equal(ours, theirs)
    trained(optimizer, ours)


def test_modes():
    module = pytest.importorskip("schedulefree", reason="schedulefree is not installed")
    p = start()
    optimizer = torch_optimizer(torch_class(module.SGDScheduleFree), [p])
    trained(optimizer, p)
    y = p.detach().clone()
    with pytest.raises(KeyError), evaluating(optimizer):
        raise KeyError(float(p.detach().sub(y).abs().max()) > 0)
    assert torch.allclose(p, y)
    plain = torch_optimizer(adam(), [p])
    with evaluating(plain):
        assert torch.allclose(p, y)


@pytest.mark.parametrize(
    ("kind", "arguments", "says"),
    [
        ("nopackage.Fast", {}, "nopackage is not installed.*Pip install nopackage"),
        ("torch.optim.Adma", {}, "torch.optim has no Adma. Did you mean 'Adam"),
        ("torch.nn.Linear", {}, "torch.nn.Linear is no subclass of torch.optim.Optimizer"),
        ("torch.nn.functional.relu", {}, "is no subclass of torch.optim.Optimizer"),
        ("Adam", {}, "this names no class; received 'Adam'. Write it like: prodigyopt.Prodigy"),
        ("os; rm.X", {}, "this names no class"),
        (torch.optim.LBFGS, {}, "asks for the loss again within an update"),
        (Closed, {}, "asks for the loss again within an update"),
        (NoRate, {}, "takes no lr"),
        (Needy, {}, "Needy needs model, steps.*for the rest give a subclass"),
        (Needy, {"model": torch.nn.Linear(1, 1), "steps": 2}, "model of .*Needy must be a number, a text"),
        (Broken, {}, "an update of .*Broken failed: RuntimeError: backward with create_graph=True first. Choose"),
        (Fussy, {"scale": 6}, "refuses its arguments or parameters: ValueError: scale is too large; received"),
        (Halving, {"scle": 3.0}, "has no argument 'scle'. Did you mean 'scale'"),
        (Halving, {"scale": float("inf")}, "scale of .*Halving must be a finite number"),
        (Halving, {"kind": torch.ones(1)}, "kind of .*Halving must be a number, a text"),
        (Halving, {"lr": -1.0}, "lr of torch_class must be a finite number"),
        (Halving, {"ema": 1.0}, "ema of torch_class must lie below 1"),
        (lambda params, lr: None, {}, "this is not a class"),
        (Halving([torch.ones(1)]), {}, "this is not a class"),
    ],
    ids=str,
)
def test_refused(kind, arguments, says):
    with pytest.raises(RecipeError, match=says):
        torch_class(kind, **arguments)


def test_classes_that_could_not_be_found_again_are_refused():
    class Local(Halving):
        pass

    with pytest.raises(RecipeError, match="Local is made inside a function, where it cannot be found again"):
        torch_class(Local)
    twin = type("Halving", (Optimizer,), {"__module__": __name__})
    with pytest.raises(RecipeError, match="is another class of that name"):
        torch_class(twin)


def test_a_module_that_fails(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "failing_module.py").write_text("1 / 0")
    (tmp_path / "needing_module.py").write_text("import nopackage")
    with pytest.raises(RecipeError, match="importing failing_module failed: ZeroDivisionError: division by zero"):
        parse("torch_class('failing_module.Fast')")
    with pytest.raises(RecipeError, match="importing needing_module failed: ModuleNotFoundError: No module named 'nop"):
        parse("torch_class('needing_module.Fast')")


def test_a_class_of_a_script():
    program = (
        "import torch, surefoot as sf\n"
        "class Mine(torch.optim.SGD):\n"
        "    pass\n"
        "rule = sf.optimizers.torch_class(Mine, momentum=0.5)\n"
        "assert sf.optimizers.parse(str(rule)) == rule\n"
        "print(rule)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "torch_class('__main__:Mine', momentum=0.5)\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("torch_class", "missing a required argument: 'kind'"),
        ("torch_class('torch.optim.Rprop', lr=cosine())", "A schedule goes beside the optimizer"),
        ("torch_class('torch.optim.Rprop', 0.1)", "cannot call torch_class"),
        ("torch_class(0.1)", "this is not a class"),
    ],
)
def test_refused_text(text, says):
    with pytest.raises(RecipeError, match=says):
        parse(text)


def test_hyper_is_checked():
    rule = torch_class(Halving)
    assert rule.filled({"scale": -1.0})["scale"] == -1.0
    with pytest.raises(RecipeError, match=r"scale of .*Halving must be a finite number; received nan"):
        rule.filled({"scale": float("nan")})
    with pytest.raises(RecipeError, match="torch_class has no hyperparameter 'momentum'"):
        rule.filled({"momentum": 0.9})
