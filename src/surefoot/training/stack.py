"""A model's forward and backward for all rows at once, under `torch.func`."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from surefoot.tasks import Prepared, Split
from surefoot.training.randomness import keyed

OUTPUTS = 1 << 22  # numbers in flight in a forward pass when measuring

Stack = dict[str, Tensor]


class StackedModel:
    """What a model computes, apart from the numbers it computes with."""

    def __init__(self, task: Prepared, model: torch.nn.Module) -> None:
        self.loss, self.model = task.loss, model

    def gradients(
        self, params: Stack, buffers: Stack, x: Tensor, y: Tensor, noise: Tensor
    ) -> tuple[Stack, Tensor, Stack]:
        """Each row's gradients, its loss `[K]`, and its buffers after the step.

        Parameters: `x`, `y`, the rows' batches `[K, B, ...]`; `noise`, the rows' keys `[K]`.
        """
        self.model.train()

        def loss_of(params: Stack, buffers: Stack, x: Tensor, y: Tensor, noise: Tensor) -> tuple[Tensor, Stack]:
            with keyed(noise):
                return self.loss(functional_call(self.model, (params, buffers), (x,)), y), buffers

        each_row: Any = vmap(grad_and_value(loss_of, has_aux=True))
        with sdpa_kernel(SDPBackend.MATH):  # the others have no rule for stacks
            grads, (losses, buffers) = each_row(params, buffers, x, y, noise)
        return grads, losses.detach(), buffers

    @torch.no_grad()
    def outputs(self, params: Stack, buffers: Stack, noise: Tensor, split: Split) -> Tensor:
        """Each row's outputs `[K, N, ...]` in evaluation mode."""
        self.model.eval()

        def one_row(params: Stack, buffers: Stack, noise: Tensor, x: Tensor) -> Tensor:
            with keyed(noise):
                return functional_call(self.model, (params, buffers), (x,))  # type: ignore[no-any-return]

        forward: Any = partial(vmap(one_row, in_dims=(0, 0, 0, None)), params, buffers, noise)
        with sdpa_kernel(SDPBackend.MATH):
            one = forward(split.x[:1])
            size = max(1, OUTPUTS // max(one.numel(), len(noise) * split.x[0].numel()))
            return torch.cat([forward(x) for x in torch.split(split.x, size)], dim=1)
