"""A model's forward and backward for all rows at once, under `torch.func`."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from surefoot.tasks import Prepared, Split
from surefoot.tasks.tree import Tree, arguments, cat, leaves, parted
from surefoot.training.forward import in_precision, measured, noise_of, portions
from surefoot.training.randomness import keyed

OUTPUTS = 1 << 22  # numbers in flight in a forward pass when measuring

Stack = dict[str, Tensor]


class StackedModel:
    """What a model computes, apart from the numbers it computes with."""

    def __init__(self, task: Prepared, model: torch.nn.Module) -> None:
        self.task, self.model = task, model

    def gradients(self, params: Stack, buffers: Stack, x: Tree, y: Tree, noise: Tensor) -> tuple[Stack, Tensor, Stack]:
        """Each row's gradients, its loss `[K]`, and its buffers after the step.

        Parameters: `x`, `y`, the rows' batches, leaves `[K, B, ...]`; `noise`, the rows' keys `[K]`.
        """
        self.model.train()

        def loss_of(params: Stack, buffers: Stack, x: Tree, y: Tree, noise: Tensor) -> tuple[Tensor, Stack]:
            with keyed(noise), in_precision(self.task):
                return self.task.loss(self._called(params, buffers, x), y), buffers

        each_row: Any = vmap(grad_and_value(loss_of, has_aux=True))
        sums: list[tuple[Stack, Tensor]] = []
        with sdpa_kernel(SDPBackend.MATH):  # the others have no rule for stacks
            for share, number, some_x, some_y in portions(self.task, x, y, dim=1):
                key = noise_of(noise, number)
                grads, (losses, buffers) = each_row(params, buffers, some_x, some_y, key)
                if share < 1:
                    grads, losses = {name: share * grad for name, grad in grads.items()}, share * losses
                sums.append((grads, losses))
        (grads, losses), *others = sums
        for more, some in others:
            grads, losses = {name: grad + more[name] for name, grad in grads.items()}, losses + some
        return grads, losses.detach(), buffers

    @torch.no_grad()
    def outputs(self, params: Stack, buffers: Stack, noise: Tensor, split: Split) -> Tree:
        """Each row's outputs, leaves `[K, N, ...]`, in evaluation mode."""
        self.model.eval()
        form: Any = None

        def one_row(params: Stack, buffers: Stack, noise: Tensor, x: Tree) -> list[Tensor]:
            nonlocal form  # what is no tensor in the outputs cannot pass through vmap
            with keyed(noise), in_precision(self.task):
                tensors, form = parted(measured(self.task, self._called(params, buffers, x)))
            return tensors

        forward: Any = partial(vmap(one_row, in_dims=(0, 0, 0, None)), params, buffers, noise)
        with sdpa_kernel(SDPBackend.MATH):
            x, _ = split.take(torch.arange(1, device=noise.device))
            numbers = max(sum(tensor.numel() for tensor in each) for each in (forward(x), leaves(x) * len(noise)))
            found = [forward(x) for x, _ in split.parts(max(1, OUTPUTS // numbers))]
        return form(cat(found, dim=1))

    def _called(self, params: Stack, buffers: Stack, x: Tree) -> Tree:
        return functional_call(self.model, (params, buffers), *arguments(x))
