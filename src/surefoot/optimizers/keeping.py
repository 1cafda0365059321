"""All that a torch optimizer knows, as tensors: for checkpoints in which nothing is executed.

Its state dict is taken apart into its tensors and a text of what is round them: numbers, lists, and the parameter
groups, in which optimizers of other packages keep what they have learned (Prodigy's distance, schedule-free weights).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.core.errors import RecipeError

ROUND = "round"  # the name of the text


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's state dict as tensors by name, which `restore_optimizer_` takes back.

    Raises RecipeError for a state that holds more than tensors, numbers, texts, lists and dicts.

    >>> optimizer = torch.optim.SGD([torch.ones(2)], lr=0.1, momentum=0.9)
    >>> list(optimizer_tensors(optimizer))
    ['round']
    """
    tensors: list[Tensor] = []
    text = json.dumps(_apart(optimizer.state_dict(), tensors, type(optimizer).__name__))
    named = {str(index): tensor for index, tensor in enumerate(tensors)}
    return {ROUND: torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)} | named


def restore_optimizer_(optimizer: Optimizer, saved: Mapping[str, Tensor]) -> None:
    """Gives an optimizer of the same class and parameters the state that `optimizer_tensors` took, to the bit.

    torch gives a state the number type of its parameter; here it keeps its own.
    """
    text = bytes(saved[ROUND].cpu().numpy()).decode()
    tensors = [saved[str(index)] for index in range(len(saved) - 1)]
    whole = _together(json.loads(text), tensors)
    optimizer.load_state_dict(whole)
    indices = [index for group in whole["param_groups"] for index in group["params"]]
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for index, p in zip(indices, params, strict=True):
        if index in whole["state"]:
            optimizer.state[p] = _placed(whole["state"][index], optimizer.state[p])


def _apart(value: Any, tensors: list[Tensor], name: str) -> Any:
    match value:
        case Tensor():
            tensors.append(value.detach().clone())
            return {"tensor": len(tensors) - 1}
        case dict():
            return {"dict": [[_apart(key, tensors, name), _apart(item, tensors, name)] for key, item in value.items()]}
        case list() | tuple():
            return {type(value).__name__: [_apart(item, tensors, name) for item in value]}
        case None | bool() | int() | float() | str():
            return value
    what = f"the state of {name} holds a {type(value).__name__}, which no checkpoint can keep"
    raise RecipeError(what, remedy="choose an optimizer whose state is tensors and numbers")


def _together(value: Any, tensors: Sequence[Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    match kind:
        case "tensor":
            return tensors[inner].clone()
        case "dict":
            return {_together(key, tensors): _together(item, tensors) for key, item in inner}
        case _:
            items = [_together(item, tensors) for item in inner]
            return tuple(items) if kind == "tuple" else items


def _placed(value: Any, like: Any) -> Any:
    """The value with its tensors where torch has put those of `like`."""
    match value:
        case Tensor() if isinstance(like, Tensor):
            return value.to(like.device)
        case dict():
            return {key: _placed(item, like[key]) for key, item in value.items()}
        case list() | tuple():
            return type(value)(_placed(item, other) for item, other in zip(value, like, strict=True))
    return value
