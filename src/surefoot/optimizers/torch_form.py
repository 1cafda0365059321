"""Rules as torch.optim optimizers: torch's own class where it has that very form, else one that applies the rule.

The plain twin of the population, and what a trained run hands on to an ordinary script.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.optimizers.rule import AROUND, Hyper, Rule
from surefoot.optimizers.rules import SGD, Adadelta, Adafactor, Adagrad, Adam, Adamax, NAdam, RAdam, RMSprop
from surefoot.optimizers.torch_class import TorchClass


class RuleOptimizer(Optimizer):
    """Applies a rule to a model's parameters; for forms that torch.optim has not.

    Parameters: `params` and groups as for any torch optimizer; `rule`; `hyper`, in the place of the rule's own numbers.
    Every group holds the hyperparameters by the rule's names, so learning-rate schedulers work; the state dict is
    torch's usual one, with `step` beside the rule's state. Between `eval()` and `train()` the model has the weights
    that it is measured with, as schedule-free rules need it (`evaluating`).
    """

    def __init__(self, params: Iterable[Any], rule: Rule, hyper: Hyper | None = None) -> None:
        self.rule = rule
        super().__init__(params, dict(rule.filled(hyper or {})))

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient; `closure` computes the loss again, which is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            hyper = {name: float(group[name]) for name in self.rule.hyper}
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, p.grad, hyper)
        return loss

    def _update(self, p: Tensor, g: Tensor, hyper: Hyper) -> None:
        state = self.state[p]
        if not state:
            state.update(step=torch.tensor(0.0), **self.rule.init(p, hyper))
        state["step"] += 1
        self.rule.update(p, g, state, self.rule.coefficients(hyper, int(state["step"])))

    @torch.no_grad()
    def eval(self) -> None:
        """Gives the model the weights that it is measured with, where these are others."""
        self.train()
        self._own: dict[Tensor, Tensor] = {}
        for group in self.param_groups:
            for p in group["params"]:
                measured = self.rule.evaluated(p, self.state.get(p, {}), group)
                if measured is not p:
                    self._own[p] = p.clone()
                    p.copy_(measured)

    @torch.no_grad()
    def train(self) -> None:
        """Gives the model back the weights that it had before `eval`, to the bit."""
        for p, own in self.__dict__.pop("_own", {}).items():
            p.copy_(own)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's, but a buffer has the number type that the rule gives it, where torch gives it the parameter's."""
        super().load_state_dict(state_dict)
        saved = iter(state_dict["state"].get(i, {}) for group in state_dict["param_groups"] for i in group["params"])
        for group in self.param_groups:
            hyper = {name: float(group[name]) for name in self.rule.hyper}
            for p, own in zip(group["params"], saved, strict=False):
                types = {key: value.dtype for key, value in self.rule.init(p.detach(), hyper).items()}
                for key in own.keys() & types.keys():
                    self.state[p][key] = own[key].to(p.device, types[key], copy=True)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"rule": self.rule}


def torch_optimizer(rule: Rule, params: Iterable[Any], hyper: Hyper | None = None) -> Optimizer:
    """An optimizer that follows the rule: torch's own where it has that form (as a loop), the class of a
    `torch_class`, else a RuleOptimizer.

    Parameters: `params` as for any torch optimizer; `hyper`, in the place of the rule's own numbers. Raises RecipeError
    for a number out of range.

    >>> type(torch_optimizer(Adam(decoupled=True), [torch.ones(1)])).__name__
    'AdamW'
    """
    if isinstance(rule, TorchClass):
        return rule.make(params, rule.filled(hyper or {}))
    if (native := _native(rule, rule.filled(hyper or {}))) is None:
        return RuleOptimizer(params, rule, hyper)
    kind, arguments = native
    return kind(params, foreach=False, **arguments)


def set_hyper(optimizer: Optimizer, rule: Rule, hyper: Hyper, group: int | None = None) -> None:
    """Gives every group of `optimizer`, or one, the hyperparameters of this step; it was made from `rule` by
    `torch_optimizer`.

    What `hyper` leaves out is the rule's own. Raises RecipeError for a number out of range.
    """
    filled = rule.filled(hyper)
    native = None if isinstance(optimizer, RuleOptimizer) else _native(rule, filled)
    own = rule.arguments(filled) if isinstance(rule, TorchClass) else filled
    values = own if native is None else native[1]
    for each in optimizer.param_groups if group is None else [optimizer.param_groups[group]]:
        each.update(values)
    if isinstance(optimizer, torch.optim.RMSprop) and filled["momentum"] > 0:
        for state in optimizer.state.values():  # torch makes this buffer in the first step or never
            state.setdefault("momentum_buffer", torch.zeros_like(state["square_avg"]))


def torch_source(rule: Rule, hyper: Hyper | None = None) -> str | None:
    """The line of Python that makes this optimizer in torch, or None where torch has no such form.

    >>> torch_source(SGD(lr=0.1, momentum=0.9))
    'torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)'
    """
    if (native := _native(rule, rule.filled(hyper or {}))) is None:
        return None
    kind, arguments = native
    usual = inspect.signature(kind).parameters
    shown = [f"{name}={value!r}" for name, value in arguments.items() if name == "lr" or value != usual[name].default]
    return f"torch.optim.{kind.__name__}(model.parameters(), {', '.join(shown)})"


def _native(rule: Rule, h: Hyper) -> tuple[Callable[..., Optimizer], dict[str, Any]] | None:
    """The class of torch.optim and its arguments, where torch has this very form; clipping and averages are apart."""
    h = {name: value for name, value in h.items() if name not in AROUND}
    match rule:
        case SGD(form="heavy-ball", decoupled=False, nesterov=nesterov):
            return torch.optim.SGD, {**h, "nesterov": nesterov}
        case SGD(form="average-first", decoupled=False):
            return torch.optim.SGD, {**h, "dampening": h["momentum"]}
        case Adagrad(eps_inside=False, decoupled=False):
            return torch.optim.Adagrad, dict(h)
        case RMSprop(eps_inside=False, lr_inside_momentum=False, decoupled=False, centered=centered):
            return torch.optim.RMSprop, {**h, "centered": centered}
        case Adadelta(decoupled=False):
            return torch.optim.Adadelta, dict(h)
        case Adam(form="torch", decoupled=decoupled, amsgrad=amsgrad):
            return (torch.optim.AdamW if decoupled else torch.optim.Adam), _paired(h, amsgrad=amsgrad)
        case NAdam(momentum_schedule=True, decoupled=decoupled):
            return torch.optim.NAdam, _paired(h, decoupled_weight_decay=decoupled)
        case RAdam(form="torch", decoupled=decoupled):
            return torch.optim.RAdam, _paired(h, decoupled_weight_decay=decoupled)
        case Adamax(form="torch", decoupled=False):
            return torch.optim.Adamax, _paired(h)
        case Adafactor(form="torch", relative_step=True, scale_parameter=True, min_dim=0):
            rest = {name: value for name, value in h.items() if name not in ("eps1", "eps2")}
            return torch.optim.Adafactor, {**rest, "eps": (h["eps1"] or None, h["eps2"])}
    return None


def _paired(h: Hyper, **choices: bool) -> dict[str, Any]:
    """Arguments with both betas in one, as torch has them."""
    rest = {name: value for name, value in h.items() if name not in ("lr", "beta1", "beta2")}
    return {"lr": h["lr"], "betas": (h["beta1"], h["beta2"]), **rest, **choices}
