"""A trial of stacking: the stack must give what each seed's model gives alone.

That nothing raises is not enough: a module that keeps state outside its parameters and buffers, or assigns a buffer
instead of writing into it, runs under `vmap` and trains another model without a word.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from surefoot.core.errors import SurefootError, brief
from surefoot.tasks import Prepared
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.split import Batch
from surefoot.tasks.tree import Tree, call, leaves, mapped
from surefoot.training.forward import backward, in_precision, measured
from surefoot.training.randomness import LOOK, key, keyed
from surefoot.training.trainer import initial_model

if TYPE_CHECKING:
    from surefoot.training.fused import FusedTrainer

STEPS = (0, 1)  # twice, so that what changes from call to call is seen
GRADIENT = "the gradient of "
CLOSE = {
    torch.float64: 1e-8,
    torch.float32: 1e-3,
}  # relative to the largest entry (of all gradients): rounding is far below
ROUGH = 0.05  # in other types, and where bfloat16 is in between


class CannotStackError(SurefootError):
    """Rows of this model cannot be trained together; says why."""


def try_stack(trainer: "FusedTrainer") -> set[str]:
    """The parameters that the loss does not reach. Raises CannotStackError where the stack is not its rows.

    The trainer's buffers are as before; its model has been called and should be made anew.
    """
    task, seeds = trainer.task, trainer.seeds
    batch = task.train.take(torch.arange(min(task.batch_size, len(task.train)), device=task.device))
    x, y = mapped(lambda tensor: tensor.expand(len(seeds), *tensor.shape), batch)
    look = InMemory(*task.watched.take(torch.arange(min(2, len(task.watched)), device=task.device)))
    buffers = {name: value.clone() for name, value in trainer.buffers.items()}
    try:
        seen = []
        for step in STEPS:
            noise = trainer.noise([step])[0]
            grads, losses, buffers = trainer.model.gradients(trainer.params, buffers, x, y, noise)
            held = {name: value.clone() for name, value in buffers.items()}
            seen.append({"the loss": losses, **_named(GRADIENT, grads), **_named("the buffer ", held)})
        outputs = trainer.model.outputs(trainer.params, buffers, trainer.noise([LOOK])[0], look)
        seen.append(_numbered(outputs))
    except Exception as failure:  # whatever the model does that rows cannot share
        raise CannotStackError(brief(failure)) from failure
    idle: set[str] = set()
    for seed, slot in {seed: slot for slot, seed in enumerate(seeds)}.items():
        idle |= _compare(seen, slot, _alone(task, seed, batch, look.x), CLOSE if task.precision == "full" else {})
    return idle


def _alone(task: Prepared, seed: int, batch: Batch, look: Tree) -> list[dict[str, Tensor | None]]:
    model = initial_model(task, seed).train()
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    seen: list[dict[str, Tensor | None]] = []
    x, y = batch
    for step in STEPS:
        model.zero_grad()
        loss = backward(task, model, x, y, torch.tensor(key(seed, step), device=task.device))
        grads = {name: p.grad for name, p in model.named_parameters() if name in trainable}
        held = dict(model.named_buffers()) | {n: p for n, p in model.named_parameters() if n not in trainable}
        held = {name: value.detach().clone() for name, value in held.items()}
        seen.append({"the loss": loss, **_named(GRADIENT, grads), **_named("the buffer ", held)})
    with torch.no_grad(), keyed(torch.tensor(key(seed, LOOK), device=task.device)), in_precision(task):
        seen.append({**_numbered(measured(task, call(model.eval(), look)))})
    return seen


def _compare(
    stack: list[dict[str, Tensor]], k: int, alone: list[dict[str, Tensor | None]], near: Mapping[torch.dtype, float]
) -> set[str]:
    idle = set()
    for stacked, single in zip(stack, alone, strict=True):
        steepest = max((_largest(value) for name, value in single.items() if name.startswith(GRADIENT)), default=0.0)
        for name, value in single.items():
            if value is None:
                idle.add(name.removeprefix(GRADIENT))
            elif not _close(stacked[name][k], value, steepest if name.startswith(GRADIENT) else _largest(value), near):
                raise CannotStackError(f"{name} of the stacked model differs from that of the model alone")
    return idle


def _largest(value: Tensor | None) -> float:
    return 0.0 if value is None or value.numel() == 0 else float(value.abs().max())


def _close(ours: Tensor, theirs: Tensor, scale: float, near: Mapping[torch.dtype, float]) -> bool:
    if not theirs.is_floating_point():
        return torch.equal(ours, theirs)
    gap = ((ours - theirs).abs() / max(scale, 1e-30)).nan_to_num(0.0)  # where both are not finite they agree
    return torch.equal(ours.isfinite(), theirs.isfinite()) and bool((gap <= near.get(theirs.dtype, ROUGH)).all())


def _numbered(outputs: Tree) -> dict[str, Tensor]:
    found = leaves(outputs)
    return {"the outputs" if len(found) == 1 else f"output {i + 1}": tensor for i, tensor in enumerate(found)}


def _named(what: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{what}{name}": value for name, value in values.items()}
