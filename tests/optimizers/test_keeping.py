"""All that an optimizer knows, kept as tensors and taken back: training goes on to the bit."""

import pytest
import torch

from surefoot.core.errors import RecipeError
from surefoot.optimizers import optimizer_tensors, parse, restore_optimizer_, set_hyper, torch_optimizer

RULES = [
    "momentum(lr=0.1)",
    "adam(lr=0.1, amsgrad=True)",
    "nadam",
    "adafactor",
    "muon",
    "schedule_free_sgd(lr=0.1)",
    "schedule_free_adamw",
    "keras.Nadam",
]
CLASSES = [
    "torch_class('torch.optim.ASGD')",
    "torch_class('schedulefree.AdamWScheduleFree')",
    "torch_class('prodigyopt.Prodigy')",
    "torch_class('pytorch_optimizer.SOAP', precondition_frequency=2)",
    "torch_class('pytorch_optimizer.Shampoo')",
]


def steps(optimizer, rule, params, ts):
    for t in ts:
        for p in params:
            p.grad = torch.cos(p.detach() * 3 + t)
        set_hyper(optimizer, rule, {"lr": rule.hyper["lr"] * (1 + t % 3)})
        optimizer.step()


def start(dtype):
    return [torch.linspace(-1, 1, n, dtype=dtype).reshape(shape).requires_grad_() for n, shape in SIZES]


SIZES = [(12, (3, 4)), (5, (5,))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("text", RULES + CLASSES)
def test_training_goes_on_to_the_bit(text, dtype):
    for package in ("schedulefree", "prodigyopt", "pytorch_optimizer"):
        if package in text:
            pytest.importorskip(package, reason=f"{package} is not installed")
    rule, whole, half = parse(text), start(dtype), start(dtype)
    steps(torch_optimizer(rule, whole), rule, whole, range(12))
    first = torch_optimizer(rule, half)
    steps(first, rule, half, range(6))
    saved = optimizer_tensors(first)
    assert all(isinstance(value, torch.Tensor) for value in saved.values())
    kept = {key: value.clone() for key, value in saved.items()}
    second = torch_optimizer(rule, half)
    restore_optimizer_(second, saved)
    steps(second, rule, half, range(6, 12))
    assert all(torch.equal(one, other) for one, other in zip(whole, half, strict=True))
    assert all(torch.equal(value, kept[key]) for key, value in saved.items())


def test_before_the_first_update():
    rule, params = parse("adam"), start(torch.float32)
    restore_optimizer_(torch_optimizer(rule, params), optimizer_tensors(torch_optimizer(rule, params)))


def test_what_cannot_be_kept():
    optimizer = torch.optim.SGD(start(torch.float32), lr=0.1)
    optimizer.param_groups[0]["helper"] = object()
    with pytest.raises(RecipeError, match="the state of SGD holds a object, which no checkpoint can keep"):
        optimizer_tensors(optimizer)
