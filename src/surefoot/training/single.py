"""One model and its plain `torch.optim` optimizer: what the loop trainer trains, and what a script goes on with."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from attrs import frozen
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from surefoot.optimizers import Average, clip_gradients_, evaluating, set_hyper, torch_optimizer
from surefoot.optimizers.scopes import Part
from surefoot.tasks import Prepared
from surefoot.training.parts import parts_of
from surefoot.training.trainer import Row, initial_model


@frozen(eq=False)
class Single:
    """One model and its optimizer. `origin`: which of the trainer's first rows it was, or was forked from."""

    row: Row
    origin: int
    model: torch.nn.Module
    parts: tuple[Part, ...]
    optimizer: torch.optim.Optimizer
    average: Average | None

    @classmethod
    def of(cls, task: Prepared, row: Row, origin: int = 0) -> "Single":
        """Before the first update."""
        model = initial_model(task, row.seed)
        named = dict(model.named_parameters())
        parts = parts_of(row.hyper, model)
        groups = [[named[name] for name in part.params] for part in parts]
        first = parts[0].hyper(row.hyper)
        given: Any = groups[0] if len(groups) == 1 else [{"params": group} for group in groups]
        averaged = row.hyper["ema"] > 0 or "ema" in row.moving
        average = Average(p for group in groups for p in group) if averaged else None
        return cls(row, origin, model, parts, torch_optimizer(row.rule, given, first), average)

    def update(self, hyper: Mapping[str, float]) -> None:
        """One update with the gradients that there are."""
        for k, part in enumerate(self.parts):
            set_hyper(self.optimizer, self.row.rule, part.hyper(hyper), k)
        if hyper["clip_norm"] or hyper["clip_value"]:
            clip_gradients_(self.model.parameters(), self.row.rule, self.parts[0].hyper(hyper))
        self.optimizer.step()
        if self.average is not None:
            self.average.update(hyper["ema"])

    @contextmanager
    def measured(self) -> Iterator[None]:
        """The model has the weights that it is measured with inside."""
        with ExitStack() as stack:
            stack.enter_context(evaluating(self.optimizer))
            if self.average is not None:
                stack.enter_context(self.average.applied())
            yield

    def forked(self) -> "Single":
        """A copy that goes on by itself."""
        memo: dict[int, Any] = {}
        # In one go with its optimizer, which names the model's very parameters.
        twin = copy.deepcopy(self, memo)
        # torch copies of an optimizer what it knows of itself, and nothing that a class of somebody's has added.
        own = {name: value for name, value in vars(self.optimizer).items() if name not in vars(twin.optimizer)}
        vars(twin.optimizer).update(copy.deepcopy(own, memo))
        return twin

    def state(self) -> dict[str, Any]:
        """All that its further numbers depend on."""
        average = None if self.average is None else self.average.state_dict()
        held = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "average": average}
        return held | {"own": _own(self.optimizer)}

    def load(self, held: Mapping[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.model.load_state_dict(held["model"])
        self.optimizer.load_state_dict(held["optimizer"])
        _put_exactly(self.optimizer, held["optimizer"]["state"])
        vars(self.optimizer).update(held["own"])
        if self.average is not None:
            self.average.load_state_dict(held["average"])


def _own(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The plain numbers, texts and tensors that a class keeps on itself, outside what torch saves; no parameters."""
    usual = vars(torch.optim.SGD([torch.zeros(1)]))
    found = {name: value for name, value in vars(optimizer).items() if name not in usual}
    return {name: value for name, value in found.items() if all(map(_is_plain, tree_leaves(value)))}


def _is_plain(leaf: Any) -> bool:
    plain = leaf is None or isinstance(leaf, bool | int | float | str)
    return plain or (isinstance(leaf, Tensor) and not leaf.requires_grad)


def _put_exactly(optimizer: torch.optim.Optimizer, states: Mapping[Any, Any]) -> None:
    """Loading rounds states that are wider than their parameter: they are put in as they were."""

    def placed(value: Any, loaded: Any) -> Any:
        return value.to(loaded.device) if isinstance(value, Tensor) else value

    params = [p for group in optimizer.param_groups for p in group["params"]]
    for index, state in states.items():
        if isinstance(index, int):  # others are of the class's own making
            optimizer.state[params[index]] = tree_map(placed, state, optimizer.state[params[index]])
