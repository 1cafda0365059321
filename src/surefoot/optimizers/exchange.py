"""One row's optimizer state as a torch.optim state dict, and back."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.optimizers.rule import Hyper, Rule, State
from surefoot.optimizers.rules import SGD
from surefoot.optimizers.torch_form import RuleOptimizer, torch_optimizer


def export_row(
    rule: Rule, params: Mapping[str, Tensor], state: Mapping[str, State], hyper: Hyper, t: int
) -> dict[str, Any]:
    """The state dict that `torch_optimizer(rule, params.values(), hyper)` would have after `t` updates of its own.

    Parameters: `params` and `state` of one row (no leading axis), in the model's order; `hyper` of the last update.

    >>> from surefoot.optimizers import sgd
    >>> export_row(sgd(momentum=0.9), {"w": torch.ones(1)}, {"w": {"momentum_buffer": torch.ones(1)}}, {}, 3)["state"]
    {0: {'momentum_buffer': tensor([1.])}}
    """
    leaves = [p.detach() for p in params.values()]
    optimizer = torch_optimizer(rule, leaves, hyper)
    # torch's SGD counts no steps
    counted = isinstance(optimizer, RuleOptimizer) or not isinstance(optimizer, torch.optim.SGD)
    for leaf, buffers in zip(leaves, (state[name] for name in params), strict=True):
        if t > 0:
            step = {"step": torch.tensor(float(t))} if counted else {}
            optimizer.state[leaf] = step | {name: buffer.clone() for name, buffer in buffers.items()}
    return optimizer.state_dict()


def import_row(
    rule: Rule, params: Mapping[str, Tensor], state_dict: Mapping[str, Any]
) -> tuple[dict[str, State], int | None]:
    """The state of one row, and the number of updates it has had: None where the state dict does not say (torch's SGD).

    Parameters: `params` of one row, in the order of the optimizer's parameters; `state_dict` of a torch optimizer of
    the rule's form. Raises RecipeError where names or shapes are not those of the rule's state.

    >>> model = torch.nn.Linear(2, 1)
    >>> from surefoot.optimizers import adam
    >>> import_row(adam(), dict(model.named_parameters()), torch.optim.Adam(model.parameters()).state_dict())[1]
    0
    """
    state: dict[str, State] = {}
    steps = set()
    for index, (name, p) in enumerate(params.items()):
        saved = {key: value for key, value in state_dict["state"].get(index, {}).items() if value is not None}
        if "step" in saved:
            steps.add(int(saved.pop("step")))
        state[name] = rule.init(p.detach(), rule.hyper) | _fitting(rule, name, p.detach(), saved)
    if len(steps) > 1:
        raise RecipeError("the parameters have had different numbers of updates", received=sorted(steps))
    if steps:
        return state, steps.pop()
    return state, None if isinstance(rule, SGD) else 0


def _fitting(rule: Rule, name: str, p: Tensor, saved: Mapping[str, Tensor]) -> State:
    most = rule.init(p, {**rule.hyper, "momentum": 1.0})
    possible, shapes = most.keys(), {key: value.shape for key, value in most.items()} | {"ema": p.shape}
    needed = rule.init(p, {**rule.hyper, "momentum": 0.0}).keys() if saved else set()
    if not needed <= saved.keys() <= shapes.keys():
        what = f"the state of {name!r} is not one of {rule.name}, which has {', '.join(sorted(possible))}"
        raise RecipeError(what, received=sorted(saved), remedy="read it with the rule that it was written with")
    for key, value in saved.items():
        if value.shape != shapes[key]:
            what = f"{key} of {name!r} must have the shape {list(shapes[key])}"
            raise RecipeError(what, received=list(value.shape))
    return {key: value.to(most.get(key, p), copy=True) for key, value in saved.items()}
